"""Make a random net smaller as long as something stays true of it, and show it."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from random_nets.spec import Block, Layer, Net, Part

DEFAULTS = Block("")
ALWAYS = ("name", "parts", "context")  # what cannot be left out by itself


def smallest(net: Net, holds: Callable[[Net], bool]) -> Net:
    """Return a net of which something holds, and of no net that is simpler by one step."""
    while True:
        simpler = next((other for other in _simpler(net) if holds(other)), None)
        if simpler is None:
            return net
        net = simpler


def shown(net: Net) -> str:
    """Return a net in lines: each block and layer with all that is not the default."""
    lines = list(_shown(net.top, 0))
    return "\n".join([*lines, "the loss is reduced otherwise"] if net.loss_fault else lines)


def _shown(part: Part, depth: int) -> Iterator[str]:
    if isinstance(part, Layer):
        faulty, foreign = ", faulty" if part.fault else "", ", foreign" if part.foreign else ""
        yield f"{'  ' * depth}{part.name}: {part.kind}{faulty}{foreign}"
        return
    settings = {name: getattr(part, name) for name in _fields() if getattr(part, name) != getattr(DEFAULTS, name)}
    said = [f"{name}={'faulty' if isinstance(v, Layer) and v.fault else _value(v)}" for name, v in settings.items()]
    yield f"{'  ' * depth}{part.name}: {' '.join(said) or 'chain'}"
    for inner in part.parts:
        yield from _shown(inner, depth + 1)


def _value(value: Any) -> str:
    return value.kind if isinstance(value, Layer) else str(value)


def _fields() -> list[str]:
    return [field.name for field in dataclasses.fields(Block) if field.name not in ("name", "parts")]


def _simpler(net: Net) -> Iterator[Net]:
    if net.loss_fault:
        yield dataclasses.replace(net, loss_fault=False)
    for number, block in enumerate(net.top.walk()):
        for change in _changes(block):
            other = copy.deepcopy(net)
            change(list(other.top.walk())[number])
            yield other


def _changes(block: Block) -> Iterator[Callable[[Block], None]]:
    for place, part in enumerate(block.parts):
        if len(block.parts) > 1 and block.shape in ("chain", "parallel"):
            yield lambda b, place=place: _without(b, place)  # type: ignore[misc]
        if isinstance(part, Block) and not part.context:
            yield lambda b, place=place: _put(b, place, Layer("", "linear"))  # type: ignore[misc]
            yield lambda b, place=place: _put(b, place, b.parts[place].parts[-1])  # type: ignore[misc, union-attr]
        if isinstance(part, Layer) and (part.kind != "linear" or part.foreign) and not part.fault:
            yield lambda b, place=place: _put(b, place, Layer("", "linear"))  # type: ignore[misc]
        if isinstance(part, Layer) and part.fault:
            yield lambda b, place=place: setattr(b.parts[place], "fault", False)  # type: ignore[misc]
    if block.norm is not None and block.norm.fault:
        yield lambda b: setattr(b.norm, "fault", False)
    for name in _fields():
        if name not in ALWAYS and getattr(block, name) != getattr(DEFAULTS, name):
            yield lambda b, name=name: setattr(b, name, copy.copy(getattr(DEFAULTS, name)))  # type: ignore[misc]


def _without(block: Block, place: int) -> None:
    del block.parts[place]
    del block.factors[place : place + 1]
    block.at = min(block.at, len(block.parts) - 1)


def _put(block: Block, place: int, part: Part) -> None:
    part.name = block.parts[place].name
    block.parts[place] = part
