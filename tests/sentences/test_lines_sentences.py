"""What is said of lines, sentence by sentence."""

from __future__ import annotations

import pytest

from bisect_tool.sentences import lines


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (0.7559, "is off by 75.59 %"),
        (1e-4, "is off by 0.01 %"),
        (9.5e-5, "is off by 9.5e-05 (relative)"),
        (12.34, "is off by 12.3 times its size"),
    ],
)
def test_how_far_a_value_is_off_is_said_in_the_words_of_its_size(error: float, words: str) -> None:
    """In per cent, in times its size where that is more, and as it is where per cent would show nothing."""
    assert lines.off_by(error) == words


def test_two_numbers_are_told_apart() -> None:
    """With as many digits as it takes."""
    assert lines.other_number(3.0, 2.0) == "is 3, not 2"
    assert lines.other_number(0.12345678, 0.12345679) == "is 0.12345678, not 0.12345679"


def test_a_line_is_said_with_its_place_on_both_sides() -> None:
    """And with how often it is off there, where that is more than once."""
    assert lines.assigned("p.py:3", "r.py:4", "f:x", "is 3, not 2", 0) == "p.py:3 (reference r.py:4): f:x is 3, not 2"
    assert lines.assigned("p.py:3", "r.py:4", "f:x", lines.NEVER_ASSIGNED, 2) == (
        "p.py:3 (reference r.py:4): f:x is never assigned, and 2 other assignments there"
    )
    assert lines.assigned("p.py:3", "r.py:4", "f:x", lines.mismatched("shape [3], reference [4]"), 1) == (
        "p.py:3 (reference r.py:4): f:x gets shape [3], reference [4], and 1 other assignment there"
    )


def test_elements_that_are_wholly_wrong_are_counted() -> None:
    """One is one."""
    assert lines.wholly_wrong(1) == "has 1 element that is wholly wrong"
    assert lines.wholly_wrong(1200) == "has 1,200 elements that are wholly wrong"


def test_inputs_that_could_not_be_checked_are_listed_with_their_places() -> None:
    """Six of them, and how many more there are."""
    inputs = [(f"f:x{n}", f"p.py:{n}") for n in range(8)]
    assert lines.unchecked("f:y", inputs[:1]) == "inputs of f:y that could not be checked: f:x0 (p.py:0)"
    assert lines.unchecked("f:y", inputs).endswith("f:x5 (p.py:5) and 2 more")


def test_probes_and_proofs_are_named_by_what_is_put_right() -> None:
    """The first of many, and how many more."""
    assert lines.alone(["f:x"]) == "f:x alone"
    assert lines.alone(["f:x", "f:y", "f:z"]) == "f:x, f:y and 1 more alone"
    assert lines.put_right(["f:x", "f:y"]) == "f:x and f:y patched, beside every layer"
    assert lines.put_right_before(1, "f:x") == "1 assignment before f:x patched, beside every layer"
    assert lines.put_right_before(0, "f:x") == "0 assignments before f:x patched, beside every layer"
    assert lines.all_right_before("f:x") == "everything before f:x that agrees"
    assert lines.from_there_on("f:x", "f:x#2") == "f:x from f:x#2 on"
    assert lines.wrong_inputs("f:x") == "wrong inputs of f:x"


def test_arrays_are_summed_up_side_by_side() -> None:
    """With how many of their elements are no numbers."""
    port = lines.statistics((2, 3), (1.0, 0.5, 0.0, 2.0), 1)
    assert lines.both_sides(port, lines.statistics((4,), None, 4)) == (
        "port [2, 3] 1 ± 0.5, 0 to 2, 1 not finite; reference [4] all NaN or infinite"
    )


def test_what_differs_in_the_code_itself_is_said_with_its_places() -> None:
    """Another branch, a statement that the port lacks, an exception that it swallows, and what was not watched."""
    assert lines.other_branch("p.py:9", ("alone", "p.py:10"), "crowded", "r.py:12") == (
        "by the condition at p.py:9 the port calls alone (p.py:10); the reference calls crowded (r.py:12)"
    )
    assert lines.calls_another("alone", "crowded") == "by which alone is called and not crowded"
    assert lines.out_of_date("f:y", "f:x", "p.py:3", "r.py:4") == (
        "f:y is computed from f:x (p.py:3): the reference assigns it anew at r.py:4, the port does not"
    )
    assert lines.swallowed("p.py:3", "TypeError", "no", "p.py:4") == (
        "p.py:3 raised TypeError: no; caught at p.py:4, and the run went on"
    )
    assert lines.not_watched({"f": "no source", "g:x": lines.CUT}) == (
        "f: no source and g:x: assigned too often, only the first times were compared"
    )


def test_a_pair_of_other_names_is_said_with_what_it_rests_on() -> None:
    """Equal values, the name in another function, or size and order."""
    assert lines.taken_for("g:z", "f:x", lines.EQUAL_VALUES) == "the port's g:z is taken for f:x, by equal values"
    assert lines.taken_for("g:x", "f:x", lines.name_in("g")) == "the port's g:x is taken for f:x, by the name, in g"


def test_what_was_seen_first_is_said_where_nothing_is_proved() -> None:
    """Together with how far it is off."""
    assert lines.first_that_differs("f:x", lines.off_by(0.5)) == (
        "the first variable that differs is f:x: it is off by 50.00 %; no line could be proved to be the cause"
    )
