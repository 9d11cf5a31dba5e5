"""Arrays: in nested values, compared, and on disk."""
