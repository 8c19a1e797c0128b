"""Read audio, extract features and store them."""
