"""Fine-tuned and frozen transformer encoders of speech."""

__version__ = "0.1.0"
