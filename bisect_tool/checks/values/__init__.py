"""What is wrong with the values of a port's tensor, in words."""
