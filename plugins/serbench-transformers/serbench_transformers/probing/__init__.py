"""Learn from the layers of frozen encoders: `transformer-layers` and `transformer-probe`."""
