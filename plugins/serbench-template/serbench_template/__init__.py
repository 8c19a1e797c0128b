"""Begins a plugin of serbench: small packages that work, which take the author's name."""

__version__ = "0.1.0"
