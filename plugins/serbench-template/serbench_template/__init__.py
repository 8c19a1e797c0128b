"""Write the package of a new plugin of serbench from a template."""

__version__ = "0.1.0"
