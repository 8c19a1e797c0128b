"""RAVDESS, CREMA-D, IEMOCAP and a synthetic corpus for serbench."""

__version__ = "0.1.0"
