"""An engine for serbench."""
