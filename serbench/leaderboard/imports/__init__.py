"""Make submissions from predictions that others published."""
