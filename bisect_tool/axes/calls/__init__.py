"""Which module call computes something else than the reference's."""
