"""Record one run of a model: every module call's outputs and inputs, its state, its batch, its targets.

Then two kinds of runs that nothing is kept of but numbers: perturbed ones (how far honest rounding moves
each value and each target) and other initialisations (how far the targets spread over seeds). At last one more run at
other weights (``point``).
"""

from __future__ import annotations

import json
import os
from typing import Any, Callable, Collection, Sequence

from ..arrays import trees
from ..arrays.shards import ShardWriter, writing
from ..code import variables
from ..code.lines import Lines
from ..code.rewriting import Place
from ..code.watching import Where
from ..failures import RecipeError
from ..model import build as building
from ..model import calls, describe
from ..model.draws import Giving
from ..wire import Wire
from . import gradients, point
from .noise import measure_noise
from .recorder import Recorder
from .spread import measure_spread
from .targets import Read, bits

FORMAT = 7


def record(
    model: building.Model,
    rebuild: Callable[[int], building.Model],
    lines: Lines,
    wire: Wire,
    folder: str,
    include: Sequence[str],
    exclude: Sequence[str],
    seeds: Sequence[int],
    grads: dict[str, Any] | None,
    sources: Callable[[], dict[str, Any]] = dict,
) -> dict[str, Any]:
    """Write a capture into an existing, empty folder and return its manifest.

    ``rebuild(seed)`` builds the model anew with another initialisation; ``lines`` names the variables of its functions.
    ``grads`` is None, or {"of": the target to record gradients of, None for the total loss}; ``sources`` tells in the end which files
    the model was built from. Raises RecipeError where the
    run's targets are not those of a plain run, bit for bit.
    """
    recorder, read, seconds = _recorded_run(model, lines, wire, folder, include, exclude)
    state = {name: recorder.store.add(array) for name, array in model.own.items()}
    batch = trees.encode(model.batch, recorder.store_batch)
    recorder.store.flush()
    again = {
        "noise": measure_noise(model, recorder, read[0], batch, wire),
        "spread": measure_spread(model, rebuild, seeds, wire),
        "gradients": _gradients(model, recorder, lines, read, grads, wire, batch),
        **point.record(model, recorder, state, read[0], batch, wire),
    }
    recorder.store.flush()
    if recorder.store.shards.damage is not None:
        raise recorder.store.shards.damage
    manifest = {
        "format": FORMAT,
        "sources": sources(),
        "described": describe.describe(model, seconds["plain"]),
        **_found(recorder, read, lines),
        "state": state,
        "batch": batch,
        **again,
        "seconds": seconds,
    }
    _write(folder, manifest)
    return manifest


def _write(folder: str, manifest: dict[str, Any]) -> None:
    with writing(folder), open(os.path.join(folder, "manifest.json"), "w", encoding="utf-8") as file:
        file.write(json.dumps(manifest))  # json.dump encodes in Python, ten times as slowly


def _found(recorder: Recorder, read: Read, lines: Lines) -> dict[str, Any]:
    """Return what the manifest says of one run's targets, calls, variables and tensors, once these are written."""
    return {
        "targets": read[0],
        "not_scalar": read[1],
        "sites": recorder.sites,
        "calls": recorder.calls,
        "left": recorder.left,
        "trains": recorder.trains,
        "variables": recorder.variables,
        "excerpts": recorder.excerpts,
        "caught": recorder.caught,
        "draws": recorder.draws.found,
        "skipped": lines.watcher.skipped,
        "watched": lines.chosen(),
        "transformed": recorder.transformed,
        "tensors": recorder.store.table,
        "bytes": {"written": recorder.store.written, "offered": recorder.store.offered},
    }


def _recorded_run(
    model: building.Model, lines: Lines, wire: Wire, folder: str, include: Sequence[str], exclude: Sequence[str]
) -> tuple[Recorder, Read, dict[str, float]]:
    """Run plainly, once to learn what runs, then with everything recorded; return (the recorder, the targets, the seconds of both)."""
    with lines.learning():
        first = _plain(model, lines)
    model.restore()
    plain, plain_seconds = building.timed(_plain, model, lines)
    model.restore()
    progress = _progress(wire)
    recorder = Recorder(model.adapter, ShardWriter(folder, progress), lines, include, exclude, progress)
    model.draws = recorder.draws
    hooked, hooked_seconds = building.timed(_hooked, model, recorder)
    while recorder.strays:  # it is seen too late that parameters are written: recorded once more, with these
        model.restore()
        recorder = recorder.another()
        model.draws = recorder.draws
        hooked, hooked_seconds = building.timed(_hooked, model, recorder)
    model.draws = Giving(model.adapter, recorder.draws.by_site(), recorder.store.read)
    _check(first, hooked, recorder.rewritten)
    _check(plain, hooked, recorder.rewritten)
    model.restore()
    return recorder, hooked, {"plain": plain_seconds, "hooked": hooked_seconds}


def _hooked(model: building.Model, recorder: Recorder) -> Read:
    with recorder.state_of(model), calls.wrapped(model.adapter, model.tree, recorder.around, recorder.watching):
        read = model.read_targets(model.run_step(model.fresh_batch()))
    recorder.transformed = calls.transformed()
    return read


def _check(plain: Read, hooked: Read, rewritten: Collection[str]) -> None:
    if bits(plain) != bits(hooked):
        also = ", and return its optimizer from build if step changes weights by one" if rewritten else ""
        raise RecipeError(
            "two runs of step(batch) gave different targets (%s, then %s): the reference must be deterministic; "
            "switch dropout and other randomness off in build, and keep nothing in Python attributes from one step to the "
            "next (a counter, a list)%s" % (plain[0], hooked[0], also)
        )
    if not hooked[0]:
        raise RecipeError(
            "no scalar among what step(batch) returned: %s" % "; ".join("%s %s" % pair for pair in hooked[1].items())
        )


def _gradients(
    model: building.Model,
    recorder: Recorder,
    lines: Lines,
    read: Read,
    grads: dict[str, Any] | None,
    wire: Wire,
    batch: Any,
) -> dict[str, Any] | None:
    """Record gradients, if they are wanted, of a step that makes none of its own."""
    if grads is None:
        return None
    if recorder.trains:
        raise RecipeError(
            "gradients are recorded of a step that only computes losses: this one changes %s by gradients of its own"
            % ", ".join(sorted(recorder.rewritten))
        )
    try:
        return gradients.record(model, recorder, lines, bits(read), grads["of"], wire, batch)
    except RuntimeError as error:
        if "differentiated Tensor" not in str(error):
            raise
        raise RecipeError(
            "step takes gradients itself, of which pieces of the graph know nothing (%s): record without --grads"
            % str(error).splitlines()[0]
        ) from error


def _plain(model: building.Model, lines: Lines) -> Read:
    """Return the targets of a run that nothing is recorded of.

    A framework that fuses ends every call, and every assignment, as recording does: what it fuses changes the last digits.
    """
    adapter = model.adapter

    def assigned(_site: str, _place: Place, _where: Where, value: Any) -> Any:
        variables.settled_parts(adapter, value)
        return value

    def around(_call: calls.Call, compute: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        output = compute(*args, **kwargs)
        adapter.sync([tensor for _, tensor in trees.leaves(output, adapter.is_tensor)])
        return output

    if not adapter.COMPILES:
        return model.read_targets(model.run_step(model.fresh_batch()))
    with calls.wrapped(adapter, model.tree, around, lambda current: lines.watching(current, assigned)):
        return model.read_targets(model.run_step(model.fresh_batch()))


def _progress(wire: Wire) -> Callable[..., None]:
    totals = {"sites": 0, "bytes": 0}

    def report(site: str | None = None, bytes: int | None = None) -> None:
        totals["sites"] += site is not None
        totals["bytes"] = totals["bytes"] if bytes is None else bytes
        wire.event("recording", **totals)

    return report
