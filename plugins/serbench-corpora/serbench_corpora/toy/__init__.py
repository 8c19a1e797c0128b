"""The toy corpus: synthetic speech for trying things out."""
