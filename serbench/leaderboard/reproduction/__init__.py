"""Run folds of a submission again, and compare."""
