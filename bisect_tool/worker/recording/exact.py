"""The reference's own rounding: its calls, and its loss, computed once more in float64."""

from __future__ import annotations

from typing import Any, Callable, Mapping

from ..arrays import trees
from ..model import calls
from ..model.build import Model
from ..probing import forward
from ..probing.intervention import Intervention
from ..probing.probe import Probe
from ..wire import Wire
from .recorder import Recorder

OTHER_CODE = 1e-2  # relative; a loss that float64 moves so far does not merely round better in it


def measure_exactly(
    model: Model, recorder: Recorder, folder: str, batch: dict[str, Any], wire: Wire
) -> dict[str, float]:
    """Return each site's own rounding: its output, computed in float64 from the recorded inputs, against the recorded.

    Sites whose code does not run in float64 are left out, and all of them in a framework that would have to compile it.
    """
    if model.adapter.COMPILES:
        return {}
    reference = recorder.reference(folder, batch)
    sites = reference.sites
    asked = Intervention(sites, watch=sites, exact=sites)
    with model.adapter.casting_no_float64_down():
        reading = forward.read(Probe(model, reference, wire, asked))
    return {
        site: max([row["error"] for row in found["exact"]], default=0.0)
        for site, found in reading["watched"].items()
        if found.get("exact") is not None and all("error" in row for row in found["exact"])
    }


def measure_loss_exactly(model: Model, targets: Mapping[str, float]) -> dict[str, float]:
    """Return the loss's own rounding: how far each target is off from what float64 makes of the same outermost outputs.

    Without those that are further off than rounding alone makes anything: their code asks for the dtype, or chooses
    otherwise. Empty where the code of step does not run in float64, and in a framework that would have to compile it.
    """
    if model.adapter.COMPILES:
        return {}
    try:
        values = _loss_in_float64(model)
    except Exception:  # code that does not run in float64: then nothing is known of it
        return {}
    finally:
        model.restore()
    found = {name: abs(values.get(name, float("nan")) - value) for name, value in targets.items()}
    return {name: off for name, off in found.items() if off <= OTHER_CODE * abs(targets[name])}


def _loss_in_float64(model: Model) -> dict[str, float]:
    adapter = model.adapter
    outputs: list[Any] = []

    def doubled(value: Any) -> Any:
        return trees.map_leaves(value, adapter.is_tensor, adapter.doubled)

    def keep(call: calls.Call, compute: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        output = compute(*args, **kwargs)
        if call.parent is None:
            outputs.append(doubled(output))
        return output

    with calls.wrapped(adapter, model.tree, keep):
        model.run_step(model.fresh_batch())
    model.restore()
    left = iter(outputs)
    given = calls.wrapped(adapter, model.tree, lambda *_call: next(left))
    with given, adapter.casting_no_float64_down():
        values, _ = model.read_targets(model.run_step(doubled(model.fresh_batch())))
    return values
