"""Rival systems of the paper's Table III, each with what its plugin keeps of the published one."""

__version__ = "0.1.0"
