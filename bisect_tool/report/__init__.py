"""What a run found, as data that is saved, printed and drawn."""
