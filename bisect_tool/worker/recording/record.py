"""Record one run of a model: every module call's outputs and inputs, its state, its batch, its targets.

Then two kinds of runs that nothing is kept of but numbers: perturbed ones (how far honest rounding moves
each value and each target) and other initialisations (how far the targets spread over seeds).
"""

import fnmatch
import json
import os
import time

import numpy as np

from ..arrays import measure, trees
from ..arrays.measure import DRAWS, LOSS_ROUNDING, ROUNDING
from ..arrays.shards import ShardWriter, writing
from ..code import variables
from ..model import build as building
from ..model import calls, describe
from ..probing import probe
from ..probing.reference import Reference
from . import gradients

FORMAT = 3
OTHER_CODE = 1e-2  # relative; a loss that float64 moves so far does not merely round better in it


def record(model, rebuild, lines, wire, folder, include, exclude, seeds, grads):
    """Write a capture into an existing, empty folder and return its manifest.

    ``rebuild(seed)`` builds the model anew with another initialisation; ``lines`` names the variables of its functions.
    ``grads`` is None, or {"of": the target to record gradients of, None for the total loss}. The targets of the hooked
    run are compared bit for bit with those of a plain run. Raises RecipeError when they differ.
    """
    plain, plain_seconds = building.timed(lambda: _plain(model, lines))
    model.restore()
    progress = _progress(wire, "recording")
    recorder = Recorder(model.adapter, ShardWriter(folder, progress), lines, include, exclude, progress)
    start = time.perf_counter()
    with calls.wrapped(model.adapter, model.tree, recorder.around, recorder.watching):
        hooked = model.read_targets(model.run_step(model.fresh_batch()))
    hooked_seconds = time.perf_counter() - start
    if gradients.bits(plain) != gradients.bits(hooked):
        raise building.RecipeError(
            "two runs of step(batch) gave different targets (%s, then %s): the reference must be deterministic; "
            "switch dropout and other randomness off in build" % (plain[0], hooked[0])
        )
    if not hooked[0]:
        raise building.RecipeError(
            "no scalar among what step(batch) returned: %s" % "; ".join("%s %s" % pair for pair in hooked[1].items())
        )
    model.restore()
    state = {name: recorder.store.add(array) for name, array in model.own.items()}
    batch = trees.encode(model.batch, recorder.store_batch)
    recorder.store.flush()
    exact = measure_exactly(model, recorder, folder, batch, wire)
    noise = dict(measure_noise(model, recorder, hooked[0], exact, wire), exact=exact)
    for name, off in measure_loss_exactly(model, hooked[0]).items():
        for moved in (noise["targets"], noise["loss"]):
            moved[name] = max(moved[name], off)
    spread = measure_spread(model, rebuild, seeds, wire)
    pulled = (
        None
        if grads is None
        else gradients.record(model, recorder, lines, gradients.bits(plain), grads["of"], wire, folder, batch)
    )
    recorder.store.flush()
    described = describe.describe(model, model.adapter.FRAMEWORK, plain_seconds)
    manifest = {
        "format": FORMAT,
        "described": described,
        "targets": hooked[0],
        "not_scalar": hooked[1],
        "sites": recorder.sites,
        "calls": recorder.calls,
        "variables": recorder.variables,
        "excerpts": recorder.excerpts,
        "caught": recorder.caught,
        "skipped": lines.watcher.skipped,
        "state": state,
        "batch": batch,
        "tensors": recorder.store.table,
        "noise": noise,
        "spread": spread,
        "gradients": pulled,
        "seconds": {"plain": plain_seconds, "hooked": hooked_seconds},
        "bytes": {"written": recorder.store.written, "offered": recorder.store.offered},
    }
    with writing(folder), open(os.path.join(folder, "manifest.json"), "w", encoding="utf-8") as file:
        file.write(json.dumps(manifest))  # json.dump encodes in Python, ten times as slowly
    return manifest


def _plain(model, lines):
    """Return the targets of a run that nothing is recorded of.

    A framework that fuses ends every call, and every assignment, as recording does: what it fuses changes the last digits.
    """
    adapter = model.adapter

    def assigned(_site, _place, _where, value):
        variables.settled_parts(adapter, value)
        return value

    def around(_call, compute, args, kwargs):
        output = compute(*args, **kwargs)
        adapter.sync([tensor for _, tensor in trees.leaves(output, adapter.is_tensor)])
        return output

    if not adapter.COMPILES:
        return model.read_targets(model.run_step(model.fresh_batch()))
    with calls.wrapped(adapter, model.tree, around, lambda current: lines.watching(current, assigned)):
        return model.read_targets(model.run_step(model.fresh_batch()))


class Recorder:
    """Turn module calls into sites.

    Attributes: ``sites`` in order of completion (children come before their container), ``calls`` (every call,
    recorded or not, to the call around it), ``variables`` of watched functions in order of assignment, with the
    ``excerpts`` of their lines, and the exceptions that were ``caught`` in these functions.
    """

    def __init__(self, adapter, store, lines, include, exclude, progress):
        self.store = store
        self.sites = []
        self.calls = {}
        self.variables = []
        self.excerpts = {}
        self.caught = []
        self._lines = lines
        self._adapter = adapter
        self._include = include
        self._exclude = exclude
        self._progress = progress
        self._seen = {}  # id of a live tensor -> (the tensor, mutation count, key)
        self._seen_bytes = 0

    def around(self, call, compute, args, kwargs):
        """Record one call; see ``calls.wrapped``."""
        wanted = self._wanted(call.name)
        self.calls[call.site] = call.parent.site if call.parent else None
        inputs = trees.encode([list(args), kwargs], self._key) if wanted else None
        output = compute(*args, **kwargs)
        self._adapter.sync([t for _, t in trees.leaves(output, self._adapter.is_tensor)])
        if wanted:
            self.sites.append(
                {
                    "site": call.site,
                    "module": call.name,
                    "leaf": call.leaf,
                    "inputs": inputs,
                    "output": trees.encode(output, self._key),
                }
            )
            self._progress(site=call.site)
        return output

    def watching(self, current):
        """Record variables while the block runs; see ``calls.wrapped``."""

        def assigned(site, place, where, value):
            parts = variables.settled_parts(self._adapter, value)
            around = current()
            self.variables.append(
                {
                    "site": site,
                    "kind": place.kind,
                    "around": around.site if around else None,
                    "after": len(self.sites),
                    "place": self._lines.noted(self.excerpts, *where),
                    "value": trees.encode(value, self._part) if parts else {"opaque": variables.label(value)},
                }
            )
            return value

        return self._lines.watching(current, assigned, self._caught)

    def _caught(self, place, error):
        self.caught.append(self._lines.caught(place, error))

    def _part(self, value):
        if not variables.is_part(self._adapter, value):
            return None
        key = self._key(value)
        return self.store.add(variables.to_array(self._adapter, value)) if key is None else key

    def store_batch(self, value):
        """Return the key of a batch's tensor or numpy array, None for anything else."""
        if isinstance(value, np.ndarray):
            return self.store.add(np.array(value, order="C"))
        return self._key(value)

    def _key(self, value):
        if not self._adapter.is_tensor(value):
            return None
        count = self._adapter.mutation(value)
        if count is None:
            return self.store.add(self._adapter.to_numpy(value))
        known = self._seen.get(id(value))
        if known is not None and known[1] == count:
            return known[2]
        array = self._adapter.to_numpy(value)
        key = self.store.add(array)
        self._remember(value, count, key, array.nbytes)
        return key

    def _remember(self, value, count, key, size):
        # Holding the tensor keeps its id from being given to another one; dropping all at times bounds the memory.
        self._seen_bytes += size
        if self._seen_bytes > 4 * 64 << 20:
            self._seen.clear()
            self._seen_bytes = size
        self._seen[id(value)] = (value, count, key)

    def reference(self, folder, batch):
        """Return what was recorded as values to probe the model itself with; it must have been written."""
        sites = {e["site"]: {"inputs": e["inputs"], "output": e["output"], "inside": {}} for e in self.sites}
        return Reference(folder, sites, {}, batch, self.store.table)

    def _wanted(self, name):
        if self._include and not any(fnmatch.fnmatchcase(name, pattern) for pattern in self._include):
            return False
        return not any(fnmatch.fnmatchcase(name, pattern) for pattern in self._exclude)


def measure_noise(model, recorder, targets, exact, wire):
    """Return how far values and targets move when every leaf module rounds badly: the largest of some draws.

    By ``ROUNDING``, or by what its own rounding was measured to be (``exact``) where that is more. ``loss`` is how far
    targets move when only what goes into the loss is off, by ``LOSS_ROUNDING``.
    """
    adapter = model.adapter
    recorded = {entry["site"]: entry for entry in recorder.sites}
    sites = {}

    def look(call, output):
        entry = recorded.get(call.site)
        if entry is not None and call.site not in sites:
            sites[call.site] = _largest_error(adapter, recorder.store, entry["output"], output)

    def of_a_leaf(call):
        return max(ROUNDING, exact.get(call.site, 0.0)) if call.leaf else 0.0

    return {
        "rounding": ROUNDING,
        "draws": DRAWS,
        "targets": _moved(model, targets, of_a_leaf, wire, look),
        "sites": sites,
        "loss": _moved(model, targets, lambda call: 0.0 if call.parent else LOSS_ROUNDING, wire),
    }


def _moved(model, targets, size_of, wire, look=lambda _call, _output: None):
    """Return how far targets move when calls give values that are off by relative noise of ``size_of(call)``."""
    adapter = model.adapter
    moved = dict.fromkeys(targets, 0.0)
    for draw in range(DRAWS):
        number = [0]

        def around(call, compute, args, kwargs, draw=draw, number=number):
            wire.event("noise", done=draw, of=DRAWS)
            output = compute(*args, **kwargs)
            size = size_of(call)
            if size:
                number[0] += 1
                seed = 1000003 * draw + number[0]
                output = trees.map_leaves(output, adapter.is_tensor, lambda t: adapter.perturb(t, size, seed))
            look(call, output)
            return output

        with calls.wrapped(adapter, model.tree, around):
            values, _ = model.read_targets(model.run_step(model.fresh_batch()))
        model.restore()
        for name, value in targets.items():
            moved[name] = max(moved[name], abs(values.get(name, float("nan")) - value))
    return moved


def measure_exactly(model, recorder, folder, batch, wire):
    """Return each site's own rounding: its output, computed in float64 from the recorded inputs, against the recorded.

    Sites whose code does not run in float64 are left out, and all of them in a framework that would have to compile it.
    """
    if model.adapter.COMPILES:
        return {}
    reference = recorder.reference(folder, batch)
    sites = reference.sites
    with model.adapter.casting_no_float64_down():
        reading = probe.Probe(model, reference, wire, {}, patch=sites, watch=sites, exact=sites).run()
    return {
        site: max([row["error"] for row in found["exact"]], default=0.0)
        for site, found in reading["watched"].items()
        if found.get("exact") is not None and all("error" in row for row in found["exact"])
    }


def measure_loss_exactly(model, targets):
    """Return the loss's own rounding: how far each target is off from what float64 makes of the same outermost outputs.

    Without those that are further off than rounding alone makes anything: their code asks for the dtype, or chooses
    otherwise. Empty where the code of step does not run in float64, and in a framework that would have to compile it.
    """
    adapter = model.adapter
    if adapter.COMPILES:
        return {}
    outputs = []

    def doubled(value):
        return trees.map_leaves(value, adapter.is_tensor, adapter.doubled)

    def keep(call, compute, args, kwargs):
        output = compute(*args, **kwargs)
        if call.parent is None:
            outputs.append(doubled(output))
        return output

    try:
        with calls.wrapped(adapter, model.tree, keep):
            model.run_step(model.fresh_batch())
        model.restore()
        left = iter(outputs)
        given = calls.wrapped(adapter, model.tree, lambda *_call: next(left))
        with given, adapter.casting_no_float64_down():
            values, _ = model.read_targets(model.run_step(doubled(model.fresh_batch())))
    except Exception:  # code that does not run in float64: then nothing is known of it
        return {}
    finally:
        model.restore()
    found = {name: abs(values.get(name, float("nan")) - value) for name, value in targets.items()}
    return {name: off for name, off in found.items() if off <= OTHER_CODE * abs(targets[name])}


def _largest_error(adapter, store, tree, output):
    expected = dict(trees.keys(tree))
    errors = [0.0]
    for path, tensor in trees.leaves(output, adapter.is_tensor):
        if path in expected:
            errors.append(measure.difference(adapter.to_numpy(tensor), store.read(expected[path])).get("error", 0.0))
    return max(errors)


def measure_spread(model, rebuild, seeds, wire):
    """Return the targets, and each parameter's statistics, over other initialisations of the model."""
    targets = []
    state = {}
    for done, number in enumerate(seeds):
        wire.event("seeds", every=0.0, done=done, of=len(seeds))
        other = rebuild(number)
        values, _ = other.read_targets(other.run_step(model.fresh_batch()))
        targets.append(values)
        for name, array in other.own.items():
            other_statistics = measure.initial(array)
            if other_statistics:
                state.setdefault(name, []).append(other_statistics)
    return {"seeds": list(seeds), "targets": targets, "state": state}


def _progress(wire, kind):
    totals = {"sites": 0, "bytes": 0}

    def report(site=None, bytes=None):
        totals["sites"] += site is not None
        totals["bytes"] = totals["bytes"] if bytes is None else bytes
        wire.event(kind, **totals)

    return report
