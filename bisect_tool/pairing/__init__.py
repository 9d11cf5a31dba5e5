"""Which names of the port stand for which of the reference's."""
