"""By what a mistake shows: the second half of each sentence of the headline, with the mark that it begins with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from bisect_tool.sentences.blame import Asked
from bisect_tool.sentences.spelling import apart, sentence_list, weights

StartShows = Literal["fixed", "constant", "law"]
OTHERWISE: dict[StartShows, str] = {
    "fixed": "the reference has other values, the same at every seed",
    "constant": "a constant, where the reference's are random at every seed",
    "law": "the reference's are drawn from another law",
}


def code_diverges(asked: Asked) -> str:
    """Say what the target is with the reference's weights."""
    if asked.target is None:
        return code_is_wrong()
    if asked.same_weights is None:
        return f": with {weights(asked.lost)} the port gives no {asked.target}"
    port, reference = apart(asked.same_weights, asked.reference)
    return f": with {weights(asked.lost)} {asked.target} is {port}, not {reference}"


def code_is_wrong(unfelt_by: str | None = None) -> str:
    """Say that code is wrong by itself, whether a target shows it or not."""
    return f"{_though(unfelt_by)}: the reference's inputs and weights give another output"


def computes_with_others(sites: Sequence[str], unread: Sequence[str], unfelt_by: str | None = None) -> str:
    """Say that code reads other tensors than those that are registered for it."""
    who, names = "each" if len(sites) > 1 else "it", list(dict.fromkeys(name.rpartition(".")[2] for name in unread))
    return f"{_though(unfelt_by)}: {who} computes with another tensor than its registered {sentence_list(names)}"


def buffers_are_wrong(buffers: Sequence[str], unfelt_by: str | None = None) -> str:
    """Say that code leaves other values in buffers, whether a target shows it or not."""
    names = list(dict.fromkeys(name.rpartition(".")[2] for name in buffers)) if len(buffers) > 2 else buffers
    return f"{_though(unfelt_by)}: the reference's inputs and weights leave another {sentence_list(names)}"


def start_diverges(target: str, own: float | None, reference: float) -> str:
    """Say where a target starts with the port's own weights."""
    if own is None:
        return f": with the port's own weights it gives no {target}"
    port, theirs = apart(own, reference)
    return f": with the port's own weights {target} starts at {port}, not {theirs}"


def start_is_other(shows: StartShows, unfelt_by: str | None) -> str:
    """Say in what initial values differ from the reference's at every seed."""
    return f"{_though(unfelt_by)}: {OTHERWISE[shows]}"


def start_silences() -> str:
    """Say that initial values keep the gradient from other parameters."""
    return ": at the start other parameters get no gradient"


def backward_is_wrong(unfelt_by: str | None = None) -> str:
    """Say that code passes other gradients on."""
    return f"{_though(unfelt_by)}: the reference's values and gradients give other gradients"


def untrained(unfelt_by: str | None = None) -> str:
    """Say nothing but whether it shows: that parameters take no gradient is all there is to say."""
    return _though(unfelt_by)


def _though(unfelt_by: str | None) -> str:
    return f", though {unfelt_by} does not show it" if unfelt_by else ""
