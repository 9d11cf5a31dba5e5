"""Draw a net, how its port is written, and what is wrong in it, from a seed."""

from __future__ import annotations

import numpy as np
from random_nets.spec import LAYOUTS, SHAPES, STRUCTURES, Block, Layer, Net, Part

DEEPEST = 4
MOST_PARTS = 24
FAULTY = {"gelu", "relu", "tanh", "norm", "batch_norm"}


def drawn(seed: int) -> Net:
    """Return the net of a seed: some ports are faithful, the others have one or two faults."""
    rng = np.random.default_rng(seed)
    top = Drawing(rng).block("net", 1)
    top.context, top.inlined = False, False
    if rng.random() < 0.8:  # else it is step that has the moved code
        top.moved_in, top.moved_out = 0, 0
    top.gives = top.port_gives = "tensor"
    top.shape, top.twice = "chain", False
    top.parts.append(Layer("head", "linear"))
    top.factors = [1.0] * len(top.parts)
    net = Net(top)
    if rng.random() < 0.1:
        layers = [layer for layer in top.layers() if layer.kind == "linear" and layer.width == 1]
        layers[rng.integers(len(layers))].foreign = True
    for _ in range(int(rng.choice([0, 1, 1, 2]))):
        _spoil(rng, net)
    return net


class Drawing:
    """What is drawn once for all blocks of a net: how likely its port moves something, and whether it does so everywhere."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._left = MOST_PARTS
        self._moves = float(rng.choice([0.0, 0.15, 0.4, 0.8]))
        self._everywhere = bool(rng.random() < 0.5)
        self._settled: dict[str, bool] = {}
        self._numbered = bool(rng.random() < 0.5)

    def _often(self, share: float) -> bool:
        return bool(self._rng.random() < share)

    def _moved(self, what: str) -> bool:
        drawn = self._often(self._moves)
        return self._settled.setdefault(what, drawn) if self._everywhere else drawn

    def block(self, name: str, depth: int, *, context: bool = False) -> Block:
        """Draw a block and all in it."""
        shape = str(self._rng.choice(SHAPES, p=[0.6, 0.12, 0.1, 0.1, 0.08])) if depth > 1 else "chain"
        block = Block(name, shape, context=context)
        count = 2 if shape in ("product", "context") else int(self._rng.integers(1, 4))
        for number in range(count):
            block.parts.append(self._part(block, number, depth))
        last = block.parts[-1]
        block.twice = shape == "chain" and self._often(0.12) and not (isinstance(last, Block) and last.context)
        if shape == "chain" and self._often(0.3):
            block.factors = [float(self._rng.choice([1.0, 2.0, 0.5])) for _ in block.parts]
        self._around(block)
        self._write(block)
        return block

    def _part(self, block: Block, number: int, depth: int) -> Part:
        self._left -= 1
        name = str(number) if self._numbered else f"p{number}"
        if block.shape == "dense":
            return Layer(name, "linear", width=number + 1)
        if block.shape == "context" and number == 1:
            return self.block(name, depth + 1, context=True)
        if depth < DEEPEST and self._left > 0 and self._often(0.55):
            return self.block(name, depth + 1)
        kinds = ["linear", "unbiased", "zero", "gelu", "relu", "tanh", "norm", "batch_norm"]
        return Layer(name, str(self._rng.choice(kinds, p=[0.3, 0.1, 0.04, 0.15, 0.08, 0.1, 0.15, 0.08])))

    def _around(self, block: Block) -> None:
        """Draw what lies around the body of a block."""
        block.before = 2.0 if self._often(0.15) else 1.0
        block.norm = Layer("norm", "norm") if self._often(0.3) else None
        block.gate = float(self._rng.choice([1.0, 1e-6, 0.0])) if self._often(0.25) else None
        block.after = 0.5 if self._often(0.2) else 1.0
        block.residual = self._often(0.45)

    def _write(self, block: Block) -> None:
        """Draw how the port writes a block."""
        block.inlined = self._moved("inlined")
        block.wrapped = not block.inlined and self._moved("wrapped")
        if not block.inlined:
            block.moved_out = 2 * self._moved("after") or int(self._moved("residual"))
            if not block.residual or block.moved_out:
                block.moved_in = 2 * self._moved("norm") or int(self._moved("before"))
        block.swapped, block.keywords = self._moved("swapped"), self._moved("keywords")
        block.held = block.context and not block.inlined and self._moved("held")
        if not block.inlined and self._moved("layout"):
            block.layout = str(self._rng.choice(LAYOUTS))
        block.turned, block.commuted = self._moved("turned"), self._moved("commuted")
        if not block.inlined and self._often(0.2):
            block.gives = str(self._rng.choice(STRUCTURES))
        block.port_gives = str(self._rng.choice(STRUCTURES)) if self._moved("structure") else block.gives


def _spoil(rng: np.random.Generator, net: Net) -> None:
    """Put one fault into a port."""
    layers = [layer for layer in net.top.layers() if layer.kind in FAULTY and not layer.fault]
    if rng.random() < 0.06:
        net.loss_fault = True
    elif layers and rng.random() < 0.4:
        layers[rng.integers(len(layers))].fault = True
    else:
        blocks = [block for block in net.top.walk() if not block.fault]
        if blocks:
            block = blocks[rng.integers(len(blocks))]
            block.fault = str(rng.choice(_possible(block)))
            block.at = int(rng.integers(len(block.parts)))


def _possible(block: Block) -> list[str]:
    found = ["after"]
    found += ["residual"] * block.residual + ["norm"] * (block.norm is not None)
    found += ["gate"] * (block.gate not in (None, 1.0))
    if block.shape != "dense":
        found.append("input")
    if block.shape in ("chain", "parallel") and len(block.parts) > 1 and not block.twice:
        found.append("forgotten")
    if block.shape in ("product", "dense"):
        found += ["swap"] * (len(block.parts) > 1)
    return found
