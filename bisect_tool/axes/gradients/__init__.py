"""Whose backward pass is wrong, and who gets no gradient."""
