"""What the worker needs to know about each framework."""
