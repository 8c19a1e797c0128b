"""Features for serbench."""
