"""Mistakes in a file that a user wrote or handed over, in words."""

from __future__ import annotations

from pydantic import ValidationError


def explain(error: ValidationError) -> str:
    """Return every mistake of a pydantic error on one line: where, what was expected, what was found."""
    parts = []
    for item in error.errors(include_url=False):
        where = ".".join(str(key) for key in item["loc"])
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            parts.append(f"{where}: unknown key")
        elif item["type"] == "missing":
            parts.append(f"{where}: missing")
        else:
            message = message.replace("valid tuple", "list")
            found = item["input"] if isinstance(item["input"], (str, int, float)) else type(item["input"]).__name__
            parts.append(f"{where}: {message}" + ("" if "found" in message else f", found {found!r}"))
    return "; ".join(parts)
