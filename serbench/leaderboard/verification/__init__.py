"""Check a submission: its protocol, counts, scores and claims."""
