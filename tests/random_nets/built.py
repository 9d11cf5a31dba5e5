"""A net of a ``spec`` in torch: the reference or the port, its rename rules, and the pieces that hold its faults."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from random_nets.spec import Block, Layer, Net, Part
from torch import nn
from torch.nn import functional

SIDE = 8
STEP = "step"


class Home(NamedTuple):
    """The module in which some code finds its parts: its path, and what their names begin with."""

    module: nn.Module
    path: str
    prefix: str = ""


class Holder:
    """An object that has a tensor."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor


class Foreign(nn.Module):
    """A linear layer with weights of its own shape and names."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(SIDE, SIDE, 1) / 3)

    def forward(self, x: Any) -> Any:
        """Compute."""
        return x @ self.kernel[..., 0]


class Called(nn.Module):
    """A module whose code is a function."""

    run: Callable[..., Any]

    def forward(self, x: Any) -> Any:
        """Compute."""
        return self.run(x)


class WithContext(Called):
    """One that takes a second argument."""

    def forward(self, x: Any, context: Any) -> Any:
        """Compute."""
        return self.run(x, context)


class Swapped(Called):
    """One that takes its arguments the other way round."""

    def forward(self, context: Any, x: Any) -> Any:
        """Compute."""
        return self.run(x, context)


class Side:
    """One side of a net: ``net`` is its module, ``paths`` says where each part lies."""

    def __init__(self, top: Block, *, port: bool) -> None:
        self.port = port
        self.paths: dict[tuple[int, str], str] = {}
        self._things: dict[tuple[int, str], Any] = {}
        self.net = Called()
        self.paths[id(top), ""] = "net"
        self._things[id(top), ""] = self.net
        self.net.run = lambda x, context=None: self._computed(top, x, context)
        self.norm: nn.Module | None = None  # of step, where the port has it there
        if top.norm is not None and self._in(top) == 2:
            self.norm = self._layer(top.norm)
            self._things[id(top.norm), ""], self.paths[id(top.norm), ""] = self.norm, "norm"
        self.run = lambda x: self._call(top, x)
        self._fill(top, Home(self.net, "net"))

    def _add(self, home: Home, name: str, thing: Any, key: tuple[int, str]) -> None:
        name = home.prefix + name
        register = home.module.register_parameter if isinstance(thing, nn.Parameter) else home.module.add_module
        register(name, thing)
        self.paths[key], self._things[key] = f"{home.path}.{name}", thing

    def _fill(self, block: Block, home: Home) -> None:
        """Make the parts of a block's code."""
        if block.norm is not None and self._in(block) < 2:
            self._add(home, "norm", self._layer(block.norm), (id(block.norm), ""))
        if block.gate is not None:
            self._add(home, "gamma", nn.Parameter(block.gate * torch.ones(SIDE)), (id(block), "gamma"))
        if self.port and block.wrapped:
            body = WithContext() if block.context else Called()
            body.run = lambda x, context=None: self._body(block, x, context)
            self._add(home, "body", body, (id(block), "body"))
            home = Home(body, f"{home.path}.{home.prefix}body")
        for part in block.parts:
            self._part(part, home)

    def _part(self, part: Part, home: Home) -> None:
        if isinstance(part, Layer):
            self._add(home, part.name, self._layer(part), (id(part), ""))
            return
        if part.norm is not None and self._in(part) == 2:
            self._add(home, f"{part.name}_norm", self._layer(part.norm), (id(part.norm), ""))
        if self.port and part.inlined:
            self._fill(part, Home(home.module, home.path, f"{home.prefix}{part.name}_"))
            return
        kind = (Swapped if self.port and part.swapped else WithContext) if part.context else Called
        module = kind()
        module.run = lambda x, context=None: self._computed(part, x, context)
        self._add(home, part.name, module, (id(part), ""))
        self._fill(part, Home(module, self.paths[id(part), ""]))

    def _layer(self, layer: Layer) -> nn.Module:
        wrong = self.port and layer.fault
        if self.port and layer.foreign:
            return Foreign()
        if layer.kind in ("linear", "unbiased", "zero"):
            made = nn.Linear(layer.width * SIDE, SIDE, bias=layer.kind != "unbiased")
            if layer.kind == "zero":
                nn.init.zeros_(made.weight)
                nn.init.zeros_(made.bias)
            return made
        if layer.kind in ("norm", "batch_norm"):
            eps = 1e-2 if wrong else 1e-5
            return nn.LayerNorm(SIDE, eps=eps) if layer.kind == "norm" else nn.BatchNorm1d(SIDE, eps=eps)
        if wrong:
            return nn.SiLU()
        return {"gelu": nn.GELU, "relu": nn.ReLU, "tanh": nn.Tanh}[layer.kind]()

    def _in(self, block: Block) -> int:
        return block.moved_in if self.port else 0

    def _out(self, block: Block) -> int:
        return block.moved_out if self.port else 0

    def _fault(self, block: Block) -> str:
        return block.fault if self.port else ""

    def _call(self, part: Part, given: Any, context: Any = None) -> Any:
        """Make a call, together with what of it the port has in the code around."""
        thing = self._things.get((id(part), ""))
        if isinstance(part, Layer):
            if part.kind == "batch_norm":
                return thing(given.transpose(1, 2)).transpose(1, 2)
            return thing(given)
        x = self._before(part, given) if self._in(part) >= 1 else given
        if self._in(part) == 2:
            x = self._normed(part, x)
        if self.port and part.inlined:
            y = self._own(part, x, context)
        else:
            y = self._unpacked(part, self._handed(part, thing, x, context))
        return self._after(part, y, given, outside=True)

    def _computed(self, block: Block, x: Any, context: Any) -> Any:
        """Compute a block as a call of its own, in its own layout."""
        layout = block.layout if self.port else ""
        shape = (-1, 6, SIDE)
        x = {"": x, "channels first": x.transpose(-1, -2), "flat": x.reshape(shape)}[layout]
        y = self._own(block, x, context.tensor if isinstance(context, Holder) else context)
        return self._packed(block, _laid_out(y, layout), y.mean(-1))

    def _handed(self, block: Block, thing: Any, x: Any, context: Any) -> Any:
        x = _laid_out(x, block.layout if self.port else "")
        context = Holder(context) if self.port and block.held else context
        if not block.context:
            return thing(x)
        if self.port and block.keywords:
            return thing(context=context, x=x)
        return thing(context, x) if self.port and block.swapped else thing(x, context)

    def _own(self, block: Block, given: Any, context: Any) -> Any:
        """Compute what of a block is its own code."""
        x = self._before(block, given) if self._in(block) < 1 else given
        x = self._normed(block, x) if self._in(block) < 2 else x
        if self.port and block.wrapped:
            body = self._things[id(block), "body"]
            y = body(x, context) if block.context else body(x)
        else:
            y = self._body(block, x, context)
        if block.gate is not None and self._fault(block) != "gate":
            y = y * self._things[id(block), "gamma"]
        return self._after(block, y, given, outside=False)

    def _before(self, block: Block, x: Any) -> Any:
        return x * block.before if block.before != 1 else x

    def _normed(self, block: Block, x: Any) -> Any:
        return x if block.norm is None or self._fault(block) == "norm" else self._things[id(block.norm), ""](x)

    def _after(self, block: Block, y: Any, given: Any, *, outside: bool) -> Any:
        factor = block.after * (1.3 if self._fault(block) == "after" else 1.0)
        if (self._out(block) == 2) == outside and factor != 1:
            y = y * factor
        if block.residual and (self._out(block) >= 1) == outside and self._fault(block) != "residual":
            y = y + given
        return y

    def _body(self, block: Block, x: Any, context: Any) -> Any:
        if block.context:
            x = x * context.sigmoid()
        return getattr(self, f"_{block.shape}")(block, x)

    def _chain(self, block: Block, x: Any) -> Any:
        fault = self._fault(block)
        for number, part in enumerate(block.parts):
            if fault == "forgotten" and number == block.at:
                continue
            factor = block.factors[number] if number < len(block.factors) else 1.0
            first = self.port and block.commuted and isinstance(part, Layer) and part.kind == "unbiased"
            x = x * 1.2 if fault == "input" and number == block.at else x
            x = self._call(part, x * factor if first and factor != 1 else x)
            x = x if first or factor == 1 else x * factor
        return self._call(block.parts[-1], x) if block.twice else x

    def _each(self, block: Block, x: Any) -> list[Any]:
        order = list(enumerate(block.parts))
        wrong = block.at if self._fault(block) == "input" else -1
        turned = order[::-1] if self.port and block.turned else order
        made = {number: self._call(part, x * 1.2 if number == wrong else x) for number, part in turned}
        return [made[number] for number, _ in order]

    def _parallel(self, block: Block, x: Any) -> Any:
        made = self._each(block, x)
        if self._fault(block) == "forgotten":
            del made[block.at]
        return sum(made[1:], made[0])

    def _product(self, block: Block, x: Any) -> Any:
        one, other = self._each(block, x)
        return other * one.sigmoid() if self._fault(block) == "swap" else one * other.sigmoid()

    def _dense(self, block: Block, x: Any) -> Any:
        found = [x]
        for part in block.parts:
            order = found[::-1] if self._fault(block) == "swap" else found
            found.append(self._call(part, torch.cat(order, -1)))
        return found[-1]

    def _context(self, block: Block, x: Any) -> Any:
        context = self._call(block.parts[0], x)
        return self._call(block.parts[1], x, context * 1.2 if self._fault(block) == "input" else context)

    def _packed(self, block: Block, y: Any, mean: Any) -> Any:
        gives = block.port_gives if self.port else block.gives
        return {"tensor": y, "tuple": (y, mean), "dict": {"out": y, "mean": mean}}[gives]

    def _unpacked(self, block: Block, y: Any) -> Any:
        gives = block.port_gives if self.port else block.gives
        y = {"tensor": lambda: y, "tuple": lambda: y[0], "dict": lambda: y["out"]}[gives]()
        layout = block.layout if self.port else ""
        return {"": y, "channels first": y.transpose(-1, -2), "flat": y.reshape(-1, 6, SIDE)}[layout]


def _laid_out(x: Any, layout: str) -> Any:
    return {"": x, "channels first": x.transpose(-1, -2), "flat": x.reshape(-1, SIDE)}[layout]


def build_of(net: Net, *, port: bool) -> Callable[..., dict[str, Any]]:
    """Return the recipe's ``build`` of one side."""

    def build(seed: int = 0) -> dict[str, Any]:
        torch.manual_seed(seed)
        side = Side(net.top, port=port)
        generator = torch.Generator().manual_seed(5)
        batch = {"x": torch.randn(4, 6, SIDE, generator=generator), "y": torch.tensor([0, 1, 2, 3])}
        reduction = "sum" if port and net.loss_fault else "mean"

        def step(given: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            logits = side.run(given["x"]).mean(1)
            return {"loss": functional.cross_entropy(logits, given["y"], reduction=reduction)}

        roots = {"net": side.net} if side.norm is None else {"net": side.net, "norm": side.norm}
        return {"modules": roots, "batch": batch, "step": step}

    return build


def rules_of(net: Net) -> list[tuple[str, str]]:
    """Return the rename rules of a port: each name is renamed once, whatever other names look like."""
    ours, theirs = (Side(net.top, port=port).paths for port in (False, True))
    moved = [(path, theirs[key]) for key, path in ours.items() if key in theirs and theirs[key] != path]
    moved.sort(key=lambda names: -len(names[0]))
    away = [(f"^{re.escape(path)}(?=\\.|$)", f"@{n}@") for n, (path, _) in enumerate(moved)]
    return away + [(f"^@{n}@", path) for n, (_, path) in enumerate(moved)]


def truth_of(net: Net) -> list[set[str]]:
    """Return for each fault of a port the modules of which one holds it; for those of moved code that is two."""
    paths = Side(net.top, port=False).paths
    found = [{STEP}] if net.loss_fault else []
    return found + list(_faults(net.top, paths, {"net"}, {STEP}))


def _without_their_own(block: Block, paths: dict[tuple[int, str], str]) -> set[str]:
    """Return the parts whose residual a block adds in place of its own, which it forgot: it may as well be theirs that is lost."""
    moved = (part for part in block.parts if isinstance(part, Block) and part.residual and part.moved_out)
    return {paths[id(part), ""] for part in moved} if block.fault == "residual" else set()


def _faults(block: Block, paths: dict[tuple[int, str], str], own: set[str], caller: set[str]) -> Iterator[set[str]]:
    """Yield the modules that may hold each fault. A body of its own may be taken for the part that the port has not: it is inlined."""
    inside = block.fault in ("input", "forgotten", "swap", "gate")
    outside = block.moved_in == 2 if block.fault == "norm" else block.moved_out >= (2 if block.fault == "after" else 1)
    if block.fault:
        body = {paths[id(p), ""] for p in block.parts if isinstance(p, Block) and p.inlined and block.wrapped}
        yield own | (caller if outside and not inside else set()) | _without_their_own(block, paths) | body
    for part in (*block.parts, block.norm):
        if isinstance(part, Layer) and part.fault:
            yield {paths[id(part), ""]}
        elif isinstance(part, Block):
            name = {paths[id(part), ""]}
            yield from _faults(part, paths, name | own if part.inlined else name, own)
