"""Published corpora, each described by a page of TOML in this folder."""
