"""Encoders that compute several utterances at once, with the same outputs as for each alone."""
