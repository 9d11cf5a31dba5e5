"""Variables of the recipe's own functions, seen by hooks in their source."""
