"""A perturbation of test audio for serbench."""
