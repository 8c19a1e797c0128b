"""Perturbations of test audio for serbench: noise, codecs, reverberation, and others."""

__version__ = "0.1.0"
