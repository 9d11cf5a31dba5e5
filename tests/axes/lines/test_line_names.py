"""Pairing of variables by function, name and place, and what is left over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest

from bisect_tool.axes.lines.names import not_elsewhere, of_one_size, pair_by_name, paired, unless_found, with_values
from bisect_tool.probes.handed import Variable, last_shared
from bisect_tool.sites import STEP, Site

ONE = (("", (2,), "float32"),)


def variable(
    site: str, *, passed: bool = False, around: Site = STEP, parts: tuple = ONE, after: str | None = None
) -> Variable:
    """Return one assignment."""
    return Variable(Site(site), around, passed, f"loss.py:{len(site)}", parts, after=after)


def pairs(
    ours: Sequence[Variable],
    theirs: Sequence[Variable],
    rename: Sequence[tuple[str, str]] = (),
    port_call: Callable[[str], str | None] = lambda _call: None,
) -> dict[str, str]:
    """Return the pairs; what is left over must be the rest of both sides, in order, and nothing is a proposal."""
    found = pair_by_name(ours, theirs, port_call, rename)
    assert found.ours == tuple(v for v in ours if v.site not in found.to_port)
    assert found.theirs == tuple(v for v in theirs if v.site not in found.to_port.values())
    assert not found.proposed
    return dict(found.to_port)


def several(*sites: str) -> list[Variable]:
    """Return plain assignments."""
    return [variable(site) for site in sites]


def test_equal_names_are_paired_in_order() -> None:
    """A name that both sides assign as often is paired first with first, second with second."""
    ours = several("Loss.__call__:total", "assign:x", "Loss.__call__:total#2", "only:here")
    theirs = several("only:there", "assign:x", "Loss.__call__:total", "Loss.__call__:total#2")
    assert pairs(ours, theirs) == {
        "Loss.__call__:total": "Loss.__call__:total",
        "Loss.__call__:total#2": "Loss.__call__:total#2",
        "assign:x": "assign:x",
    }


def test_the_order_counts_and_not_the_number() -> None:
    """Where calls of a model's layers are left out a number may be missing: the first that is left is still the first."""
    assert pairs(several("f:x#3", "f:x#5"), several("f:x", "f:x#2")) == {"f:x#3": "f:x", "f:x#5": "f:x#2"}


@pytest.mark.parametrize(
    ("ours", "theirs"), [(("f:x", "f:x#2"), ("f:x",)), (("f:x",), ("f:x", "f:x#2")), (("f:x",), ())]
)
def test_a_name_that_one_side_assigns_more_often_is_not_paired(ours: tuple, theirs: tuple) -> None:
    """Which is which cannot be told; other names are paired all the same."""
    assert pairs(several(*ours, "f:y"), several(*theirs, "f:y")) == {"f:y": "f:y"}


def test_the_same_name_in_another_function_is_another_variable() -> None:
    """Function and name are one: also where the functions' names end alike."""
    assert pairs(several("f:x", "A.f:y", "g:z"), several("g:x", "f:y", "g:zz")) == {}


def test_a_parameter_and_what_is_assigned_to_it_later_are_counted_apart() -> None:
    """One side may overwrite a parameter where the other does not: what was passed is still the same."""
    ours = [variable("f:x", passed=True), variable("f:x#2"), variable("f:x#3", passed=True), variable("f:x#4")]
    theirs = [variable("f:x", passed=True), variable("f:x#2", passed=True), variable("f:x#3")]
    assert pairs(ours, theirs) == {"f:x": "f:x", "f:x#3": "f:x#2"}
    theirs.append(variable("f:x#4"))
    assert pairs(ours, theirs) == {"f:x": "f:x", "f:x#3": "f:x#2", "f:x#2": "f:x#3", "f:x#4": "f:x#4"}


def test_a_module_call_s_variable_is_found_by_the_call_s_name_in_the_port() -> None:
    """Number and path of the call are the port's; a call that has no partner keeps its name."""
    names = {"net.block": "model.0", "net.block#2": "model.0#2"}
    ours = several("net.block:y", "net.block:y#2", "net.block#2:y", "net.out:y", "overlap:y")
    theirs = several("model.0:y", "model.0:y#2", "model.0#2:y", "net.out:y", "overlap:y", "net.block:y")
    assert pairs(ours, theirs, port_call=names.get) == {
        "net.block:y": "model.0:y",
        "net.block:y#2": "model.0:y#2",
        "net.block#2:y": "model.0#2:y",
        "net.out:y": "net.out:y",
        "overlap:y": "overlap:y",
    }


def test_rename_rules_lead_to_the_port_s_names() -> None:
    """They are applied in order, to function and name together, and to every assignment."""
    rules = [(r"^Detect(\w*)Loss\.", r"\1Criterion."), (r"\.__call__:", ".forward:"), (":bboxes$", ":boxes")]
    ours = several("DetectBoxLoss.__call__:bboxes", "DetectBoxLoss.__call__:bboxes#2", "assign:bboxes", "assign:x")
    theirs = several("BoxCriterion.forward:boxes", "BoxCriterion.forward:boxes#2", "assign:boxes", "assign:x")
    assert pairs(ours, theirs, rules) == {a.site: b.site for a, b in zip(ours, theirs, strict=True)}
    assert pairs(theirs, ours, rules) == {"assign:x": "assign:x"}


def test_what_is_proposed_is_taken_from_both_sides() -> None:
    """Pairs that rest on values are pairs like any other, and known as proposed, with what they rest on."""
    ours, theirs = several("f:a", "f:b", "f:c"), several("g:d", "f:a", "g:e")
    found = paired({Site("f:a"): Site("f:a"), Site("f:c"): Site("g:d")}, ours, theirs, {Site("f:c"): "equal values"})
    assert [v.site for v in found.ours] == ["f:b"]
    assert [v.site for v in found.theirs] == ["g:e"]
    assert found.proposed == {"f:c": "equal values"}


def proposed(
    ours: Sequence[Variable], theirs: Sequence[Variable], same: Mapping[str, str]
) -> dict[str, tuple[str, str]]:
    """Return what is paired beside equal names, given pairs with equal values: the partner, and why."""
    by_name = pair_by_name(ours, theirs, lambda _call: None, [])
    found = with_values(by_name, {Site(a): Site(b) for a, b in same.items()}, ours, theirs)
    assert found.ours == tuple(v for v in ours if v.site not in found.to_port)
    assert found.theirs == tuple(v for v in theirs if v.site not in found.to_port.values())
    assert len(set(found.to_port.values())) == len(found.to_port)
    assert found.proposed.keys() == found.to_port.keys() - by_name.to_port.keys()
    return {site: (found.to_port[site], why) for site, why in found.proposed.items()}


def test_a_function_of_another_name_is_known_by_what_agrees_in_it() -> None:
    """Where two of its variables have the values of another function's, the third is found by its name."""
    ours = several("overlap:low", "overlap:high", "overlap:sides", "assign:sides")
    theirs = several("iou:low", "iou:high", "iou:sides", "other:sides")
    assert proposed(ours, theirs, {"overlap:low": "iou:low", "overlap:high": "iou:high"}) == {
        "overlap:low": ("iou:low", "equal values"),
        "overlap:high": ("iou:high", "equal values"),
        "overlap:sides": ("iou:sides", "the name, in iou"),
    }


@pytest.mark.parametrize(
    ("port", "found"),
    [
        (["f:first", "f:second"], {"f:wide", "f:high"}),
        (["f:second", "f:first"], set()),
        (["f:second", "f:between", "f:first"], {"f:wide", "f:high"}),
        (["f:second", "g:first"], {"f:wide", "f:high"}),
    ],
)
def test_neighbours_in_the_other_order_may_be_swapped(port: list[str], found: set[str]) -> None:
    """Each then has the value that the other should have: that clears neither."""
    ours = several("f:wide", "f:high")
    first, second = (next(site for site in port if site.endswith(name)) for name in ("first", "second"))
    kept = proposed(ours, [*several(*port), variable("h:end", passed=True)], {"f:wide": first, "f:high": second})
    assert {site for site, (_, why) in kept.items() if why == "equal values"} == found


def test_neighbours_of_the_same_names_are_not_swapped() -> None:
    """In a function that is called otherwise."""
    same = {"f:wide": "g:wide", "f:high": "g:high"}
    assert proposed(several("f:wide", "f:high"), several("g:high", "g:wide"), same).keys() == same.keys()


def test_a_name_of_another_size_makes_way_for_what_has_the_same_values() -> None:
    """Where nothing has, it stays."""
    ours = [variable("f:box"), variable("f:cls"), variable("f:loss", parts=(("", (), "float32"),))]
    theirs = [variable("f:offsets"), variable("f:box", parts=(("", (), "float32"),)), variable("f:cls")]
    named = pair_by_name(ours, theirs, lambda _call: None, [])
    sure = of_one_size(named, ours, theirs)
    assert (sure.to_port, [v.site for v in sure.ours]) == ({"f:cls": "f:cls"}, ["f:box", "f:loss"])
    assert [v.site for v in sure.theirs] == ["f:offsets", "f:box"]
    assert unless_found(named, {Site("f:box"): Site("f:offsets")}, ours, theirs).to_port == {"f:cls": "f:cls"}
    assert unless_found(named, {Site("f:loss"): Site("f:box")}, ours, theirs).to_port == {"f:cls": "f:cls"}
    assert unless_found(named, {}, ours, theirs).to_port == named.to_port
    elsewhere = {Site("f:box"): Site("g:x"), Site("g:y"): Site("f:box"), Site("g:z"): Site("h:z")}
    assert not_elsewhere(named, {**elsewhere, Site("f:loss"): Site("f:box")}) == {"g:z": "h:z", "f:loss": "f:box"}


def test_most_of_a_function_s_variables_say_which_it_is() -> None:
    """One value that another function has too (the same boxes, passed on) does not lead away."""
    ours = several("f:a", "f:b", "f:c", "f:d")
    theirs = several("g:a", "h:b", "h:c", "h:d", "g:d")
    found = proposed(ours, theirs, {"f:a": "g:a", "f:b": "h:b", "f:c": "h:c"})
    assert found["f:d"] == ("h:d", "the name, in h")


def test_what_is_alone_between_two_pairs_is_a_pair() -> None:
    """Another name for the same thing, of the same size, at the same place; several, where both sides have as many in order."""
    three = (("", (3, 1), "float32"),)
    ours = [*several("f:a", "f:quality"), variable("f:weights", parts=three), *several("f:z")]
    theirs = [*several("f:a", "f:metric"), variable("f:strength", parts=three), *several("f:z")]
    assert proposed(ours, theirs, {}) == {
        "f:quality": ("f:metric", "size and order"),
        "f:weights": ("f:strength", "size and order"),
    }
    assert proposed([*ours, variable("f:end")], [*theirs, variable("f:last", passed=True)], {}).keys() == {
        "f:quality", "f:weights",
    }  # fmt: skip
    twice = [theirs[0], theirs[1], variable("f:more"), *theirs[2:]]
    assert proposed(ours, twice, {}) == {"f:weights": ("f:strength", "size and order")}
    assert proposed(ours, [theirs[1], theirs[0], *theirs[2:]], {}).keys() == {"f:weights"}
    two = [ours[0], variable("f:other"), *ours[1:]]
    assert {site: port for site, (port, _) in proposed(two, twice, {}).items()} == {
        "f:other": "f:metric", "f:quality": "f:more", "f:weights": "f:strength",
    }  # fmt: skip


def test_what_comes_before_a_call_is_nothing_that_comes_after_it() -> None:
    """An argument that the port writes where it calls has no name there: what it makes of the output is another thing."""
    ours = [*several("f:a"), variable("f:argument"), variable("f:end", after="net")]
    theirs = [*several("f:a"), variable("f:made", after="net"), variable("f:end", after="net")]
    assert proposed(ours, theirs, {}) == {}


def test_what_one_side_has_in_a_function_of_its_own_the_other_may_write_where_it_is_needed() -> None:
    """If it is alone of its size there; two functions that have no partner tell nothing of each other."""
    ours = several("f:a", "f:sample", "f:b")
    theirs = [*several("f:a"), variable("helper:given", passed=True), *several("helper:return", "f:b")]
    assert proposed(ours, theirs, {}) == {"f:sample": ("helper:return", "size and order")}
    assert proposed(theirs, ours, {}) == {"helper:return": ("f:sample", "size and order")}
    assert proposed(several("f:a", "mine:x", "f:b"), several("f:a", "other:x", "f:b"), {}) == {}


def test_a_variable_is_read_as_a_worker_says_it() -> None:
    """Calls are renamed to the reference's; what is missing or of another kind is an error that is caught."""
    row = {
        "site": "model.0:y",
        "kind": "parameter",
        "around": ["model.0.act", "model.0"],
        "after": 2,
        "place": "net.py:3",
        "parts": [["", [2], "f4"]],
    }
    shared = {"model.0": "net.a", "model.0.first": "net.a.first"}.get
    ended = last_shared(["model.0.first", "model.0.act", "model.0"], shared)
    assert ended == [None, "net.a.first", "net.a.first", "net.a"]
    assert Variable.from_json(row, ended, shared) == Variable(
        Site("model.0:y"), Site("net.a"), True, "net.py:3", (("", (2,), "f4"),), after="net.a.first"
    )
    outside = Variable.from_json({**row, "around": ["model.0.act"], "after": 0, "kind": "changed"}, ended, shared)
    assert (outside.around, outside.after, outside.passed) == (STEP, None, False)
    assert Variable.from_json(row, ended, shared).function == "model.0"
    with pytest.raises(KeyError):
        Variable.from_json({key: value for key, value in row.items() if key != "place"}, ended, shared)
    with pytest.raises((TypeError, ValueError)):
        Variable.from_json({**row, "parts": [["", 3]]}, ended, shared)
