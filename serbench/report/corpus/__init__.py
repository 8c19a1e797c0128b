"""The page that describes a corpus."""
