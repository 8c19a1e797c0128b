"""Corpora of files whose names say everything, each described by a page of TOML in this folder."""
