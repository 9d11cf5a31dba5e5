"""What a report says first: who is to blame, and by what it shows.

A sentence is made of a `Blame` ("The code of m is wrong") and its evidence (": with the reference's weights the loss is 2, not 1").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bisect_tool.sentences.lines import computes
from bisect_tool.sentences.spelling import places, sentence_list

MOST_LINES = 3  # in brackets


@dataclass(frozen=True)
class Asked:
    """What was asked about, as a headline speaks of it.

    Attributes: ``target`` (None: every call by itself), its value in the ``reference`` and in the port with the reference's
    weights (``same_weights``), without those that were ``lost``; ``own``: each target with the port's own weights, and in the
    reference; ``gradient`` is the target of gradients, if one was asked about.
    """

    target: str | None = None
    reference: float = 0.0
    same_weights: float | None = None
    lost: Sequence[str] = ()
    own: Mapping[str, tuple[float | None, float]] = field(default_factory=dict)
    gradient: str | None = None


@dataclass(frozen=True)
class Blame:
    """Who is to blame, as a sentence says it.

    Attributes: ``who`` is its subject, which begins with a common word, and ``plural`` or not; ``what`` is said of it; ``detail`` is
    what exactly is wrong, where that belongs into the headline.
    """

    who: str
    plural: bool = False
    what: str = "wrong"
    detail: str = ""


def headline(blamed: Iterable[tuple[Blame, str]]) -> str:
    """Return the sentences about all who are to blame, each with its evidence; those with the same share one."""
    alike: dict[tuple[str, str], list[Blame]] = {}
    for blame, evidence in blamed:
        alike.setdefault((blame.what, evidence), []).append(blame)
    return " ".join(_sentence(blames, what, evidence) for (what, evidence), blames in alike.items())


def _sentence(blames: Sequence[Blame], what: str, evidence: str) -> str:
    subjects = list(dict.fromkeys(blame.who for blame in blames))
    who = sentence_list(subjects).replace(",,", ",")
    verb = "are" if len(subjects) > 1 or blames[0].plural else "is"
    details = "; ".join(blame.detail for blame in blames if blame.detail)
    return f"{who[0].upper()}{who[1:]} {verb} {what}{evidence}{details and ': '}{details}."


def calls(sites: Sequence[str], lines: Sequence[str] = ()) -> Blame:
    """Blame the code of some calls, at ``lines`` where they are known."""
    return Blame(f"the code of {sentence_list(sites)}{_at(lines)}")


def region(sites: Sequence[str], pieces: Sequence[str], lines: Sequence[str] = ()) -> Blame:
    """Blame the code of calls together with that of calls inside, as ``pieces`` that values cannot tell apart."""
    inside = len(set(pieces) - set(sites))
    if not inside:
        return (
            calls(sites, lines) if len(pieces) == 1 else Blame(f"the code of one of {sentence_list(sites)}{_at(lines)}")
        )
    calls_inside = "a call" if inside == 1 else f"{inside} calls"
    return Blame(
        f"the code of {sentence_list(sites)}, or of {calls_inside} inside {'it' if len(sites) == 1 else 'each'}{_at(lines)},"
    )


def step_code(lines: Sequence[str] = ()) -> Blame:
    """Blame what ``step`` does itself between the layers, at ``lines`` where they are known."""
    return Blame(f"the code of step{_at(lines)}")


def initial_values(sites: Sequence[str]) -> Blame:
    """Blame the initial values of some tensors."""
    several = len(sites) > 1
    return Blame(f"the initial value{'s' if several else ''} of {sentence_list(sites)}", plural=several)


def loss(lines: Sequence[str]) -> Blame:
    """Blame the code after the last layer; ``lines`` are the places that it may be at, where they are known."""
    return Blame(f"the loss code after the last layer{f' ({places(lines)})' if lines else ''}")


def line(place: str | None, variables: Sequence[str], does: str | None, unclear: Sequence[str]) -> Blame:
    """Blame one line: what it assigns, or ``does`` otherwise; ``unclear`` are others that nothing clears."""
    where = places([place]) if place else "a line that could not be located"
    also = f", or one that could not be ruled out ({places(unclear)})" if unclear else ""
    return Blame(f"{where}, {does or computes(variables)}{also},")


def backward(
    sites: Sequence[str],
    lines: Sequence[str],
    inside: Sequence[str] = (),
    *,
    after_the_layers: bool,
    either: bool = False,
) -> Blame:
    """Blame the backward pass of some code, at ``lines`` where they are known; calls ``inside`` could not be taken apart from it.

    With ``either`` of one of ``sites`` at least.
    """
    what = "the loss code after the last layer" if after_the_layers else sentence_list(sites)
    if either:
        what = f"{'the loss code after the last layer' if after_the_layers else sites[0]}, or of {sentence_list(sites[1:])},"
    elif inside and not lines:
        what = f"{'step' if after_the_layers else what}, or of {sentence_list(inside)} inside it,"
    return Blame(f"the backward pass of {what}{f', at {places(lines)},' if lines else ''}")


def frozen(sites: Sequence[str]) -> Blame:
    """Blame parameters that take no gradient in the port."""
    return Blame(_parameters(sites), plural=len(sites) > 1, what="frozen in the port")


def unregistered(sites: Sequence[str]) -> Blame:
    """Blame parameters that the port does not have among its own."""
    return Blame(_parameters(sites), plural=len(sites) > 1, what="not among the port's parameters")


def untied(sites: Sequence[str], first: str) -> Blame:
    """Blame parameters that the reference ties to another one."""
    return Blame(_parameters(sites), plural=len(sites) > 1, what=f"not tied to {first} as in the reference")


def step(detail: str) -> Blame:
    """Blame the optimizer's step; ``detail`` says what of it."""
    return Blame("the optimizer's step", detail=detail)


def _at(lines: Sequence[str]) -> str:
    """Return the lines in brackets, nothing where none is known or so many that they name no place."""
    return f" ({places(lines)})" if 0 < len(lines) <= MOST_LINES else ""


def _parameters(sites: Sequence[str]) -> str:
    return f"the parameter{'s' if len(sites) > 1 else ''} {sentence_list(sites)}"
