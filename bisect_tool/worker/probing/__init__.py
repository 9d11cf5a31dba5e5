"""Runs of a port under an intervention."""
