"""Compare runs on the same utterances."""
