"""Whether the optimizer takes the reference's step."""
