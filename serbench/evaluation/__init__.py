"""Plan folds, run each in processes of its own, and write what they leave behind."""
