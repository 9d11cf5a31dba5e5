"""Mistakes in a file that a user wrote or handed over, in words."""

from __future__ import annotations

from typing import Any

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
            parts.append(f"{where}: {message}" + ("" if "found" in message else f", found {_shown(item['input'])}"))
    return "; ".join(parts)


def _shown(value: Any) -> str:
    """Return what was found: itself where it is short, else of what kind it is."""
    plain = isinstance(value, (str, int, float, list, tuple, bool, type(None)))
    text = repr(value) if plain else ""
    return text if 0 < len(text) <= 80 else f"a {type(value).__name__}"
