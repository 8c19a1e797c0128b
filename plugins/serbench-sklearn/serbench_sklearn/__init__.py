"""Light serbench models without torch: functionals with linear classifiers, and chance."""

__version__ = "0.1.0"
