"""What differs before any run: names, shapes, counts, settings."""
