"""What a submission consists of: pack one, and read one safely."""
