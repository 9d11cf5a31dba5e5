"""What is said of an optimizer's step: what differs from the reference's, and for which parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bisect_tool.sentences.spelling import apart, counted, listed

NEVER_CHANGES = "is in no group of the optimizer and never changes"
CHANGES = "is in no group of the reference's optimizer and changes"
STANDS_STILL = "is in a group of the optimizer and never changes"
OF_SOME = {  # what is said of one parameter, of several
    NEVER_CHANGES: "are in no group of the optimizer and never change",
    CHANGES: "are in no group of the reference's optimizer and change",
    STANDS_STILL: "are in a group of the optimizer and never change",
}
NOT_FINITE = "no finite numbers after the step, where the reference has them"

# What a number of an update rule is called.
SETTINGS = {
    "lr": "learning rate",
    "momentum": "momentum",
    "dampening": "dampening",
    "weight_decay": "weight decay",
    "nesterov": "Nesterov momentum",
    "beta1": "first beta",
    "beta2": "second beta",
    "eps": "eps",
    "amsgrad": "amsgrad",
}
SPELLED = {"betas.0": "beta1", "betas.1": "beta2"}
# What a choice in an update rule means, when it is true and when it is not.
CHOICES = {
    "first": ("first step dampened", "first step not dampened"),
    "decoupled": ("weight decay apart from the gradient", "weight decay added to the gradient"),
    "early": ("eps added before the second moment is corrected for its start", "eps added after that correction"),
}


def no_optimizer() -> str:
    """Say that the port has none to compare."""
    return (
        "the optimizer's step was not compared: build of the port returns no 'optimizer', as that of the reference does"
    )


def not_recorded() -> str:
    """Say that the reference has an optimizer, and the capture no gradients to step along."""
    return "the optimizer's step was not compared: `bisect capture --grads`, then `bisect run`"


def asked_of_one_target() -> str:
    """Say that the step is compared where every gradient is."""
    return "the optimizer's step was not compared: `bisect run` without --target does so"


def takes_a_closure() -> str:
    """Say that the reference's optimizer computes the loss anew in its step."""
    return "the optimizer's step was not compared: the reference's needs a closure"


def of_the_framework(found: str) -> str:
    """Say what differs for every port in the framework."""
    return f"the optimizer's step: {found} (not the port's own code: the framework's optimizer does so)"


def after_two_steps(parameters: int) -> str:
    """Name what proves a mistake of the optimizer."""
    return f"{counted(parameters, 'parameter')} after two steps, from the reference's parameters and gradients"


def setting(name: str, port: float, reference: float) -> str:
    """Say that a setting has another value: 'learning rate 0.1, reference 0.01 (10 times)'."""
    if isinstance(port, bool):
        return f"{SETTINGS[name]} {_switch(port)}, reference {_switch(reference)}"
    times = f" ({port / reference:.4g} times)" if name == "lr" and reference else ""
    return f"{SETTINGS[name]} {port:.4g}, reference {reference:.4g}{times}"


def differs(name: str, port: float, reference: float) -> str:
    """Say that a setting has another value, by the name that the framework gives it: 'betas.1' is Adam's second beta."""
    called = SETTINGS.get(SPELLED.get(name, name), name)
    mine, theirs = map(_switch, (port, reference)) if isinstance(port, bool) else apart(port, reference)
    return f"{called} {mine}, reference {theirs}"


def _switch(on: float) -> str:
    return "on" if on else "off"


def undeclared(differs: str) -> str:
    """Say that the steps show what the settings do not say."""
    return f"steps as with {differs}, whatever its settings say"


def choice(name: str, *, port: bool) -> str:
    """Say that the port's update rule makes another choice than the reference's."""
    made, otherwise = CHOICES[name]
    mine, theirs = (made, otherwise) if port else (otherwise, made)
    return f"{mine}, reference: {theirs}"


def another_rule(port: str, reference: str) -> str:
    """Say that the port steps by another rule."""
    return f"steps as {port} does, reference as {reference}"


def off_by(first: float, second: float) -> str:
    """Say by how much parameters are off after each step, where that is all that is known."""
    sizes = f"{first:.2g} of the reference's update after one step, {second:.2g} after two"
    return f"off by up to {sizes}, and the cause is not known"


def said_of(words: str, parameters: str, number: int, shown: int | None = None) -> str:
    """Say what is wrong, and for which ``number`` of parameters; ``shown`` is how many of them show it, where not all do."""
    if words in OF_SOME:
        return f"{parameters} {words if number == 1 else OF_SOME[words]}"
    return f"{words}: {parameters}{'' if shown is None else f'; shown by the values of {shown}'}"


def which(names: Sequence[str], kinds: Mapping[str, str]) -> str:
    """Say which parameters: 'all 87 biases', 'model.0.conv.weight', '5 of 88 weights (a, b, c and 2 more)'.

    ``kinds`` are those of all parameters.
    """
    if len(names) == len(kinds) > 1:
        return f"all {len(names)} parameters"
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(kinds[name], []).append(name)
    return ", ".join(
        _of_kind(kind, alike, sum(other == kind for other in kinds.values())) for kind, alike in groups.items()
    )


def _of_kind(kind: str, names: Sequence[str], count: int) -> str:
    if len(names) == 1:
        return names[0]
    nouns = "biases" if kind == "bias" else f"{kind}s"
    return f"all {count} {nouns}" if len(names) == count else f"{len(names)} of {count} {nouns} ({listed(names)})"
