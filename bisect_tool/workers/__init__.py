"""The parent's side of the wire: start a model's process, ask it, survive it."""
