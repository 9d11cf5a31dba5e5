"""Delta debugging over a verdict function; it knows no tensors and no models."""
