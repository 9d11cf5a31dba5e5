"""The reference's own rounding: its calls, and its loss, computed once more in float64."""

from __future__ import annotations

import math
import re
from typing import Any, Callable, Dict, List, Mapping, Tuple

from ..arrays import Array, measure
from ..arrays.trees import leaves
from ..model import attributes, calls
from ..model.build import Model
from ..probing.comparing import differences, doubled
from ..probing.intervention import Intervention
from ..probing.probe import Probe
from ..wire import Wire
from .recorder import Recorder

OTHER_CODE = 1e-2  # relative; a value that float64 moves so far does not merely round better in it
COARSE = {"float16": 2.0**-10, "bfloat16": 2.0**-7}  # the step from 1 to the next number
OUT_OF_MEMORY = re.compile(r"out of memory|can't allocate|cannot allocate|unable to allocate|not enough memory", re.I)
TRAINS = "step trains by gradients of its own, which what is put in a layer's place does not have"
COMPILES = "its framework would have to compile its kernels anew"
Began = Tuple[Mapping[str, int], Mapping[str, Array]]
Measured = Tuple[Dict[str, float], Dict[str, str]]  # the rounding, and why it is not known, each by name


def measure_exactly(model: Model, recorder: Recorder, batch: dict[str, Any], wire: Wire) -> Measured:
    """Return each site's own rounding: its output, computed in float64 from the recorded inputs, against the recorded.

    And for each site where that failed why. Nothing that happens here is an error: the capture is whole without.
    """
    reference = recorder.reference(batch)
    if model.adapter.COMPILES:
        return {}, dict.fromkeys(reference.sites, COMPILES)
    exactly = Exactly(Probe(model, reference, wire, Intervention(reference.sites)))
    try:
        exactly.probe.read(exactly.around)
        why = "it was not called when step ran again"
    except Exception as error:
        why = reason(error)
    unmeasured = {s: exactly.unmeasured.get(s, why) for s in reference.sites if s not in exactly.rounding}
    return exactly.rounding, unmeasured


class Exactly:
    """A run in which every call is computed twice, in float64 too; what it gives is then replaced by what was recorded."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self.rounding: dict[str, float] = {}
        self.unmeasured: dict[str, str] = {}
        self._in_float32 = False

    def around(self, call: calls.Call, compute: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Compute one call; see ``calls.wrapped``."""
        probe, site = self.probe, call.site
        probe.wire.event("running", site=site)
        if site not in probe.reference.sites:
            return compute(*args, **kwargs)
        if probe.aside:
            probe.skip(probe.reference.sites[site]["inside"])
            probe.let_hold({name: probe.reference.read(keys[1]) for name, keys in self._state(site).items()})
            inside = probe.substitute(site)
            return inside if self._in_float32 else doubled(probe.adapter, inside)
        before, held = dict(probe.counts), probe.held(call.module)
        given = self._given(site, args, kwargs)
        output = compute(*args, **kwargs)
        probe.computed(site, output)
        self._coarse(site, output)
        if self._off(site, output) > OTHER_CODE:
            self.unmeasured[site] = "it computed something else when it ran again"
        elif given is not None:
            self._measure(call, compute, given, (before, held))
            own = args, kwargs
            if self.rounding.get(site, 0.0) > OTHER_CODE and not self._repeats(call, compute, own, (before, held)):
                del self.rounding[site]  # no rounding: it was off by what the run before it left
                self.unmeasured[site] = "it computed something else when it ran again"
        return probe.instead_of(site, output)

    def _coarse(self, site: str, output: Any) -> None:
        """Note how coarse half precision is: one rounding more or less than the reference's own code makes is no fault."""
        adapter = self.probe.adapter
        steps = [COARSE.get(adapter.precision(tensor), 0.0) for _, tensor in leaves(output, adapter.is_tensor)]
        if any(steps):
            self.rounding[site] = max(steps)

    def _given(self, site: str, args: Any, kwargs: Any) -> Any:
        """Return what a call is given, in float64: before the call, which may write into it."""
        try:
            return doubled(self.probe.adapter, [args, kwargs])
        except Exception as error:
            self.unmeasured[site] = reason(error)
            return None

    def _measure(self, call: calls.Call, compute: Callable[..., Any], given: Any, began: Began) -> None:
        """Compute a call once more; ``began`` are the counts and the buffers with which it began."""

        def off() -> float:
            self.probe.let_hold(began[1])
            # Only here: the run itself may go through float64 and back.
            with self.probe.adapter.casting_no_float64_down():
                output = compute(*given[0], **given[1])
            return max(self._off(call.site, output), self._state_off(call.site))

        def failed(error: Exception) -> None:
            self.unmeasured[call.site] = reason(error)

        self.probe.aside = True
        try:
            rounding = self.probe.in_float64(call.module, began[0], off, failed)
        finally:
            self.probe.aside = False
        if rounding is not None and rounding < float("inf"):
            self.rounding[call.site] = max(rounding, self.rounding.get(call.site, 0.0))
        elif rounding is not None:
            self.unmeasured[call.site] = "in float64 it gives values of another shape, or that are not finite"

    def _repeats(self, call: calls.Call, compute: Callable[..., Any], given: Any, began: Began) -> bool:
        """Tell whether a call gives what was recorded once more, as it is: one that writes into a list it is handed does not."""
        self.probe.aside = self._in_float32 = True
        try:
            with self.probe.once_more(call.module, began[0]):
                self.probe.let_hold(began[1])
                return self._off(call.site, compute(*given[0], **given[1])) <= OTHER_CODE
        except Exception:
            return False
        finally:
            self.probe.aside = self._in_float32 = False

    def _off(self, site: str, output: Any) -> float:
        """Return how far an output is off the recorded one, infinity where the two do not compare."""
        expected = self.probe.reference.sites[site]["output"]
        rows = differences(self.probe.adapter, self.probe.reference, expected, output)
        return max([row.get("error", float("inf")) for row in rows], default=0.0)

    def _state_off(self, site: str) -> float:
        """Return how far the buffers are off that a call writes."""
        errors = [0.0]
        for name, (_, key) in self._state(site).items():
            array = self.probe.contents.read(name)
            row = {} if array is None else measure.difference(array, self.probe.reference.read(key))
            errors.append(row.get("error", float("inf")))
        return max(errors)

    def _state(self, site: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = self.probe.reference.sites[site]["state"]
        return found


def measure_loss_exactly(model: Model, targets: Mapping[str, float], *, trains: bool = False) -> Measured:
    """Return the loss's own rounding: how far each target is off from what float64 makes of the same outermost outputs.

    Without those that are further off than rounding alone makes anything: their code asks for the dtype, or chooses
    otherwise. And for each target without one why.
    """
    if model.adapter.COMPILES or trains:
        return {}, dict.fromkeys(targets, COMPILES if model.adapter.COMPILES else TRAINS)
    try:
        with attributes.kept(model):
            values = _loss_in_float64(model)
    except Exception as error:
        return {}, dict.fromkeys(targets, reason(error))
    finally:
        model.restore()
    off = {name: abs(values.get(name, float("nan")) - value) for name, value in targets.items()}
    rounding = {name: size for name, size in off.items() if size <= OTHER_CODE * abs(targets[name])}
    return rounding, {
        name: "it is another value in float64" if math.isfinite(value) else "it is not finite"
        for name, value in targets.items()
        if name not in rounding
    }


def _loss_in_float64(model: Model) -> dict[str, float]:
    adapter = model.adapter
    outputs: List[Any] = []

    def keep(call: calls.Call, compute: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        output = compute(*args, **kwargs)
        if call.parent is None:
            outputs.append(doubled(adapter, output))
        return output

    with calls.wrapped(adapter, model.tree, keep):
        model.run_step(model.fresh_batch())
    model.restore()
    left = iter(outputs)
    given = calls.wrapped(adapter, model.tree, lambda *_call: next(left))
    with given, adapter.casting_no_float64_down():
        values, _ = model.read_targets(model.run_step(doubled(adapter, model.fresh_batch())))
    return values


def reason(error: Exception) -> str:
    """Return in a few words why something did not run in float64; want of memory is no fault of the code."""
    text = str(error).strip().splitlines()
    said = "%s: %s" % (type(error).__name__, text[0]) if text else type(error).__name__
    if isinstance(error, MemoryError) or "OutOfMemory" in said or OUT_OF_MEMORY.search(said):
        return "out of memory"
    return said[:120]
