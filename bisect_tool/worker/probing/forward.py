"""A run without a backward pass: put the reference's values at some calls, and compare what others are given and give."""

from __future__ import annotations

import functools
from typing import Any, Callable, Mapping

from ..arrays import Array, trees
from ..arrays.trees import Tree
from ..code.watching import Caught
from ..model.calls import Call
from . import arguments, assigned, own
from .comparing import arrays, differences, doubled, tensors
from .given import Values
from .left_on import put_inside
from .probe import Probe


def read(
    probe: Probe, on_assigned: assigned.OnAssigned = assigned.nobody, on_caught: Caught = assigned.nobody
) -> dict[str, Any]:
    """Run once and return the reading; who looks at variables and exceptions beside it, see ``survey``."""
    with probe.adapter.given_pass_none():
        return probe.read(functools.partial(around, probe), watching=assigned.watching(probe, on_assigned, on_caught))


def around(probe: Probe, call: Call, compute: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Compute one call, replace it, feed it or recall it, as the intervention has it; see ``calls.wrapped``."""
    site, asked = call.site, probe.asked
    if probe.aside:
        return _once_more(probe, site, compute, args, kwargs)
    probe.wire.event("running", site=site)
    expected = probe.reference.sites.get(site) if site in asked.watch else None
    _arrived(probe, call, [list(args), kwargs], expected)
    if site in asked.keep:
        value, inside = probe.memory[site]
        probe.skip(inside)
        return own.recalled(probe.adapter, value)
    if site in probe.sites and expected is None and not probe.trains:
        probe.skip(probe.reference.sites[site]["inside"])
        put_inside(probe, site)
        return probe.substitute(site)
    if site in asked.feed:
        args, kwargs = _fed(probe, site, compute, args, kwargs)
    output = _computed(probe, call, compute, args, kwargs, expected)
    if site in probe.sites:
        put_inside(probe, site)
        return probe.instead_of(site, output)
    return trees.map_leaves(output, probe.adapter.is_tensor, probe.adapter.clone) if asked.echo else output


def _fed(probe: Probe, site: str, compute: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Return what a call is given that is computed from the reference's inputs: as in a forced pass, argument by argument."""
    values, handed = Values(probe), arguments.named(compute, args, kwargs)
    inputs = values.compared(arrays(probe.adapter, handed.by_name), site, "inputs")
    return handed.call(values.fed(handed, site, inputs))


def _arrived(probe: Probe, call: Call, inputs: Any, expected: Tree | None) -> None:
    probe.adapter.sync(tensors(probe.adapter, inputs))
    if expected is not None:
        rows = differences(probe.adapter, probe.reference, expected["inputs"], inputs)
        probe.watched[call.site] = {"inputs": rows}
    if call.site in probe.asked.hand:
        probe.handed[call.site] = {"inputs": arrays(probe.adapter, inputs)}
    probe.sign(call.module)


def _computed(
    probe: Probe, call: Call, compute: Callable[..., Any], args: Any, kwargs: Any, expected: Tree | None
) -> Any:
    site, asked, adapter = call.site, probe.asked, probe.adapter
    exact = expected is not None and site in asked.exact
    before, held = dict(probe.counts), probe.held(call.module) if exact else {}
    # Before the call, which may write into what it is given.
    in_float64 = doubled(adapter, [args, kwargs]) if exact else None
    output = compute(*args, **kwargs)
    if site in asked.disturb:
        size = asked.disturb[site]
        output = trees.map_leaves(output, adapter.is_tensor, lambda tensor: adapter.perturb(tensor, size, 0))
    probe.computed(site, output)
    if site in probe.handed:
        probe.handed[site]["output"] = arrays(adapter, output)
    if expected is not None:
        probe.watched[site]["output"] = differences(adapter, probe.reference, expected["output"], output)
        if exact:
            probe.watched[site]["exact"] = _exactly(probe, call, compute, in_float64, (before, held))
    if site in asked.remember:
        _remember(probe, site, output, before)
    return output


def _remember(probe: Probe, site: str, output: Any, before: Mapping[str, int]) -> None:
    inside = {name: number - before.get(name, 0) for name, number in probe.counts.items()}
    called = {name: number for name, number in inside.items() if number}
    probe.memory[site] = (own.kept(probe.adapter, output), called)


def _exactly(
    probe: Probe,
    call: Call,
    compute: Callable[..., Any],
    given: Any,
    began: tuple[Mapping[str, int], Mapping[str, Array]],
) -> Any:
    """Compute a call once more, in float64, and compare; None where its code does not run in float64.

    ``began`` are the counts and the buffers with which it began.
    """

    def compared() -> Any:
        probe.let_hold(began[1])
        output = compute(*given[0], **given[1])
        probe.adapter.sync(tensors(probe.adapter, output))
        return differences(probe.adapter, probe.reference, probe.reference.sites[call.site]["output"], output)

    probe.aside = True
    try:
        return probe.in_float64(call.module, began[0], compared)
    finally:
        probe.aside = False


def _once_more(probe: Probe, site: str, compute: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Compute a call inside one that is computed in float64, or replace it."""
    seen = probe.watched.get(site)
    if seen is not None and any(row.get("error") for row in seen["inputs"]):
        expected = probe.reference.sites[site]["inputs"]
        seen["exact_inputs"] = differences(probe.adapter, probe.reference, expected, [list(args), kwargs])
    if site not in probe.sites:
        return compute(*args, **kwargs)
    probe.skip(probe.reference.sites[site]["inside"])
    return doubled(probe.adapter, probe.substitute(site))
