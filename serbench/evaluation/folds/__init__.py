"""One fold: its data, its model in a process of its own, and its result."""
