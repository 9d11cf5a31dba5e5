"""What is done to a model in one run, in names only."""

from __future__ import annotations

import dataclasses
from typing import Collection, Mapping, Optional

NAMES = ("patch", "watch", "keep", "feed", "exact", "hand", "remember", "aimed", "shake")


@dataclasses.dataclass
class Intervention:
    """The sites, parameters and buffers that one run is about.

    Attributes:
        patch: what gets the reference's value.
        watch: calls and variables that are compared with the reference's; a patched one is computed all the same.
        keep: calls that give the value that was remembered instead of being computed.
        feed: calls that are computed from the reference's inputs.
        exact: watched calls that are computed once more in float64.
        hand: calls and variables whose own inputs and outputs are handed over.
        disturb: calls whose outputs are made wrong on purpose, each with how much (relative).
        aimed: those of them that are disturbed only where their output is off, and by no more than that is.
        shake: calls that are handed noise in a forced pass, and in which every call gives it; they still give the reference's value.
        echo: whether every output is replaced by a copy of itself.
        remember: calls whose values are kept for later runs.
        variables: whether variables are sites.
        expressions: whether the expressions of marked lines are.
        dissolved: calls that compute from the model's own values in a forced pass; None for a run that is none.
        digests: whether what each call gives is hashed, so that two runs can be compared bit for bit.
        point: which of the reference's runs values are taken of: "" for the first, "stirred" for that at other weights.

    """

    patch: Collection[str]
    watch: Collection[str] = ()
    keep: Collection[str] = ()
    feed: Collection[str] = ()
    exact: Collection[str] = ()
    hand: Collection[str] = ()
    disturb: Mapping[str, float] = dataclasses.field(default_factory=dict)
    aimed: Collection[str] = ()
    shake: Collection[str] = ()
    echo: bool = False
    remember: Collection[str] = ()
    variables: bool = False
    expressions: bool = False
    dissolved: Optional[Collection[str]] = None
    digests: bool = False
    point: str = ""

    def __post_init__(self) -> None:
        for field in NAMES:  # they come as lists
            setattr(self, field, frozenset(getattr(self, field)))
