"""Metrics of predictions, their intervals over speakers, and tests between models."""
