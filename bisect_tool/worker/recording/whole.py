"""A recorded run with its whole backward pass: the gradients of parameters and of the outputs of calls."""

from __future__ import annotations

from typing import Any, Callable, ContextManager, Dict, Iterable, Mapping, Optional, Sequence

import numpy as np

from ..adapters.adapter import Adapter, Tensor
from ..arrays import Array, trees
from ..arrays.shards import ShardWriter
from ..code import variables
from ..code.lines import Lines
from ..code.rewriting import Place
from ..code.watching import Where
from ..failures import RecipeError
from ..model import calls
from ..model.build import Model
from ..probing.pieces import of_one
from .recorder import Recorder
from .targets import Bits, bits

OWN_BACKWARD = "where step calls backward itself, let it return the loss without that, or record without --grads: its graph is used up"
Sites = Dict[str, Dict[str, Dict[str, Optional[str]]]]  # call -> part -> path -> key
Found = Dict[str, Optional[Array]]  # parameter -> its gradient
Connected = Dict[str, Dict[str, bool]]  # variable -> path -> whether a gradient passes it


def record(
    model: Model, recorder: Recorder, lines: Lines, of: Sequence[str], plain: Bits
) -> tuple[Found, Sites, Connected]:
    """Run once with a backward pass from some targets; raises RecipeError where that changes a bit of what is computed."""
    noted = Noted(model.adapter, recorder)
    connected: Connected = {}

    def watching(current: calls.Current) -> ContextManager[None]:
        def assigned(site: str, place: Place, _where: Where, value: Any) -> Any:
            found = _connected(model.adapter, value) if place.tracked else {}
            if found:
                connected[site] = found
            return value

        return lines.watching(current, assigned)

    names = [name for name, (_, _, trainable) in model.state.items() if trainable and name not in model.alias_of]
    with calls.wrapped(model.adapter, model.tree, noted.around, watching):
        targets = model.run_step(model.fresh_batch())
        if bits(model.read_targets(targets)) != plain:
            raise RecipeError("a run with gradients gave other targets than the one without: step must not look at it")
        arrays = pulled(model, targets, of, names)
    model.restore()
    return dict(zip(names, arrays)), noted.sites, connected


class Noted:
    """The gradients of the outputs of recorded calls; ``sites`` fills while the run is pulled back."""

    def __init__(self, adapter: Adapter, recorder: Recorder) -> None:
        self.sites: Sites = {}
        self._adapter = adapter
        self._store: ShardWriter = recorder.store
        self._recorded = {entry["site"] for entry in recorder.sites}

    def around(self, call: calls.Call, compute: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Compute one call and note the gradients of what it gives; see ``calls.wrapped``."""
        output = compute(*args, **kwargs)
        if call.site not in self._recorded:
            return output
        is_tensor = self._adapter.is_tensor
        mine = self.sites[call.site] = {"inputs": {}, "output": {}, "state": {}}
        paths = iter([path for path, _ in trees.leaves(output, is_tensor)])
        output = trees.map_leaves(output, is_tensor, lambda tensor: self._noting(mine["output"], next(paths), tensor))
        self._adapter.sync([tensor for _, tensor in trees.leaves(output, is_tensor)])
        return output

    def _noting(self, gradients: dict[str, str | None], path: str, tensor: Tensor) -> Tensor:
        gradients[path] = None

        def note(gradient: Tensor) -> None:
            gradients[path] = self._store.add(self._adapter.to_numpy(gradient))

        if not self._adapter.has_path(tensor):
            return tensor
        # What the code inside does with the tensor, or who handed it over, is no part of its gradient from here on; and
        # what the code around hooks onto it comes first.
        return self._adapter.distinct(self._adapter.noting(self._adapter.distinct(tensor), note))


def _connected(adapter: Adapter, value: Any) -> dict[str, bool]:
    """Return for each tensor of a variable whether a gradient passes it."""
    tensors = [(path, part) for path, part in variables.parts(adapter, value) if adapter.is_tensor(part)]
    adapter.sync([tensor for _, tensor in tensors])
    return {path: adapter.has_path(tensor) for path, tensor in tensors}


def pulled(model: Model, targets: Mapping[str, Any], of: Sequence[str], names: Sequence[str]) -> list[Array | None]:
    """Return the gradients of the sum of some targets. Raises RecipeError where none of them has a path to a parameter."""
    roots = [(targets[name], of_one(targets[name])) for name in of if model.adapter.is_tensor(targets[name])]
    try:
        arrays = model.adapter.pull(roots, [model.state[name][0] for name in names])
    except RuntimeError as error:
        why = str(error).strip().splitlines()[0][:300]
        hint = " (switch gradient checkpointing off in build)" if "heckpoint" in type(error).__name__ + why else ""
        hint = hint or (" (%s)" % OWN_BACKWARD if "second time" in why else "")
        raise RecipeError("the backward pass of %s fails: %s%s" % (" + ".join(of), why, hint)) from error
    if all(array is None for array in arrays):
        raise RecipeError(
            "no parameter has a gradient of %s: step must return tensors that were not detached" % " + ".join(of)
        )
    return arrays


def norm_of(arrays: Iterable[Array | None]) -> float:
    """Return the norm of all gradients together."""
    return float(np.sqrt(sum(float(np.sum(np.abs(a).astype(np.float64) ** 2)) for a in arrays if a is not None)))
