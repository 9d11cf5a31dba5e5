"""What is said of lines of plain code: what they compute, what they rest on, and which of them could not be looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bisect_tool.sentences.spelling import apart, counted, listed, places, sentence_list

# What a probe is called.
WATCHED = "all that the lines read patched, lines watched"
EACH_PATCHED = "each line computed, compared and patched"

# What a pair of variables rests on, where it is not the function and the name.
EQUAL_VALUES = "equal values"
SIZE_AND_ORDER = "size and order"

# How a variable is off.
NEVER_ASSIGNED = "is never assigned"

CUT = "assigned too often, only the first times were compared"


def alone(names: Sequence[str]) -> str:
    """Name the probe in which some variables are the reference's."""
    return f"{sentence_list(names, 2)} alone"


def from_there_on(name: str, site: str) -> str:
    """Name the probe in which a variable is the reference's from one of its assignments on."""
    return f"{name} from {site} on"


def all_right_before(name: str) -> str:
    """Name the probe in which all that agrees before a variable is the reference's."""
    return f"everything before {name} that agrees"


def put_right(names: Sequence[str]) -> str:
    """Say what was put right where the target agrees."""
    return f"{sentence_list(names, 3)} patched, beside every layer"


def put_right_before(count: int, name: str) -> str:
    """Say what was put right where the target diverges all the same."""
    return f"{counted(count, 'assignment')} before {name} patched, beside every layer"


def wrong_inputs(name: str) -> str:
    """Name how many variables that a line reads are off, as what was looked at."""
    return f"wrong inputs of {name}"


def name_in(function: str) -> str:
    """Say that a pair rests on the name, in a function that is called otherwise."""
    return f"the name, in {function}"


def called_at(call: str, place: str, inputs: Sequence[tuple[str, str]]) -> str:
    """Say which line hands a layer something wrong, and what it reads that nothing clears: each variable and its place."""
    also = f", or where this is computed: {_placed(inputs)}" if inputs else ""
    return f"{place} calls {call}: what it is handed is made wrong there{also}"


def taken_for(theirs: str, ours: str, why: str) -> str:
    """Say which variable of the port was compared with one of the reference, and on what that rests."""
    return f"the port's {theirs} is taken for {ours}, by {why}"


def off_by(error: float) -> str:
    """Say how far a value is off, relative to its size."""
    if error >= 10:
        return f"is off by {error:.3g} times its size"
    return f"is off by {100 * error:.2f} %" if error >= 1e-4 else f"is off by {error:.1e} (relative)"


def mismatched(why: str) -> str:
    """Say why a value does not compare with the reference's."""
    return f"gets {why}"


def wholly_wrong(count: int) -> str:
    """Say how many elements of a value are wrong where all the others hide it."""
    return f"has {counted(count, 'element')} that {'is' if count == 1 else 'are'} wholly wrong"


def other_number(port: float, reference: float) -> str:
    """Say which number a variable is."""
    return "is {}, not {}".format(*apart(port, reference))


def assigned(place: str, reference: str, site: str, how: str, others: int) -> str:
    """Say how a variable is off, and where it is assigned on both sides; ``others`` are off in the same line."""
    rest = f", and {counted(others, 'other assignment')} there" if others else ""
    return f"{place} (reference {reference}): {site} {how}{rest}"


def first_that_differs(name: str, how: str) -> str:
    """Say what was seen first where nothing could be proved."""
    return f"the first variable that differs is {name}: it {how}; no line could be proved to be the cause"


def both_sides(port: str, reference: str) -> str:
    """Set the numbers of both sides beside each other."""
    return f"port {port}; reference {reference}"


def statistics(shape: Sequence[int], numbers: tuple[float, float, float, float] | None, lost: int) -> str:
    """Sum up an array: mean, deviation, least and largest; ``lost`` elements are not finite, all where there are no numbers."""
    if numbers is None:
        return f"{list(shape)} all NaN or infinite"
    mean, deviation, least, largest = numbers
    more = f", {lost} not finite" if lost else ""
    return f"{list(shape)} {mean:.4g} ± {deviation:.4g}, {least:.4g} to {largest:.4g}{more}"


def value_of(site: str) -> str:
    """Name the value of a variable, as the subject of a sentence."""
    return f"the value of {site}"


def written_otherwise(starts: Sequence[str], name: str, lines: Sequence[str], instead: Sequence[str]) -> str:
    """Say between which values a fault lies in code that has no counterpart line by line, and what the reference has instead."""
    there = f"; the reference has {listed(instead)}" if instead else ""
    return (
        f"from {sentence_list(starts)} ({'which agrees' if len(starts) == 1 else 'which agree'}) to {name} (which does not): {places(lines)}, "
        f"which {'is' if len(lines) == 1 else 'are'} written otherwise{there}"
    )


def made_before(port: str, reference: str, does: str, name: str) -> str:
    """Say which line makes wrong what another one shows: where it stands on both sides, and what it ``does``."""
    return f"{port} (reference {reference}): the line {does} makes {name} wrong"


def unchecked(name: str, inputs: Sequence[tuple[str, str]]) -> str:
    """List what a line reads that nothing clears: each variable and its place."""
    return f"inputs of {name} that could not be checked: {_placed(inputs)}"


def _placed(inputs: Sequence[tuple[str, str]]) -> str:
    return sentence_list([f"{variable} ({place})" for variable, place in inputs], 6)


def out_of_date(name: str, read: str, place: str, anew: str) -> str:
    """Say that a line reads a variable which the reference assigns once more before."""
    return f"{name} is computed from {read} ({place}): the reference assigns it anew at {anew}, the port does not"


def right_when_given(name: str) -> str:
    """Say that a line is right where the calls before it are, so that what these are handed must be wrong."""
    return f"{name} is right once the calls before it give the reference's values: what these are handed is wrong"


def calls_another(port: str, reference: str) -> str:
    """Say what a condition does, as what is blamed of its line."""
    return f"by which {port} is called and not {reference}"


def other_branch(condition: str, port: tuple[str, str], reference: str, place: str) -> str:
    """Say at which condition the port takes another branch; ``port`` is the function that it calls, and its place."""
    return f"by the condition at {condition} the port calls {port[0]} ({port[1]}); the reference calls {reference} ({place})"


def swallowed(raised: str, error: str, message: str, caught: str) -> str:
    """Tell of an exception that the port caught and the reference did not raise."""
    return f"{raised} raised {error}: {message}; caught at {caught}, and the run went on"


def computes(variables: Sequence[str]) -> str:
    """Say what a line does, after its place."""
    return f"which computes {sentence_list(list(variables))}"


def expressions(port: Sequence[str], reference: Sequence[str]) -> str:
    """Say which expressions make another value of right ones; those of the reference may be none."""
    is_what, gives = ("it is", "gives") if len(port) == 1 else ("they are", "give")
    beside = f"; the reference has {listed(reference)}" if reference else ""
    return f"{listed(port)}: all that {is_what} computed of is right, and what {'it' if len(port) == 1 else 'they'} {gives} is not{beside}"


def watched_elsewhere(ours: Sequence[str], theirs: Sequence[str]) -> str:
    """Say which files beside the recipe's had their variables compared."""
    sides = [("reference", ours), ("port", theirs)]
    named = [f"{listed(files)} ({side})" for side, files in sides if files]
    return f"variables were compared in the recipe's files and in what step calls elsewhere: {sentence_list(named)}"


def watched_only(patterns: Sequence[str]) -> str:
    """Say that a recipe narrows what is compared."""
    return f"variables were compared only in the functions that [watch] of recipe.toml names: {sentence_list(list(patterns))}"


def not_watched(why: Mapping[str, str]) -> str:
    """List what could not be looked at, and why."""
    return sentence_list([f"{name}: {reason}" for name, reason in why.items()], 3)
