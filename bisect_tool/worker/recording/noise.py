"""How far honest rounding moves each value and each target: perturbed runs that nothing is kept of but numbers."""

from __future__ import annotations

import itertools
from typing import Any, Callable, Iterator, Mapping

from ..adapters.adapter import Adapter
from ..arrays import measure, trees
from ..arrays.measure import DRAWS, LOSS_ROUNDING, ROUNDING
from ..arrays.shards import ShardWriter
from ..model import calls
from ..model.build import Model
from ..wire import Wire
from . import exact
from .recorder import Recorder

BETWEEN_DRAWS = 1000003  # seeds
Look = Callable[[calls.Call, Any], None]


def seeds(draw: int) -> Iterator[int]:
    """Return the seeds of one draw, one for each call that rounds badly."""
    return itertools.count(BETWEEN_DRAWS * draw + 1)


def nobody(_call: calls.Call, _output: Any) -> None:
    """Look at nothing."""


def measure_noise(
    model: Model, recorder: Recorder, targets: Mapping[str, float], batch: Any, wire: Wire
) -> dict[str, Any]:
    """Return how far values and targets move when every leaf module rounds badly: the largest of some draws."""
    recorded = {entry["site"]: entry for entry in recorder.sites}
    sites: dict[str, float] = {}

    def look(call: calls.Call, output: Any) -> None:
        if call.site in recorded and call.site not in sites:
            expected = recorded[call.site]["output"]
            sites[call.site] = _largest_error(model.adapter, recorder.store, expected, output)

    moved = measure_at_point(model, recorder, targets, batch, wire, look)
    return {"rounding": ROUNDING, "draws": DRAWS, "sites": sites, **moved}


def measure_at_point(
    model: Model,
    recorder: Recorder,
    targets: Mapping[str, float],
    batch: Any,
    wire: Wire,
    look: Look = nobody,
) -> dict[str, Any]:
    """Return each site's own rounding (``exact``), and how far targets move, no less than float64 shows that they do.

    By ``ROUNDING`` at every leaf module, or by what its own rounding is where that is more. ``loss`` is how far they
    move when only what goes into the loss is off, by ``LOSS_ROUNDING``; ``unmeasured`` says why float64 does not tell.
    """
    own, unmeasured = exact.measure_exactly(model, recorder, batch, wire)

    def of_a_leaf(call: calls.Call) -> float:
        return max(ROUNDING, own.get(call.site, 0.0)) if call.leaf else 0.0

    found = {
        "targets": _moved(model, targets, of_a_leaf, wire, look),
        "loss": _moved(model, targets, lambda call: 0.0 if call.parent else LOSS_ROUNDING, wire, nobody),
    }
    loss, unmeasured_targets = exact.measure_loss_exactly(model, targets, trains=recorder.trains)
    for name, off in loss.items():
        for moved in found.values():
            moved[name] = max(moved[name], off)
    return {**found, "exact": own, "unmeasured": {"sites": unmeasured, "targets": unmeasured_targets}}


def _moved(
    model: Model,
    targets: Mapping[str, float],
    size_of: Callable[[calls.Call], float],
    wire: Wire,
    look: Look,
) -> dict[str, float]:
    """Return how far targets move when calls give values that are off by relative noise of ``size_of(call)``."""
    moved = dict.fromkeys(targets, 0.0)
    for draw in range(DRAWS):
        with calls.wrapped(model.adapter, model.tree, _roughly(model.adapter, draw, size_of, wire, look)):
            values, _ = model.read_targets(model.run_step(model.fresh_batch()))
        model.restore()
        for name, value in targets.items():
            moved[name] = max(moved[name], abs(values.get(name, float("nan")) - value))
    return moved


def _roughly(
    adapter: Adapter, draw: int, size_of: Callable[[calls.Call], float], wire: Wire, look: Look
) -> calls.Around:
    """Return what computes calls roughly; see ``calls.wrapped``."""
    numbers = seeds(draw)

    def around(call: calls.Call, compute: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        wire.event("noise", done=draw, of=DRAWS)
        output = compute(*args, **kwargs)
        size = size_of(call)
        if size:
            seed = next(numbers)
            output = trees.map_leaves(output, adapter.is_tensor, lambda tensor: adapter.perturb(tensor, size, seed))
        look(call, output)
        return output

    return around


def _largest_error(adapter: Adapter, store: ShardWriter, tree: dict[str, Any], output: Any) -> float:
    expected = dict(trees.keys(tree))
    errors = [0.0]
    for path, tensor in trees.leaves(output, adapter.is_tensor):
        if path in expected:
            errors.append(measure.difference(adapter.to_numpy(tensor), store.read(expected[path])).get("error", 0.0))
    return max(errors)
