"""Find out what a corpus on this disk really holds: its defects, copies and distributions."""
