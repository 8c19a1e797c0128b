"""Features of control models: what an emotion classifier should not need.

A corpus whose labels can be guessed from them can be scored without hearing emotion.
"""
