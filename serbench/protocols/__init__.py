"""How a corpus is split, and what a split shares between training and test."""
