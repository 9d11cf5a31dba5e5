"""Probes: one run of the port under one intervention, cached, with receipts."""
