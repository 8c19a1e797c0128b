"""Plan a run, compute each fold in processes of its own, and write the results."""
