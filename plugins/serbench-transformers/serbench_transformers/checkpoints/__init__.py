"""Checkpoints of encoders: find, download, convert and load them."""
