"""A net as a tree of blocks, together with how its port is written, and with what is wrong in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Union

LAYERS = ("linear", "unbiased", "zero", "gelu", "relu", "tanh", "norm", "batch_norm")
SHAPES = ("chain", "parallel", "product", "dense", "context")
STRUCTURES = ("tensor", "tuple", "dict")
LAYOUTS = ("", "channels first", "flat")


@dataclass(eq=False)
class Layer:
    """A layer of a library; ``fault``: the port's is another one; ``foreign``: its weights cannot be given to the port's."""

    name: str
    kind: str
    fault: bool = False
    foreign: bool = False
    width: int = 1  # of its input, in multiples of the net's


@dataclass(eq=False)
class Block:
    """A module with code of its own: ``residual + after * gate * body(norm(before * x))``.

    Attributes:
        shape: what the body makes of its parts.
        context: whether it takes a second argument.
        twice: whether a chain calls its last part once more.
        factors: what a chain multiplies the output of each part by.
        moved_in: how much of what comes before the body the port has in the caller: nothing, ``before``, and the norm too.
        moved_out: how much of what comes after it: nothing, the residual, and ``after`` too.
        inlined: whether the port has all of its code in the caller.
        wrapped: whether the port has the body in a module of its own.
        swapped, keywords, held: how the port hands two arguments on: the second one in an object of its own, at last.
        layout: how the port writes what the block takes and gives.
        turned: whether the port calls parts that do not depend on each other the other way round.
        commuted: whether the port multiplies before a layer without bias, not after it.
        gives, port_gives: the structure of what it returns.
        fault: what is wrong in the port, "" for nothing; ``at``: in which part.

    """

    name: str
    shape: str = "chain"
    parts: list[Part] = field(default_factory=list)
    context: bool = False
    twice: bool = False
    factors: list[float] = field(default_factory=list)
    before: float = 1.0
    norm: Layer | None = None
    gate: float | None = None
    after: float = 1.0
    residual: bool = False
    moved_in: int = 0
    moved_out: int = 0
    inlined: bool = False
    wrapped: bool = False
    swapped: bool = False
    keywords: bool = False
    held: bool = False
    layout: str = ""
    turned: bool = False
    commuted: bool = False
    gives: str = "tensor"
    port_gives: str = "tensor"
    fault: str = ""
    at: int = 0

    def walk(self) -> Iterator[Block]:
        """Yield the block and all in it."""
        yield self
        for part in self.parts:
            if isinstance(part, Block):
                yield from part.walk()

    def layers(self) -> Iterator[Layer]:
        """Yield all layers in the block."""
        for block in self.walk():
            yield from (part for part in (*block.parts, block.norm) if isinstance(part, Layer))


Part = Union[Layer, Block]  # noqa: UP007 - the classes name each other


@dataclass(eq=False)
class Net:
    """A net and its port; ``loss_fault``: the port reduces the loss otherwise."""

    top: Block
    loss_fault: bool = False

    @property
    def faithful(self) -> bool:
        """Tell whether nothing is wrong in the port."""
        faulty = [*(layer.fault for layer in self.top.layers()), *(bool(b.fault) for b in self.top.walk())]
        return not self.loss_fault and not any(faulty)

    @property
    def foreign(self) -> bool:
        """Tell whether some weights cannot be given to the port: then nobody knows whether they are right."""
        return any(layer.foreign for layer in self.top.layers())
