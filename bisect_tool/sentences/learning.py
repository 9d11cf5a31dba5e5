"""What is said of who gets a gradient: parameters that are left out or silenced, and how many go without on each side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from bisect_tool.sentences.spelling import counted, listed

Side = Literal["reference", "port"]


def frozen(parameters: Sequence[str]) -> str:
    """Say that parameters take no gradient in the port."""
    verb = "is" if len(parameters) == 1 else "are"
    return f"{counted(len(parameters), 'parameter')} {verb} frozen in the port: {listed(parameters)}"


def unregistered(parameters: Sequence[str]) -> str:
    """Say that the port does not have parameters among its own."""
    them = "it" if len(parameters) == 1 else "them"
    return f"{listed(parameters)}: not among the port's parameters, so that nothing trains {them}"


def not_looked_for(parameters: Sequence[str], others: Sequence[str]) -> str:
    """Say that nobody knows whether the port trains some parameters: it may hold them in ``others``."""
    number, have = len(parameters), "has" if len(parameters) == 1 else "have"
    them = "it" if number == 1 else "them"
    return (
        f"whether the port trains {listed(parameters)} was not asked: {number} of the reference's parameters {have} no partner, "
        f"and the port may hold {them} in {listed(others)}; a rename rule helps where one stands for one"
    )


def untied(parameters: Sequence[str], first: str) -> str:
    """Say that the port holds apart what the reference ties to one parameter."""
    verb, each = ("is", "each of the two") if len(parameters) == 1 else ("are", "each of them")
    return (
        f"in the reference {listed(parameters)} {verb} the same tensor as {first}; the port holds them apart, so that {each} "
        "gets a part of the gradient"
    )


SILENCED = "parameters without a gradient"
THESE_ALONE = "these alone the reference's"
ALL_BUT_THESE = "everything else the reference's"


def alone_given(sites: Sequence[str]) -> str:
    """Name a backward pass with some tensors the reference's."""
    return f"{listed(sites)} the reference's"


def all_but_given(sites: Sequence[str]) -> str:
    """Name a backward pass with all other tensors the reference's."""
    return f"everything but {listed(sites)} the reference's"


def silenced(parameters: Sequence[str]) -> str:
    """Say which parameters get no gradient at the start."""
    number = len(parameters)
    return f"{counted(number, 'parameter')} {_get(number)} no gradient at the start: {listed(parameters)}"


def _get(number: int) -> str:
    return "gets" if number == 1 else "get"


def with_weights(of: Side) -> str:
    """Say whose weights a backward pass had."""
    return "with its own weights" if of == "port" else "with the reference's weights"


def everyone_gets_one(parameters: int, weights: str) -> str:
    """Say that no parameter goes without."""
    return f"every one of {counted(parameters, 'parameter')} gets a gradient on both sides, {weights}"


def same_go_without(without: int, parameters: int, weights: str, why: str) -> str:
    """Say that the same parameters go without on both sides."""
    of = counted(parameters, "parameter")
    return f"{without} of {of} {_get(without)} no gradient, or an exactly zero one, {weights}: the same ones on both sides{_because(why)}"


def goes_without_in(side: Side, names: Sequence[str], parameters: int, weights: str) -> str:
    """Say which parameters go without on one side alone."""
    here, there = ("the port", "the reference") if side == "port" else ("the reference", "the port")
    of, do = counted(parameters, "parameter"), "does" if len(names) == 1 else "do"
    return f"{len(names)} of {of} {_get(len(names))} no gradient in {here}, {weights}, and {do} in {there}: {listed(names)}"


def both_go_without(without: int, why: str) -> str:
    """Say how many go without on both sides, where others do on one."""
    return f"{without} {_get(without)} none, or an exactly zero one, on both sides{_because(why)}"


def _because(why: str) -> str:
    return f": {why}" if why else ""


def starts_at_zero(weights: Sequence[str], later: int) -> str:
    """Say which weights of the reference keep the gradient from others at the start, and how many have one afterwards."""
    after = f"; after one step it has {later}" if later else ""
    start = "starts" if len(weights) == 1 else "start"
    return f"{listed(weights)} of the reference {start} at zero, and nothing before {'it' if len(weights) == 1 else 'them'} gets any{after}"


def below_rounding(parameters: Sequence[str]) -> str:
    """Say which gradients of the reference are nothing but rounding."""
    one = len(parameters) == 1
    return (
        f"{counted(len(parameters), 'reference gradient')} {'is' if one else 'are'} below rounding noise, as of a bias "
        f"before a batch norm, whose true gradient is zero: {listed(parameters)}"
    )
