"""Run the folds of serbench on a Ray cluster."""

__version__ = "0.1.0"
