"""One more run of the reference, at stirred weights: what each call was given and gave there, and how that rounds.

No gradients and no variables are recorded: it is asked there whether the code computes the same, call by call.
"""

from __future__ import annotations

import math
from typing import Any, Callable, Mapping

import numpy as np

from ..adapters.adapter import Adapter
from ..arrays import trees
from ..arrays.shards import DamagedError, DiskError
from ..model import calls
from ..model.build import Model
from ..wire import Wire
from . import noise, stirring
from .recorder import Recorder
from .targets import Read, bits

STRENGTHS = (1.0, 0.3, 0.1)
NOTHING = "nothing to stir"
Before = Mapping[str, float]  # the targets of the run at the reference's own weights


def record(
    model: Model, own: Recorder, state: Mapping[str, str], targets: Before, batch: Any, wire: Wire
) -> dict[str, Any]:
    """Return what the manifest says of the run at stirred weights, ``stirred``, or why there is none, ``not_stirred``.

    ``own`` recorded the run at the model's own weights, ``state`` are the keys of these. Weights are stirred less where the
    model gives something there that is not finite, or fails.
    """
    why: str | None = NOTHING
    finite = _finite_sites(own)
    for strength in STRENGTHS:
        values = stirring.stirred(model, strength)
        if not values:
            return {"stirred": None, "not_stirred": NOTHING}
        wire.event("stirred", every=0.0, strength=strength)
        with model.holding(values) as changed:
            try:
                plain, why = _tried(model, finite, targets, wire)
                if why is None:
                    keys = {name: own.store.add(model.own[name]) for name in changed}
                    found = _recorded(model, own.another(), plain, batch, wire)
                    there = {"state": {**state, **keys}, "stirred": list(keys), "strength": strength, **found}
                    return {"stirred": there, "not_stirred": None}
            except (DiskError, DamagedError):
                raise
            except Exception as error:  # a model may refuse any weights but its own, and the capture is good without
                why = "at stirred weights the model fails: %s: %s" % (type(error).__name__, _first_line(error))
    return {"stirred": None, "not_stirred": why}


def _recorded(model: Model, recorder: Recorder, plain: Read, batch: Any, wire: Wire) -> dict[str, Any]:
    """Record the run and its rounding; raises ValueError where its targets are not those of a plain run."""
    with recorder.state_of(model), calls.wrapped(model.adapter, model.tree, recorder.around):
        read = model.read_targets(model.run_step(model.fresh_batch()))
    model.restore()
    if bits(read) != bits(plain):
        raise ValueError("two runs of step(batch) gave different targets")
    recorder.store.flush()
    found = {"sites": recorder.sites, "calls": recorder.calls, "left": recorder.left, "targets": read[0]}
    measured = noise.measure_at_point(model, recorder, read[0], batch, wire)
    return dict(found, noise={name: measured[name] for name in ("targets", "loss", "exact")})


def _tried(model: Model, finite: set[str], targets: Before, wire: Wire) -> tuple[Read, str | None]:
    """Run once and return what comes of it, and what is wrong with it: what is not finite and was, or is not there."""
    wrong: list[str] = []

    def around(call: calls.Call, compute: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        wire.event("running", site=call.site)
        output = compute(*args, **kwargs)
        if not wrong and call.site in finite and not _is_finite(model.adapter, output):
            wrong.append("what %s gives" % call.site)
        return output

    with calls.wrapped(model.adapter, model.tree, around):
        read = model.read_targets(model.run_step(model.fresh_batch()))
    model.restore()
    if read[0].keys() != targets.keys():
        return read, "at stirred weights step returns other targets"
    wrong += [name for name, value in targets.items() if math.isfinite(value) and not math.isfinite(read[0][name])]
    return read, "at stirred weights %s is not finite" % wrong[0] if wrong else None


def _is_finite(adapter: Adapter, output: Any) -> bool:
    arrays = [adapter.to_numpy(tensor) for _, tensor in trees.leaves(output, adapter.is_tensor)]
    return all(bool(np.isfinite(array).all()) for array in arrays if array.dtype.kind in "fc")


def _finite_sites(recorder: Recorder) -> set[str]:
    """Return the calls that gave nothing but finite numbers; what was recorded must have been written."""
    table = recorder.store.table
    return {
        entry["site"]
        for entry in recorder.sites
        if all(math.isfinite(table[key].get("mean", 0.0)) for _, key in trees.keys(entry["output"]))
    }


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0][:300]
