"""The axis of crashes: where the port raises, after which layers, and which variable is of another kind by then."""
