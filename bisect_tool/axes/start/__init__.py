"""Which initial values differ from the reference's."""
