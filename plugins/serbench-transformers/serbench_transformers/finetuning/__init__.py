"""Fine-tune encoders: the model `transformer`."""
