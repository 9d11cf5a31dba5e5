"""The minimizer of torch.fx as a way to find a fault: one graph, run with the modules of two models.

The minimizer compares two ways to run one graph. Here the graph is a faithful model's, and runs as it was traced, then with
another model's modules in the places of the same names. What tracing wrote into the graph is in both runs alike.
"""

import contextlib
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from mutating_modules import to_numpy
from torch import Tensor, fx, nn
from torch.fx.passes.net_min_base import _MinimizerBase, _MinimizerSettingBase

ATOL, RTOL = 1e-5, 1.3e-6  # how near torch.testing wants float32


class Minimizers:
    """Finds the first bad module of others that should compute what one faithful model does."""

    def __init__(self, root: nn.Module, image: Tensor) -> None:
        self.root, self.image = root, image
        self.graph = self._traced_as_far_as_can_be()
        self.leaves = [str(node.target) for node in self.graph.graph.nodes if node.op == "call_module"]

    def flat(self, other: nn.Module) -> str | None:
        """Visit node after node of the whole model."""
        return minimized(self.graph, other, self.image)

    def by_level(self, other: nn.Module) -> str | None:
        """Visit the largest containers, open the first bad one, and so on down to one with no bad child."""
        opened = {""}
        named = None
        while True:
            try:
                graph = Tracer(lambda _module, name: name not in opened).traced(self.root)
            except Exception:  # noqa: BLE001 - whatever a trace stumbles on, it is no way down
                return named
            bad = minimized(graph, other, self.image)
            if bad is None or (named and not bad.startswith(f"{named}.")):
                return named
            named = bad
            if not [*self.root.get_submodule(named).children()]:
                return named
            opened.add(named)

    def _traced_as_far_as_can_be(self) -> fx.GraphModule:
        """Trace the model with a leaf for every class that cannot be traced."""
        leaves: set[type] = set()
        while True:
            tracer = Tracer(lambda module, _name: type(module) in leaves)
            try:
                return tracer.traced(self.root)
            except Exception:
                if tracer.failed is None or tracer.failed in leaves:
                    raise
                leaves.add(tracer.failed)


class Tracer(fx.Tracer):
    """Traces all but the library's layers and what else is to be one node, told by module and name."""

    def __init__(self, leaf: Callable[[nn.Module, str], bool]) -> None:
        super().__init__()
        self.leaf = leaf
        self.failed: type | None = None

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Tell whether a module is one node."""
        return self.leaf(m, module_qualified_name) or super().is_leaf_module(m, module_qualified_name)

    def call_module(self, m: nn.Module, forward: Callable, args: tuple, kwargs: dict) -> Any:
        """Trace a module's call; keep the innermost class that fails."""
        try:
            return super().call_module(m, forward, args, kwargs)
        except Exception:
            self.failed = self.failed or type(m)
            raise

    def traced(self, root: nn.Module) -> fx.GraphModule:
        """Trace a model."""
        return fx.GraphModule(root, self.trace(root))


class Minimizer(_MinimizerBase):
    """Runs a graph as it was traced, and with another model's modules in the places of the same names."""

    def __init__(self, graph: fx.GraphModule, other: nn.Module, image: Tensor) -> None:
        super().__init__(graph, (image,), _compare, _MinimizerSettingBase(traverse_method="sequential"))
        self.other = other

    def run_a(self, mod: fx.GraphModule, inputs: Sequence, report_idx: int = -1) -> Any:  # noqa: ARG002
        """Run a part of the graph as it was traced."""
        return mod(*inputs)

    def run_b(self, mod: fx.GraphModule, inputs: Sequence, report_idx: int = -1) -> Any:  # noqa: ARG002
        """Run the same part with the other model's modules."""
        return fx.GraphModule(self.other, mod.graph)(*inputs)


def _compare(a: Any, b: Any, _names: object) -> tuple[float, bool]:
    return 0.0, near([*arrays(a)], [*arrays(b)], ATOL, RTOL)


class Values(fx.Interpreter):
    """Runs a graph and keeps the value of each node."""

    def __init__(self, module: nn.Module, graph: fx.Graph) -> None:
        super().__init__(module, graph=graph)
        self.kept: dict[fx.Node, Any] = {}

    def run_node(self, n: fx.Node) -> Any:
        """Run one node."""
        self.kept[n] = super().run_node(n)
        return self.kept[n]


def minimized(graph: fx.GraphModule, other: nn.Module, image: Tensor) -> str | None:
    """Return the module of the first node that runs differently with another model's modules.

    The search starts where a value of the two runs differs at all: it splits the graph anew for every node, and
    could find nothing before.
    """
    with torch.no_grad(), contextlib.redirect_stdout(io.StringIO()):
        start = _first_change(graph, other, image)
        if start is None:
            return None
        for node in Minimizer(graph, other, image).minimize(start=start.name):
            return str(node.target) if node.op == "call_module" else next(reversed(node.meta["nn_module_stack"]), "")
    return None


def _first_change(graph: fx.GraphModule, other: nn.Module, image: Tensor) -> fx.Node | None:
    ours, theirs = (Values(side, graph.graph) for side in (graph, fx.GraphModule(other, graph.graph)))
    with contextlib.suppress(Exception):  # what fails in a run has no value
        ours.run(image)
        theirs.run(image)
    pairs = ((node, ours.kept[node], theirs.kept.get(node)) for node in graph.graph.nodes if node.op != "output")
    return next((node for node, one, two in pairs if not near([*arrays(one)], [*arrays(two)], 0.0)), None)


def arrays(value: Any) -> Iterator[np.ndarray]:
    """Yield the tensors in a value as arrays."""
    if hasattr(value, "numpy"):
        yield to_numpy(value)
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ():
        yield from arrays(item)


def near(found: Sequence[np.ndarray], wanted: Sequence[np.ndarray], atol: float, rtol: float = 0.0) -> bool:
    """Tell whether two calls' outputs are the same to a tolerance; a NaN never is."""
    return [a.shape for a in found] == [b.shape for b in wanted] and all(
        np.allclose(a, b, rtol=rtol, atol=atol) for a, b in zip(found, wanted, strict=True)
    )
