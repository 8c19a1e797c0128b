"""Find plugins, import what they offer, and identify whose code it is."""
