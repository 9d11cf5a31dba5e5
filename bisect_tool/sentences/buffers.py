"""What is said of buffers: how one is updated otherwise, what a call begins with, and what a framework does by itself."""

from __future__ import annotations

from bisect_tool.frameworks import known_framework
from bisect_tool.sentences.spelling import counted

NOT_UPDATED = "not updated: it holds what it held before the call"
UPDATED = "updated, which the reference does not do"


def set_to(number: str) -> str:
    """Say that a buffer is one number everywhere."""
    return f"set to {number} everywhere, which the reference does not do"


def divided_by(ours: str, theirs: str, n: int) -> str:
    """Say by what a variance is divided; ``ours`` is the port's."""
    kind = "biased" if ours == "n" else "unbiased"
    return f"updated with the {kind} variance (divided by {ours}, the reference's by {theirs}; n = {n})"


def momentum(ours: str, theirs: str, *, swapped: bool) -> str:
    """Say how much of the new is taken; ``swapped``: as much as the reference keeps of the old."""
    why = ": what is kept and what is new are exchanged" if swapped else ""
    return f"updated with momentum {ours}, the reference with {theirs}{why}"


def moved(times: str) -> str:
    """Say how far an update goes beside the reference's."""
    return f"updated by {times} times what the reference's update is"


def leaves(name: str, words: str) -> str:
    """Say how a buffer is updated."""
    return f"{name}: {words}"


def begins_with(site: str, name: str, ours: str, theirs: str) -> str:
    """Say what a call finds in a buffer."""
    return f"{site} begins with {name} of {ours}, the reference's call with {theirs}"


def written_at(name: str, place: str, _call: str) -> str:
    """Say which line writes a buffer."""
    return f"{place} is the last to write {name} in this call"


def written_before(name: str, place: str, call: str) -> str:
    """Say which line writes what a call begins with."""
    return f"{place} is the last to write {name} before {call}"


def left_otherwise(name: str, value: str) -> str:
    """Say what ``step`` leaves in a buffer."""
    return (
        f"after step {name} is another than the reference's ({value}), though all calls left it as the reference's do"
    )


def drifts(framework: str, class_: str, last: str, count: int, example: str, words: str | None) -> str:
    """Say once that layers of a framework update a buffer otherwise."""
    title = known_framework(framework).title
    how = words or "updated otherwise than by the reference's"
    where = f"{example} and {counted(count - 1, 'other')}" if count > 1 else example
    return (
        f"{last} of {class_}, whose code is {title}'s own ({where}): {how}. That is the framework's way and no value of this step shows it; "
        "what reads the buffer later, such as evaluation after training, will differ"
    )
