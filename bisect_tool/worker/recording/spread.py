"""How far targets and parameters spread over other initialisations of the reference."""

from __future__ import annotations

from typing import Any, Callable, Sequence

from ..arrays import measure
from ..model.build import Model
from ..wire import Wire


def measure_spread(model: Model, rebuild: Callable[[int], Model], seeds: Sequence[int], wire: Wire) -> dict[str, Any]:
    """Return the targets, and each parameter's statistics, over other initialisations of the model.

    ``rebuild(seed)`` builds the model anew with another initialisation.
    """
    targets: list[dict[str, float]] = []
    state: dict[str, list[dict[str, Any]]] = {}
    for done, number in enumerate(seeds):
        wire.event("seeds", every=0.0, done=done, of=len(seeds))
        other = rebuild(number)
        other.draws = model.draws
        values, _ = other.read_targets(other.run_step(model.fresh_batch()))
        targets.append(values)
        for name, array in other.own.items():
            statistics = measure.initial(array)
            if statistics:
                state.setdefault(name, []).append(dict(statistics, hash=measure.digest(array)))
    return {"seeds": list(seeds), "targets": targets, "state": state}
