"""Record the gradients of a run: of every parameter, at every call's output, and what each call contributes to them.

Then what honest rounding does to each of them: runs in which every layer's gradient is off by ``ROUNDING``, and the
pieces of the backward pass (see ``probing.pieces``) once more in float64 and from values that are off by as much.
"""

from __future__ import annotations

from typing import AbstractSet, Any, Mapping

from ..code.lines import Lines
from ..model.build import Model
from ..probing.intervention import Intervention
from ..probing.names import Name
from ..probing.probe import Probe
from ..probing.reference import Reference
from ..probing.statements import Statements
from ..wire import Wire
from . import constants, contributions, steps, whole
from .gradient_noise import measure_noise
from .recorder import Recorder
from .targets import Bits, differentiated

DISTURBED = 2  # runs in pieces from values that are off


def record(
    model: Model,
    recorder: Recorder,
    lines: Lines,
    plain: Bits,
    given: str | None,
    wire: Wire,
    batch: dict[str, Any],
) -> dict[str, Any]:
    """Return what the manifest says of gradients; ``plain`` are the bits of the recorded run's targets."""
    of = [name for name in differentiated(model, given) if name in plain[0]]
    found, sites, connected = whole.record(model, recorder, lines, of, plain)
    fixed = constants.find(model, recorder, lines)
    _leave_out(sites, fixed)
    noise = measure_noise(model, of, found, wire)
    reference = recorder.reference(batch)
    reference.gradients = {"of": of, "sites": sites, "off": []}
    watch = [entry["site"] for entry in recorder.sites if entry["site"] in sites]
    recorder.store.flush()
    floors = _in_pieces(model, reference, recorder, wire, watch, fixed)
    wire.event("gradients", every=0.0, done=DISTURBED + 1, of=DISTURBED + 2)
    probe = Probe(model, reference, wire, Intervention((), watch=watch))
    by_line = Statements(probe, lines, connected, excerpts=recorder.excerpts, constants=fixed)
    by_line.read()
    add = recorder.store.add
    return {
        "of": of,
        "off": reference.gradients["off"],
        "statements": by_line.edges,
        "variables": _by_site({name: add(array) for name, array in by_line.gradients.items()}),
        "connected": connected,
        "places": by_line.places,
        "parameters": {name: None if array is None else add(array) for name, array in found.items()},
        "noise": noise,
        "later": steps.count_later(model, of, found),
        "optimizer": steps.optimizer_steps(model, recorder.store, found),
        "sites": _with_floors(sites, floors),
    }


def _leave_out(sites: whole.Sites, fixed: AbstractSet[Name]) -> None:
    """Ask nothing of outputs that take no gradient."""
    for site, parts in sites.items():
        parts["output"] = {path: key for path, key in parts["output"].items() if (site, "output", path) not in fixed}


def _in_pieces(
    model: Model, reference: Reference, recorder: Recorder, wire: Wire, watch: list[str], fixed: AbstractSet[Name]
) -> dict[Name, float]:
    """Record what each call contributes to ``reference.gradients``; return how far each of that moves by honest rounding."""
    wire.event("gradients", every=0.0, done=0, of=DISTURBED + 2)
    floors = contributions.record(model, reference, recorder.store, wire, watch, fixed)
    recorder.store.flush()
    for draw in range(1, DISTURBED + 1):
        wire.event("gradients", every=0.0, done=draw, of=DISTURBED + 2)
        for name, size in contributions.disturb(model, reference, wire, watch, draw).items():
            floors[name] = max(floors.get(name, 0.0), size)
    return floors


def _by_site(gradients: Mapping[Name, str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for (site, _, path), key in gradients.items():
        found.setdefault(site, {})[path] = key
    return found


def _with_floors(sites: whole.Sites, floors: Mapping[Name, float]) -> dict[str, Any]:
    return {
        site: {
            part: {path: [key, floors.get((site, part, path), 0.0)] for path, key in keys.items()}
            for part, keys in parts.items()
        }
        for site, parts in sites.items()
    }
