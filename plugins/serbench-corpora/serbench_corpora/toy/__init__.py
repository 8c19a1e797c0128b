"""Synthesise the corpus `toy`: twelve speakers, thirteen sentences, four emotions."""
