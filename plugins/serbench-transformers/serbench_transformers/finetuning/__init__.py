"""Fine-tuning of an encoder."""
