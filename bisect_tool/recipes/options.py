"""Options of a model's build function, as they travel to its process and into the report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from bisect_tool.errors import BisectError


def as_words(options: Mapping[str, Any]) -> str:
    """Return options as JSON. Raises BisectError for what JSON cannot hold: other objects, half characters, what has no end."""
    try:
        words = json.dumps(options, sort_keys=True)
        to_json([[options]])  # as deep as it lies in a report, which is nested no deeper than this takes
    except (TypeError, ValueError, RecursionError) as error:
        raise BisectError(
            f"the options of build cannot be written as JSON: {error}",
            hint="use numbers, words, flags, lists and dicts of these",
        ) from error
    return words
