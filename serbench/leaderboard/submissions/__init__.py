"""Pack a run into a submission, and read submissions safely."""
