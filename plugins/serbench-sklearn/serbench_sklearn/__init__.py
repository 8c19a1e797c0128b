"""Light serbench models without torch: classifiers on functionals, and chance."""

__version__ = "0.1.0"
