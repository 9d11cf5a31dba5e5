"""Load and check a recipe: how to build the reference and its ports, and how their names correspond."""
