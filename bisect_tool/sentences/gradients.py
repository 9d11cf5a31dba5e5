"""What is said of wrong gradients: who passes them on, how they differ, what proves it, at which line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bisect_tool.sentences.spelling import counted, listed
from bisect_tool.sites import Edge

SHOWN = 4  # names of gradients

STRAIGHT = "the port's own backward pass"
AS_IT_IS = "a backward pass as it is"
BY_PIECES = "each call's gradients computed separately"


# Where gradients cannot be compared, or nobody is to blame for what is off.


def not_before_the_layers() -> str:
    """Say that the port does not run with every layer patched."""
    return "gradients cannot be compared before the port runs with every layer patched"


def backward_fails(why: str) -> str:
    """Say that the port's own backward pass fails."""
    return f"the port's backward pass fails ({why.rstrip('.')})"


def straight_fails(why: str) -> str:
    """Say that the port's backward pass fails only where its layers give the reference's values: that is no fault of the port's."""
    return f"gradients could not be compared: with the reference's values in its place the port's backward pass stops ({why.rstrip('.')})"


def pieces_fail(why: str) -> str:
    """Say that the backward pass by pieces fails."""
    return f"the port's backward pass fails where each call's gradients are computed separately ({why.rstrip('.')})"


def nobody_to_blame(off: Mapping[str, float]) -> str:
    """Say that gradients are off, each by so many times what it may be, which no call by itself gets wrong."""
    return f"{off_in_whole(off)}, and no call could be shown to make them so"


def not_all_compared(off: Mapping[str, float], uncompared: Sequence[str]) -> str:
    """Say that gradients are off where not every piece could be compared."""
    return (
        f"{off_in_whole(off)}; computed separately, what could be compared is right, "
        f"but the gradients of {listed(uncompared, SHOWN)} could not be"
    )


def more_than_adds_up(off: Mapping[str, float], pieces: int, most: float) -> str:
    """Say that gradients are off by more than the rounding of all pieces may add up to, each of which is right."""
    return (
        f"{off_in_whole(off)}, yet each call's are right when computed separately: the rounding of {pieces} pieces adds up "
        f"to {most:.3g} times at most, so they are lost or made between the calls (a hook on what several of them share, say)"
    )


def adds_up(off: Mapping[str, float], pieces: int, most: float) -> str:
    """Say that gradients are a little off by rounding that adds up."""
    return (
        f"{off_in_whole(off)}; no piece is wrong: each call's gradients are right when computed separately, and the rounding "
        f"of {pieces} pieces may add up to {most:.3g} times"
    )


def off_in_whole(off: Mapping[str, float]) -> str:
    """Say which gradients are off in a whole backward pass."""
    shown = [f"{name} ({times:.3g} times)" for name, times in sorted(off.items(), key=lambda pair: -pair[1])]
    return f"in the port's whole backward pass gradients are off by more than they may be: {listed(shown, SHOWN)}"


def once_right(said: str) -> str:
    """Add to what is off that code is wrong on the way forward, which may be why."""
    return f"{said}; whether the backward pass makes them so can be asked once the code is right"


def unpaired(parameters: Sequence[str]) -> str:
    """Say of which parameters the gradients are not known."""
    one = len(parameters) == 1
    what, verb = ("the gradient", "is") if one else ("the gradients", "are")
    return (
        f"{what} of {listed(parameters, SHOWN)} {verb} not compared: without a sure partner of that shape in the port"
    )


def handed_otherwise(calls: Sequence[str]) -> str:
    """Say of which code the gradients cannot be compared, since something is handed over there that the reference does not."""
    return (
        f"in {listed(calls, SHOWN)} a call is handed other arguments than in the reference, or they cannot be told apart, so "
        "that its gradients cannot be compared"
    )


def only_together(quantity: str, value: float | None) -> str:
    """Say that a quantity made of all gradients is off, although each gradient agrees."""
    shown = "has no value" if value is None else f"is {value:.7g}, further off than it may be"
    return f"{quantity} {shown}, yet the gradient of each parameter agrees"


# What a probe put right.


def in_float64(calls: int) -> str:
    """Name the backward pass by pieces that is run once more."""
    return f"the same, {calls} in float64 too"


def put_right(sites: Sequence[str]) -> str:
    """Name a whole backward pass by what is put right in it."""
    return f"{listed(sites)} put right" if sites else "nothing put right"


def passing_on(sites: Sequence[str]) -> str:
    """Say that some sites pass the reference's gradients on."""
    return f"{listed(sites)} passing the reference's gradients on"


def only_wrong(others: Sequence[str]) -> str:
    """Say that all but one culprit is put right."""
    return f"{listed(others)} put right" if others else "all else as it is"


def also_off(what: str, parameters: Sequence[str]) -> str:
    """Add to what was put right which gradients are off then."""
    return f"{what}: the gradients of {listed(parameters)} are off"


def one_of(sites: Sequence[str]) -> str:
    """Say that values cannot tell which of some code is wrong: what one does may be meant for another."""
    return (
        f"{listed(sites)}: a fault lies in the backward pass of one of them at least. Gradients cannot tell in which: where they "
        "meet, one may do what another does in the reference"
    )


def not_the_fewest() -> str:
    """Say that the search for the fewest culprits ended early."""
    return "too much code passes on other gradients than the reference's to tell which of it need not be put right"


def not_shown(sites: Sequence[str]) -> str:
    """Say of code whose own gradients are off that no pass shows it, so that it is neither blamed nor cleared."""
    return (
        f"computed separately, the own code of {listed(sites)} passes on other gradients too; with the other wrong code put right "
        "no parameter's is off: that is another way of writing, or what it gets wrong goes only to code that was put right"
    )


# What one call's own code makes of the reference's gradients.


def switched_off(calls: Sequence[str]) -> str:
    """Say that calls are made with gradients switched off."""
    return f"{listed(calls, SHOWN)}: called with gradients switched off"


def passes_nothing(owner: str | None, places: Sequence[str], *, none: bool) -> str:
    """Say who gets no gradient, or zeros, from a call whose output has the right one; no ``owner`` for code of ``step``."""
    right = (
        f"the gradient at the output of {owner}" if owner else "the losses are right, and so is every layer by itself"
    )
    what = "no gradient" if none else "a gradient that is exactly zero"
    return f"{right}{' is right' if owner else ''}; {listed(places, SHOWN)} {_gets(places)} {what}"


def passes_otherwise(places: Sequence[str], how: str) -> str:
    """Say who gets another gradient, and how it differs from the reference's."""
    return f"from the reference's gradients, {listed(places, SHOWN)} {_gets(places)} {how}"


def _gets(places: Sequence[str]) -> str:
    return "gets" if len(places) == 1 else "get"


def and_others(sites: Sequence[str]) -> str:
    """Say that other calls are wrong in the same way."""
    return f"and so {'does' if len(sites) == 1 else 'do'} {len(sites)} more: {listed(sites)}"


def gradient_of(edge: Edge) -> str:
    """Name what a gradient is of: a parameter, an output or an input of a call."""
    if edge.part == "state":
        return edge.path or ""
    if edge.part == "output":
        return _output(edge)
    _, _, inside = (edge.path or "").partition(".")
    return f"the input of {edge.site}{f' ({inside})' if edge.path != '0.0' else ''}"


def _output(edge: Edge) -> str:
    return f"the output of {edge.site}{f' ({edge.path})' if edge.path else ''}"


# How a gradient differs.


def not_comparable(why: str) -> str:
    """Say that there is nothing to compare."""
    return f"one that does not compare: {why}"


def not_stopped() -> str:
    """Say that the reference has none there."""
    return "one where the reference stops it"


def wrong_sign() -> str:
    """Say that it is minus the reference's."""
    return "the reference's with the wrong sign"


def multiple(factor: float, *, batch: int = 0, over_batch: int = 0) -> str:
    """Say that it is so many times the reference's, which may be the batch's size, or 1 over it."""
    of = f" (the batch has {batch})" if batch else ""
    over = f" (1 over the batch's {over_batch})" if over_batch else ""
    return f"{factor:.4g} times the reference's{of}{over}"


def off_by(share: float, zeros: int, size: int) -> str:
    """Say by what share of the reference's it is off, and how many of its numbers are zero that should not be."""
    lost = f": 0 at {counted(zeros, 'place')} of {size:,} where the reference's is not" if zeros else ""
    return f"one that is off by {share:.2%}{lost}"


# Lines of the backward pass.

VARIABLES_COMPARED = "variables compared"
PASSES_NONE = "no gradient"
PASSES_TOO_MUCH = "a gradient where the reference passes none"


def passes_multiple(factor: float) -> str:
    """Say that a statement passes so many times the reference's gradient."""
    return f"{factor:.4g} times the reference's gradient"


def passes_off_by(share: float) -> str:
    """Say by what share of the reference's a statement's gradient is off."""
    return f"a gradient that is off by about {share:.0%}"


def statement_passes(statement: Edge, read: Edge, how: str) -> str:
    """Say what a statement passes to what it reads."""
    to = "" if statement.statement == read.statement else f" to {read_by_line(read)}"
    return f"{read_by_line(statement)} passes {how}{to}"


def by_own_backward(said: str) -> str:
    """Add that a statement is pulled back by code of the port's own."""
    return f"{said}, by the backward pass that a Function of the port's own has there"


def stopped_in_place(variable: Edge) -> str:
    """Say that a variable is stopped after it was assigned."""
    return f"{read_by_line(variable)}, assigned here, is stopped in place afterwards: no gradient reaches it"


def at_line(place: str, reference: str | None, said: str) -> str:
    """Say where a statement stands, and what it does."""
    return f"{place}{f' (reference {reference})' if reference else ''}: {said}"


def read_by_line(edge: Edge) -> str:
    """Name a statement or what it reads: a variable, a parameter, the output of a call, or what a call is given."""
    if edge.part == "output":
        return _output(edge)
    if edge.part == "inputs":
        return f"what {edge.site} is given"
    return (edge.path or "") if edge.part == "state" else edge.site
