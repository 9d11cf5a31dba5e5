"""Tests of the command line as a user runs it: a package, so that its conftest is not taken for the one above."""
