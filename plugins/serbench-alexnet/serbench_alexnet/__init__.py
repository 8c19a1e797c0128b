"""AlexNet on mel spectrograms."""

__version__ = "0.1.0"
