"""What needs no gradient: the batch's own numbers, strides, grids; no parameter reaches them.

Code may do with such values what it may not do with one that takes gradients, so no graph begins there. A value that was
detached is something else: what it passes on is compared, since a port may have forgotten to stop it.
"""

from __future__ import annotations

from typing import Any, Callable, Mapping, Set

import numpy as np

from ..adapters.adapter import Tensor
from ..arrays import Array, trees
from ..arrays.measure import ROUNDING
from ..arrays.trees import Tree
from ..code import variables
from ..code.lines import Lines
from ..code.rewriting import Place
from ..code.watching import Where
from ..model import calls
from ..model.build import Model
from ..probing.names import Name
from .recorder import Recorder


def find(model: Model, recorder: Recorder, lines: Lines) -> Set[Name]:
    """Return the inputs and outputs of calls and the variables that no gradient passes and that no parameter moves.

    In one run with every parameter a little off, they have the recorded values, bit for bit.
    """
    seen = Constants(model, recorder)
    for name, (tensor, kind, _) in model.state.items():
        if kind == "parameter":
            model.adapter.write(tensor, _moved(model.own[name]))
    try:
        with calls.wrapped(
            model.adapter, model.tree, seen.around, lambda current: lines.watching(current, seen.assigned)
        ):
            model.run_step(model.fresh_batch())
    finally:
        model.restore()
    return seen.names


def _moved(array: Array) -> Array:
    draws = np.random.default_rng(array.size)
    off: Array = array + ROUNDING * (1 + np.abs(array)) * draws.uniform(1, 2, array.shape)
    return off.astype(array.dtype) if array.dtype.kind == "f" else array


class Constants:
    """What one run gives beside the values that were recorded; ``names`` are those that it leaves as they are."""

    def __init__(self, model: Model, recorder: Recorder) -> None:
        self.names: Set[Name] = set()
        self._adapter = model.adapter
        self._store = recorder.store
        self._sites: Mapping[str, Tree] = {entry["site"]: entry for entry in recorder.sites}
        self._variables: Mapping[str, Tree] = {entry["site"]: entry["value"] for entry in recorder.variables}

    def around(self, call: calls.Call, compute: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Compute one call, and look at what goes in and comes out; see ``calls.wrapped``."""
        entry = self._sites.get(call.site)
        if entry is not None:
            self._look(call.site, "inputs", entry["inputs"], [list(args), kwargs])
        output = compute(*args, **kwargs)
        if entry is not None:
            self._look(call.site, "output", entry["output"], output)
        return output

    def assigned(self, site: str, _place: Place, _where: Where, value: Any) -> Any:
        """Look at one variable; see ``Lines.watching``."""
        if site in self._variables and variables.parts(self._adapter, value):
            self._look(site, "value", self._variables[site], value)
        return value

    def _look(self, site: str, part: str, tree: Tree, value: Any) -> None:
        keys = dict(trees.keys(tree))
        for path, tensor in trees.leaves(
            value, self._adapter.is_tensor
        ):  # the model itself: its paths are those recorded
            key = keys.get(path)
            if key is not None and not self._adapter.has_path(tensor) and self._is_recorded(key, tensor):
                self.names.add((site, part, path))

    def _is_recorded(self, key: str, tensor: Tensor) -> bool:
        return bool(np.array_equal(self._store.read(key), self._adapter.to_numpy(tensor), equal_nan=True))
