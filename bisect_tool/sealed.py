"""JSON objects with a checksum of their own text as the last field: whoever reads one knows whether it is what was written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

FIELD = "checksum"
BEFORE = f', "{FIELD}": "'


def seal(text: str) -> str:
    """Return a JSON object's text with its checksum."""
    return f'{text[:-1]}{BEFORE}{_hash(text[:-1].encode())}"}}'


def fits(content: bytes) -> bool:
    """Tell whether an object's text is the one that was sealed."""
    said, _, rest = content.rpartition(BEFORE.encode())
    return rest.strip() == f'{_hash(said)}"}}'.encode()


def checksum(data: Mapping[str, Any]) -> str:
    """Return the checksum of data that ``json.dumps`` writes with it as the last field."""
    text = json.dumps({key: value for key, value in data.items() if key != FIELD})
    return _hash(text[:-1].encode())


def _hash(text: bytes) -> str:
    return hashlib.blake2b(text, digest_size=16).hexdigest()
