"""What is said of a port that raises: where, after which layers, and what of another kind it reads there."""

from __future__ import annotations

from collections.abc import Sequence

from bisect_tool.sentences.spelling import given_weights

LONGEST = 200  # characters of what an exception says
VOWELS = "aeiouAEIOU"


def raises(kind: str, message: str, place: str | None) -> str:
    """Say what the port's step raises, and where."""
    words = " ".join(message.split())
    said = f" ({words if len(words) <= LONGEST else f'{words[:LONGEST]} ...'})" if words else ""
    return f"the port's step raises {kind}{f' at {place}' if place else ''}{said}"


def after(through: int, of: int, missed: str | None) -> str:
    """Say how many module calls it comes through before; ``missed`` is the first that it does not, where that is known."""
    if not through:
        return "before any module call"
    if through == of:
        return f"after all {of:,} module calls"
    first = f" ({missed} is the first that it does not come through)" if missed else ""
    return f"after {through:,} of {of:,} module calls{first}"


def layers_agree(judged: int, through: int, lost: Sequence[str] = ()) -> str:
    """Say that no layer is to blame, as far as the port came and they were judged; weights may have been ``lost``."""
    which = "these agree" if judged == through else f"the {judged:,} of these that can be compared agree"
    return f"{which}, from the reference's inputs and {given_weights(lost)}"


def not_with_the_reference_weights() -> str:
    """Say that the port comes to its end with the reference's weights."""
    return "with the reference's weights it does not"


def does_not_end(failure: str, why: str) -> str:
    """Say that the targets are not known, and why."""
    return f"the port does not run as it is: {failure}{f': {why}' if why else ''}; nothing after that was judged"


def other_kind(name: str, port: str, reference: str, place: str, reference_place: str) -> str:
    """Say that a variable is of another kind."""
    return f"{name} is {port} ({place}), in the reference {reference} ({reference_place})"


def given_otherwise(name: str, port: str, place: str, call: str, path: str, reference: str) -> str:
    """Say that a variable holds part of what a call gives, and that this is of another kind."""
    return f"{name} is {port} ({place}), as output {path} of {call} is, in the reference {reference}"


def also_of_another_kind(said: str) -> str:
    """Say that one more variable is of another kind."""
    return f"by the time it raises, {said} as well"


def container(class_: str, parts: int) -> str:
    """Name a value that holds several."""
    class_ = class_ or "collection"
    return f"{'an' if class_[0] in VOWELS else 'a'} {class_} of {parts}"


def tensor(shape: Sequence[int], dtype: str) -> str:
    """Name a single value."""
    return f"one tensor, {dtype} {list(shape)}"
