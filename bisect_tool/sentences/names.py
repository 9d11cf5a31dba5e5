"""What is said of names: which tensor is which, how that is known, and what to do where it is not."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from bisect_tool.sentences.spelling import counted, listed

Torn = Mapping[str, tuple[str, str]]


def matched(how: str, pairs: Sequence[tuple[str, str]]) -> str:
    """Say that some tensors were matched, and how."""
    return f"{counted(len(pairs), 'tensor')} matched {how}: {_pairs(pairs)}"


def torn(pairs: Torn) -> str:
    """Say that names speak for one partner and initial values for another, and which rule settles it."""
    name, (named, valued) = next(iter(pairs.items()))
    more = f"; so {len(pairs) - 1} more" if len(pairs) > 1 else ""
    return (
        f"{name} is {named} by its name, and {valued} by its initial values{more}; a rename rule settles it, such as "
        f"{rule(name, named)}"
    )


def guessed(pairs: Sequence[tuple[str, str]]) -> str:
    """Say that guesses keep everything from being proved, and what helps."""
    verb = "was" if len(pairs) == 1 else "were"
    which = "whether that is right" if len(pairs) == 1 else "which is which"
    return f"{counted(len(pairs), 'tensor')} {verb} matched by order only ({_pairs(pairs)}): write a rename rule that says {which}"


RESTS_ON_A_GUESS = (
    "what is suspected rests on tensors that were matched by order only: a rename rule says which is which"
)


def rule(name: str, port_name: str) -> str:
    """Return the rename rule for what differs between two names, as it stands in a recipe."""
    ours, theirs = name.split("."), port_name.split(".")
    while len(ours) > 1 and len(theirs) > 1 and ours[-1] == theirs[-1]:
        ours, theirs = ours[:-1], theirs[:-1]
    pattern = re.escape(".".join(ours)).replace("\\", "\\\\")
    return f'rename = [["^{pattern}\\\\b", "{".".join(theirs)}"]]'


def _pairs(pairs: Sequence[tuple[str, str]]) -> str:
    return listed([f"{ours} = {theirs}" for ours, theirs in pairs])
