"""Find plugins, import their objects, and identify the source of their code."""
