"""Studies: many models on many corpora with several seeds, planned and shown together."""
