"""Findings in words: plain functions that say what differs, with numbers."""
