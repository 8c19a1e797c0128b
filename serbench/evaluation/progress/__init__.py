"""Progress: who is told about it, how it is shown, and where it is stored."""
