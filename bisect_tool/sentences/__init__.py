"""All sentences of the report, by what they speak of; they take numbers and names, and decide nothing."""
