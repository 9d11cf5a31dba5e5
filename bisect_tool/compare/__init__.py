"""Tolerances: how far an honest port may be off. numbers only."""
