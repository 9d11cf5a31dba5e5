"""One way of asking where a port goes wrong each: calls, lines, initial values, gradients, the optimizer."""
