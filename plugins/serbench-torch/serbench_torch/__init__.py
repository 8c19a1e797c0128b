"""The training loop that torch models of serbench share."""

__version__ = "0.1.0"
