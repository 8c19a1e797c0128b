"""Models on the layers of a frozen encoder."""
