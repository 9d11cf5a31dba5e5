"""What a report says first: what diverges, and who is to blame for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bisect_tool.sentences.spelling import apart, places, sentence_list


@dataclass(frozen=True)
class Asked:
    """What was asked about, as a headline speaks of it.

    Attributes: ``target`` (None: every call by itself), its value in the ``reference`` and in the port, with the
    reference's weights (``same_weights``) and with its ``own_weights``; ``gradient`` is the target of gradients, if one was asked about.
    """

    target: str | None = None
    reference: float = 0.0
    same_weights: float | None = None
    own_weights: float | None = None
    gradient: str | None = None


def code_diverges(asked: Asked) -> str:
    """Open a sentence on code that makes the target diverge."""
    if asked.target is None:
        return code_is_wrong()
    port, reference = apart(asked.same_weights, asked.reference)
    return f"With the reference's weights {asked.target} is {port}, not {reference}: "


def code_is_wrong(target: str | None = None) -> str:
    """Open a sentence on code that is wrong by itself, whether a target shows it or not."""
    though = f", though {target} does not show it" if target else ""
    return f"From the reference's inputs and weights{though}: "


def start_diverges(asked: Asked) -> str:
    """Open a sentence on initial values that make the target diverge."""
    port, reference = apart(asked.own_weights, asked.reference)
    return f"With its own weights {asked.target} starts at {port}, not {reference}: "


def start_is_constant(target: str | None) -> str:
    """Open a sentence on initial values that are a constant where the reference's are random."""
    return f"Constant, so that no signal passes, though {target} does not show it yet: "


def start_is_other(target: str | None) -> str:
    """Open a sentence on initial values that are the same at every seed, and not the reference's."""
    return f"Not the values that the reference has at every seed, though {target} does not show it: "


def start_silences() -> str:
    """Open a sentence on initial values that keep the gradient from other parameters."""
    return "At the start other parameters get no gradient: "


def backward_is_wrong(unfelt_by: str | None = None) -> str:
    """Open a sentence on code whose backward pass is wrong."""
    though = f", though {unfelt_by} does not show it" if unfelt_by else ""
    return f"The backward pass is wrong, from the reference's values and gradients{though}: "


def step_is_wrong() -> str:
    """Open a sentence on an optimizer that steps otherwise."""
    return "The optimizer's step is wrong, from the reference's parameters and gradients: "


def headline(blamed: Mapping[str, Sequence[tuple[str, str]]]) -> str:
    """Return the sentences about all culprits: by opening, what is blamed and the verb of each ('is wrong', or none)."""
    return " ".join(f"{opening}{_clauses(parts)}." for opening, parts in blamed.items())


def _clauses(parts: Sequence[tuple[str, str]]) -> str:
    verbs = {verb for _, verb in parts}
    *before, last = [noun for noun, _ in parts]
    who = ", and ".join([*(noun.rstrip(",") for noun in before), last])
    if verbs == {""}:
        return who.rstrip(",")
    return f"{who} {'are wrong' if len(parts) > 1 or verbs != {'is wrong'} else 'is wrong'}"


def calls(sites: Sequence[str]) -> tuple[str, str]:
    """Blame the code of some calls."""
    return f"the code of {sentence_list(sites)}", "is wrong"


def step_code() -> tuple[str, str]:
    """Blame what ``step`` does itself between the layers."""
    return "the code of step", "is wrong"


def initial_values(sites: Sequence[str]) -> tuple[str, str]:
    """Blame the initial values of some tensors."""
    if len(sites) == 1:
        return f"the initial value of {sites[0]}", "is wrong"
    return f"the initial values of {sentence_list(sites)}", "are wrong"


def loss(lines: Sequence[str]) -> tuple[str, str]:
    """Blame the code after the last layer; ``lines`` are the places that it may be at, where they are known."""
    return f"the code after the last layer, in the loss{f' ({places(lines)})' if lines else ''},", "is wrong"


def line(place: str | None, variables: Sequence[str], does: str | None, unclear: Sequence[str]) -> tuple[str, str]:
    """Blame one line: what it assigns, or ``does`` otherwise; ``unclear`` are lines it rests on that nothing clears."""
    where = places([place]) if place else "the line"
    also = f", or what it is computed from ({places(unclear)})" if unclear else ""
    return f"{where}, {does or f'which computes {sentence_list(variables)}'}{also},", "is wrong"


def backward(sites: Sequence[str], lines: Sequence[str], *, after_the_layers: bool) -> tuple[str, str]:
    """Blame the backward pass of some code, at ``lines`` where they are known."""
    what = "the code after the last layer, in the loss" if after_the_layers else f"the code of {sentence_list(sites)}"
    return f"{what}{f', at {places(lines)}' if lines else ''}", ""


def frozen(sites: Sequence[str]) -> tuple[str, str]:
    """Blame parameters that take no gradient in the port."""
    return f"{sentence_list(sites)}, which {'is' if len(sites) == 1 else 'are'} frozen", ""


def unregistered(sites: Sequence[str]) -> tuple[str, str]:
    """Blame parameters that the port does not have among its own."""
    verb = "is" if len(sites) == 1 else "are"
    return f"{sentence_list(sites)}, which {verb} not among the port's parameters", ""
