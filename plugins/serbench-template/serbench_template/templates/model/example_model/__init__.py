"""A model for serbench."""
