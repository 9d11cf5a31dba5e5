"""Captures: the tensors of one reference run on disk, with a manifest that is checked before it is used."""
