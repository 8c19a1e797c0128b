"""The commands about corpora: how protocols divide them."""
