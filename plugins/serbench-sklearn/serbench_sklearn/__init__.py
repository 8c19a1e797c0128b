"""Light models without torch."""

__version__ = "0.1.0"
