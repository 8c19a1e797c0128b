"""The commands about results: stored runs, their scores, reports and kept models."""
