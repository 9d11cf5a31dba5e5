"""What is asked of a port: a target, where it may lie, and what was asked so far."""
