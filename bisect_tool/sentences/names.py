"""What is said of names: which tensor is which, how that is known, and what to do where it is not."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from bisect_tool.sentences.spelling import counted, listed, sentence_list

Torn = Mapping[str, tuple[str, str]]


def matched(how: str, pairs: Sequence[tuple[str, str]]) -> str:
    """Say that some tensors were matched, and how."""
    return f"{counted(len(pairs), 'tensor')} matched {how}: {_pairs(pairs)}"


def torn(pairs: Torn) -> str:
    """Say that names speak for one partner and initial values for another, and which rule settles it."""
    name, (named, valued) = next(iter(pairs.items()))
    more = f"; and so {len(pairs) - 1} more" if len(pairs) > 1 else ""
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


def alike(modules: Sequence[str]) -> str:
    """Say that which layer is which rests on numbers that were drawn."""
    return (
        f"which of {sentence_list(list(modules))} is which rests on equal initial values alone, and a net that is drawn in another "
        "order has these too: a rename rule says which is which"
    )


def form(axes: Sequence[int] | None) -> str:
    """Say in which form the port has the reference's numbers, by the order of its axes."""
    if axes is None:
        return "numbers in another order"
    return "transposed" if list(axes) == [1, 0] else f"with its axes in the order {', '.join(map(str, axes))}"


def kept_form(name: str, words: str) -> str:
    """Say that a tensor was left to the port in its own form."""
    return (
        f"{name} starts as the reference's {words}: the port's code is right with it so, and not with the reference's as it is; "
        "it was left as the port has it"
    )


def unsure_form(name: str, words: str) -> str:
    """Say that nobody knows in which form a tensor should be given."""
    return f"{name} starts as the reference's {words}: whether the port means it so is not known"


def gradients_of_other_forms(names: Sequence[str]) -> str:
    """Say that gradients could not be compared, since the port keeps what they are of in another form."""
    return f"the gradients of {listed(names)} were not compared: the port holds these in another form"


def rule(name: str, port_name: str) -> str:
    """Return the rename rule for what differs between two names, as it stands in a recipe."""
    ours, theirs = name.split("."), port_name.split(".")
    while len(ours) > 1 and len(theirs) > 1 and ours[-1] == theirs[-1]:
        ours, theirs = ours[:-1], theirs[:-1]
    pattern = re.escape(".".join(ours)).replace("\\", "\\\\")
    return f'rename = [["^{pattern}\\\\b", "{".".join(theirs)}"]]'


def _pairs(pairs: Sequence[tuple[str, str]]) -> str:
    return listed([f"{ours} = {theirs}" for ours, theirs in pairs])
