"""Ways to damage a file, drawn by a seed."""

from __future__ import annotations

import copy
import random
from typing import Any

STRANGE: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 10**30, -(10**400), float("nan"), float("inf"), "", "x", "../../etc/passwd", "\ud800", "\x1b[2J",
    "[bold]", "[/]", "t000000", "net", "a" * 5000, [], {}, [[]], {"tensor": "t000000"}, {"list": [{"tensor": 3}]}, [None] * 50,
)  # fmt: skip


def in_bytes(draw: random.Random, content: bytes) -> bytes:
    """Return bytes of which a bit, a byte or a stretch is another, went away, or came to them."""
    start = draw.randrange(len(content))
    end = min(len(content), start + draw.choice((1, 1, 8, 64, 4096)))
    before, here, after = content[:start], content[start:end], content[end:]
    ways = (
        before + bytes([here[0] ^ 1 << draw.randrange(8)]) + here[1:] + after,
        before,
        before + after,
        before + bytes(len(here)) + after,
        before + draw.randbytes(len(here)) + after,
        before + here * 2 + after,
        before + draw.randbytes(draw.randrange(1, 20)) + here + after,
    )
    return draw.choice(ways)


def in_data(draw: random.Random, data: Any) -> Any:
    """Return a copy of some data as JSON has it in which one to three places are others."""
    changed = copy.deepcopy(data)
    for _ in range(draw.choice((1, 1, 2, 3))):
        _change(draw, changed)
    return changed


def _change(draw: random.Random, data: Any) -> None:
    place = data
    while True:
        keys = list(place) if isinstance(place, dict) else range(len(place))
        if not keys:
            return
        key = draw.choice(keys)
        if not isinstance(place[key], (dict, list)) or not place[key] or draw.random() < 0.15:
            break
        place = place[key]
    (way,) = draw.choices(range(5), (1, 1, 4, 6, 4))
    if way == 0 and isinstance(place, dict):
        del place[key]
    elif way == 1 and isinstance(place, dict):
        place[draw.choice(("x", "\x1b[2J", "", key * 2, "t000001"))] = draw.choice(STRANGE)
    elif way == 2:
        place[key] = place[draw.choice(list(keys))]
    elif way == 3 and isinstance(place[key], (int, float)) and not isinstance(place[key], bool):
        place[key] = draw.choice((place[key] + 1, -place[key], place[key] * 10**10, 2**63))
    else:
        place[key] = copy.deepcopy(draw.choice(STRANGE))
