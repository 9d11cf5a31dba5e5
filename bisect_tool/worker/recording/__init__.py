"""Runs of a reference that are written down."""
