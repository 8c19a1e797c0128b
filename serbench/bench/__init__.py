"""Measure this machine, and estimate how long an evaluation takes on it."""
