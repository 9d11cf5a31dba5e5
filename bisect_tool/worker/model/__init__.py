"""A recipe's built model: its calls, state and optimizer."""
