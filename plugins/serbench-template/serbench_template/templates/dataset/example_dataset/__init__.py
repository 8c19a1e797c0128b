"""A corpus for serbench."""
