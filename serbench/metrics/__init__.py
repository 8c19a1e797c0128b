"""Every number that is computed from truth and predictions, and how sure it is."""
