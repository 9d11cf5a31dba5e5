"""What a run does with a variable that a watched function assigns: compare it, hand it over, replace it."""

from __future__ import annotations

from typing import Any, Callable, ContextManager, Optional

from ..code import variables
from ..code.rewriting import Place
from ..code.variables import Parts
from ..code.watching import Caught, Unseen, Where
from ..model.calls import Call, Current
from .probe import Probe, Watching

OnAssigned = Callable[
    [str, Place, Optional[Call], Where, Parts, Any], None
]  # site, place, call around, where, parts, value


def nobody(*_seen: Any) -> None:
    """Look at nothing."""


def watching(probe: Probe, on_assigned: OnAssigned = nobody, on_caught: Caught = nobody) -> Watching | None:
    """Return who looks at variables in a run, None where they are no sites in it; see ``calls.wrapped``."""
    lines = probe.lines
    if lines is None or not probe.asked.variables:
        return None

    def of_run(current: Current) -> ContextManager[None]:
        def assigned(site: str, place: Place, where: Where, value: Any) -> Any:
            if probe.aside:
                return value
            # Also where nobody looks: who does changes no digit.
            parts = variables.settled_parts(probe.adapter, value)
            on_assigned(site, place, current(), where, parts, value)
            if isinstance(value, Unseen):
                return value
            _look(probe, site, parts, value)
            return _replaced(probe, site, parts, value) if site in probe.sites and place.replaceable else value

        return lines.watching(current, assigned, on_caught, expressions=probe.asked.expressions)

    return of_run


def _look(probe: Probe, site: str, parts: Parts, value: Any) -> None:
    if site in probe.asked.watch:
        tree = probe.reference.sites[site]["output"]
        rows = variables.differences(probe.adapter, probe.reference, tree, parts, value)
        probe.watched[site] = {"inputs": [], "output": rows}
    if site in probe.asked.hand:
        arrays = [(path, variables.to_array(probe.adapter, part)) for path, part in parts]
        probe.handed[site] = {"inputs": [], "output": arrays}


def _replaced(probe: Probe, site: str, parts: Parts, value: Any) -> Any:
    tree = probe.reference.sites[site]["output"]
    new, digests = variables.replaced(probe.adapter, probe.reference, tree, parts, value)
    if digests is not None:
        probe.receipts[site] = digests
    return new
