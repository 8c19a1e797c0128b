"""Encoders that compute several utterances at once as if each were alone."""
