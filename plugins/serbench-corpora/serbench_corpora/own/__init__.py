"""Corpora of one's own: a CSV table, a folder of audio, an audformat database."""
