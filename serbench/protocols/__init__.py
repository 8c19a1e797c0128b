"""Split a corpus, and check what training, validation and test sets share."""
