"""The axis of crashes: where the port raises, after which layers, and which variable that it reads is of another kind."""
