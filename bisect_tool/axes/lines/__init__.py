"""Which line of plain code computes something else."""
