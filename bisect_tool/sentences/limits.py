"""What a report says of its own limits: what agrees and how far, what was not asked, what could not be settled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bisect_tool.sentences.spelling import counted, given_weights, listed, sentence_list, weights


def not_asked(lost: str, capabilities: Sequence[str]) -> str:
    """Say that an axis was left out, since the worker does not announce what it needs."""
    return f"{lost}: {not_announced(capabilities)}"


def not_announced(capabilities: Sequence[str]) -> str:
    """Say what the port's worker does not announce."""
    return f"the port's worker does not announce {sentence_list(list(capabilities))}"


def status(probes: int, *, confirmed: bool) -> str:
    """Say whether a culprit is proved, and by how many probes."""
    if not confirmed:
        return "not proved"
    return "proved by two probes" if probes == 2 else "proved"


def inconclusive(
    target: str | None, off: Sequence[str], reasons: Sequence[str], lost: int = 0, of_gradients: Sequence[str] = ()
) -> str:
    """Say that no culprit could be proved, and why.

    ``off`` are the targets that diverge, ``lost`` calls were not compared; ``of_gradients`` are suspects, where all are for their
    gradients.
    """
    if reasons:
        why = "; ".join(reasons)
    elif target is None and off:
        verb = "diverges" if len(off) == 1 else "diverge"
        why = (
            f"every call{' that could be compared' if lost else ''} is right by itself, yet {sentence_list(off)} {verb}; "
            f"--target {off[0]} says what was ruled out"
        )
    elif of_gradients:
        who = sentence_list([one.rstrip(",") for one in of_gradients])
        why = f"values agree where they were compared, gradients do not, and no pass proves whose doing that is; suspected is {who}"
    else:
        why = "the probes that should prove it do not agree with each other"
    return f"No culprit could be proved{f' for {target}' if target else ''}: {why}."


def set_otherwise(settings: Sequence[str]) -> str:
    """Say which settings are known to differ, behind a sentence that nothing could be proved."""
    return f" Set otherwise: {'; '.join(settings[:3])}." if settings else ""


@dataclass(frozen=True)
class Started:
    """What is known of the start, as a headline says it.

    Attributes: ``within`` are the targets that start where they may; ``same`` tells that all values are the reference's;
    ``why`` says why nothing or not all was asked, ``rare`` that a target starts elsewhere by chance; ``unlike`` are tensors
    that start otherwise, which proves nothing, and ``settings`` what is set otherwise and shows in no value.
    """

    within: Sequence[str] = ()
    same: bool = False
    why: str = ""
    rare: bool = False
    unlike: Sequence[str] = ()
    settings: Sequence[str] = ()


def of_one_side(target: str, side: str) -> str:
    """Say that one side alone returns a target."""
    return f"{target}, which only the {side} returns"


def no_scalar(target: str, side: str) -> str:
    """Say that a target is no number on one side."""
    return f"{target}, which is no scalar in the {side}"


def not_finite(target: str, reference: float, port: float) -> str:
    """Say that the reference's target is NaN or infinite, and what the port's is where that is something else."""
    also = "" if f"{port}" == f"{reference}" else f" and {port:.6g} in the port"
    return f"{target}, which is {reference} in the reference{also}"


def left_out(targets: Sequence[str]) -> str:
    """Say which targets were not compared, each with why."""
    return f"not compared: {'; '.join(targets)}"


def agrees(target: str, start: Started, lost: Sequence[str] = ()) -> str:
    """Say that a target agrees, and how it starts; the weights ``lost`` could not be given."""
    also = ", and with its own it starts within the reference's spread" if start.within and not start.rare else ""
    return f"{target} agrees: with {weights(lost)} the port computes the same{also}{_limited(start, also)}."


def all_agree(
    targets: Sequence[str],
    gradients_of: Sequence[str],
    start: Started,
    *,
    lost: int = 0,
    otherwise: int = 0,
    weights_lost: Sequence[str] = (),
    rounded: int = 0,
    unpaired: int = 0,
    silent: str = "",
    not_compared: Sequence[str] = (),
) -> str:
    """Say that every call agrees by itself, and so do the targets and, where they were compared, the gradients.

    ``lost`` calls of the reference could not be compared, ``otherwise`` are calls that mean another thing in the port, and
    ``weights_lost`` could not be given; in the gradients of ``rounded``
    parameters rounding adds up, and those of ``unpaired`` ones could not be compared; ``silent`` says how many are zero; ``not_compared`` are targets with why.
    """
    apart = [f"{lost} that could not be compared"] if lost else []
    apart += [f"{otherwise} whose code is placed otherwise"] if otherwise else []
    which = f"Every module call{' but ' + ' and '.join(apart) if apart else ''}"
    verb = "does" if len(targets) == 1 else "do"
    which_pulled = "Every call's gradient" if rounded else "Every gradient"
    of = " + ".join(gradients_of) + (" that could be compared" if unpaired else "")
    by_itself = f", by itself; in {counted(rounded, 'parameter')} rounding adds up" if rounded else ""
    zero = f", and {silent} are zero on both sides" if silent else ""
    pulled = f" {which_pulled} of {of} agrees too{by_itself}{zero}." if gradients_of else ""
    within = [target for target in start.within if target in targets]
    verb_within = "starts" if len(within) == 1 else "start"
    also = (
        f"; with its own weights {sentence_list(within)} {verb_within} within the reference's spread"
        if within and not start.rare
        else ""
    )
    return (
        f"{which} agrees by itself, from the reference's inputs and {given_weights(weights_lost)}, and so {verb} "
        f"{sentence_list(targets)}{f' ({left_out(not_compared)})' if not_compared else ''}{also}{_limited(start, also)}.{pulled}"
    )


def out_of_time(seconds: float) -> str:
    """Say that the time limit was reached."""
    return f"stopped after {seconds:.0f} s"


def interrupted(seconds: float) -> str:
    """Say that somebody interrupted the search."""
    return f"interrupted after {seconds:.0f} s"


def bound_reached(probes: int) -> str:
    """Say that a search would take more probes than it announced: a mistake in bisect itself."""
    return f"stopped after the {counted(probes, 'probe')} that were announced (please report this)"


def not_finished(why: str, lost: str) -> str:
    """Say that a search was stopped, and what nobody answered by then."""
    return f"{why}: {lost}"


ENDED_EARLY = "what was found by then is said here, and there may be more"


def ended_early(sentence: str, why: str) -> str:
    """Add to a headline that the search did not come to its end."""
    return f"{sentence} {why[0].upper()}{why[1:]}: there may be more."


def nothing_proved_by_then(target: str | None, why: str) -> str:
    """Say that a search was stopped before any culprit was proved."""
    return f"{why[0].upper()}{why[1:]}: no culprit was proved{f' for {target}' if target else ''} by then."


def _limited(start: Started, said: str) -> str:
    """Say what is left open of the start, and what differs; ``said`` is what was said of it before."""
    words = ""
    if start.rare:
        words = "; with its own it starts elsewhere, as by a rare draw"
    elif start.same and not said:
        words = "; its parameters start with the reference's values"
    elif start.why:
        words = f"; whether it starts the same was not asked{' of all' if said else ''}: {start.why}"
    if start.unlike:
        words += f"; yet these start by other laws: {listed(start.unlike)}"
    if start.settings:
        words += f"; yet no value of one run shows {'; '.join(start.settings[:3])}"
    return words


def inside_transforms(modules: Sequence[str]) -> str:
    """Say which calls nobody could look into."""
    return f"calls inside functional transforms (vmap, grad) could not be looked into: {listed(modules)}"


def start_not_asked(why: str) -> str:
    """Say that nobody could tell where the port should start."""
    return f"whether it starts the same was not asked: {why}"


def gradients_not_reached() -> str:
    """Say how gradients can be compared where the search was stopped before."""
    return "gradients were not compared by then: run the same command again, and it goes on from there"


def gradients_not_compared(*, known: bool) -> str:
    """Say how gradients can be compared; ``known``: the capture has some."""
    first = "" if known else "`bisect capture --grads`, then "
    return f"gradients were not compared: {first}`bisect run --target grad_norm`"


# What a report lacks where the port fails at what it is asked beside probes, by the operation.
UNANSWERED = {
    "values": "what the culprits compute was not looked at",
    "compare_state": "which tensors that are the same at every seed the port has otherwise was not looked at",
    "survey": "lines of code were not looked for",
    "attach_variables": "lines of code were not looked for",
    "identify": "variables of other names were not recognised by their values",
    "pull_statements": "the lines of the backward pass were not looked for",
    "expressions": "no expression was marked",
    "take_steps": "the optimizer's step was not compared",
}


def the_same_each_time(runs: int) -> str:
    """Say how often the port gave the same, and what that rules out: by the rule of three, at 95 %."""
    return (
        f"the port gave the same, bit for bit, in {runs} runs as it is: code that is wrong more often than one time in "
        f"{max(runs // 3, 1)} would most likely (95 %) have differed"
    )


def killed(operations: Sequence[str]) -> str:
    """Say at which requests the system killed the port's process, and what was done."""
    times = "once" if len(operations) == 1 else f"{len(operations)} times"
    asked = ", ".join(dict.fromkeys(map(repr, operations)))
    return (
        f"the port's process was killed {times} during {asked}, as the system does where memory is short: it was started again "
        "and asked once more"
    )


def unanswered(operation: str, why: str) -> str:
    """Say what a report lacks since the port failed at it, and why."""
    return f"{UNANSWERED[operation]}: {why}"
