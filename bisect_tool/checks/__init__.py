"""What can be seen without a probe, or in the arrays that one handed over."""
