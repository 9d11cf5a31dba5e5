"""Mistakes in a file that a user wrote or handed over, in words."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

# What is expected where pydantic finds something of another type.
EXPECTED = {
    "string_type": "text",
    "dict_type": "a table",
    "model_type": "a table",
    "tuple_type": "a list",
    "list_type": "a list",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "int_type": "a whole number",
    "bool_type": "true or false",
}


def explain(error: ValidationError) -> str:
    """Return every mistake of a pydantic error on one line."""
    return "; ".join(mistakes(error))


def mistakes(error: ValidationError) -> list[str]:
    """Return every mistake of a pydantic error by itself: where, what was expected, what was found."""
    return [_mistake(item) for item in error.errors(include_url=False)]


def _mistake(item: Any) -> str:
    where = ".".join(str(key) for key in item["loc"])
    if item["type"] == "extra_forbidden":
        return f"{where}: unknown key"
    if item["type"] == "missing":
        return f"{where}: missing"
    words = _expected(item["type"], item["msg"], item.get("ctx", {}))
    return f"{where}: {words}" + ("" if "found" in words else f", found {_shown(item['input'])}")


def _expected(kind: str, message: str, context: Any) -> str:
    if kind in EXPECTED:
        return f"expected {EXPECTED[kind]}"
    if kind == "greater_than":
        return f"expected a number greater than {context['gt']:g}"
    if kind == "string_too_short":
        return "expected a word"
    return message.removeprefix("Value error, ").replace("Input should be", "expected")


def _shown(value: Any) -> str:
    """Return what was found: itself where it is short, else of what kind it is."""
    plain = isinstance(value, (str, int, float, list, tuple, bool, type(None)))
    text = repr(value) if plain else ""
    return text if 0 < len(text) <= 80 else f"a {type(value).__name__}"
