"""How many parameters and buffers there are, and differences as sums that add up."""

import itertools
import json
import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from manifests import described, module, pair_of, tensor

from bisect_tool.checks.preflight.census import census
from bisect_tool.checks.preflight.counts import buffers, parameters


def messages(reference, port, check=parameters, **options):
    return [finding.message for finding in check(pair_of(reference, port, **options))]


def added_up(message):
    """Return the sum of a message's terms."""
    return sum(int(sign + size.replace(",", "")) for sign, size in re.findall(r"([+-]) ([\d,]+) of ", message))


def branch(name="dist", levels=3, *, kind="parameter", leaves=("weight", "bias")):
    """Return the modules and the state of a branch of the head, one level after the other."""
    modules = [module(f"detect.{name}"), *(module(f"detect.{name}.{n}") for n in range(levels))]
    return modules, [
        tensor(f"detect.{name}.{n}.{leaf}", (100 - n,), kind=kind) for n in range(levels) for leaf in leaves
    ]


HEAD = [module("detect")]
CLS = [tensor("detect.cls.weight", (4, 32, 1, 1))]


def test_a_branch_of_the_port_alone_is_named_by_its_highest_module():
    """The tensors of one module that the reference lacks are one term, each with its size."""
    modules, state = branch()
    (message,) = messages(described(HEAD, CLS), described([*HEAD, *modules], CLS + state))
    assert message == (
        "the port has 722 parameters, 594 more than the reference's 128: + 594 of detect.dist (6 tensors: "
        "100 in 0.weight, 100 in 0.bias, 99 in 1.weight, 99 in 1.bias, 98 in 2.weight, 98 in 2.bias)"
    )


def test_of_many_tensors_the_largest_are_named():
    """More than six are counted."""
    modules, state = branch(levels=6)
    (message,) = messages(described(HEAD, CLS), described([*HEAD, *modules], CLS + state))
    assert message.endswith(
        "+ 1,170 of detect.dist (12 tensors: 100 in 0.weight, 100 in 0.bias, 99 in 1.weight and 9 more)"
    )


def test_what_the_port_lacks_is_taken_off():
    """A branch of the reference alone is a term with a minus."""
    modules, state = branch()
    (message,) = messages(described([*HEAD, *modules], CLS + state), described(HEAD, CLS))
    assert "594 fewer than the reference's 722: - 594 of detect.dist (6 tensors" in message


def test_a_tensor_of_a_module_that_both_have_stands_for_itself():
    """A module that both sides have, or whose other tensors have partners, is not what is on one side only."""
    ours = described(HEAD, CLS)
    (message,) = messages(ours, described(HEAD, [*CLS, tensor("detect.scale", (3,))]))
    assert message.endswith(": + 3 of detect.scale")
    theirs = described([*HEAD, module("detect.cls")], [*CLS, tensor("detect.cls.bias", (4,))])
    (message,) = messages(ours, theirs)
    assert message.endswith(": + 4 of detect.cls.bias")


def test_other_shapes_are_terms_of_the_sum():
    """A tensor of another size gives both shapes; one of another shape and the same size is no term."""
    ours = described(HEAD, [*CLS, tensor("detect.a", (2, 3)), tensor("detect.gone", (5,))])
    theirs = described(HEAD, [tensor("detect.cls.weight", (68, 32, 1, 1)), tensor("detect.a", (3, 2))])
    (message,) = messages(ours, theirs)
    assert message == (
        "the port has 2,182 parameters, 2,043 more than the reference's 139: "
        "+ 2,048 of detect.cls.weight [68, 32, 1, 1] for [4, 32, 1, 1] - 5 of detect.gone"
    )


def test_many_terms_end_in_their_rest_and_still_add_up():
    """Whatever is left out by name is in the last term, and the whole is the difference."""
    ours = described(HEAD, [tensor(f"detect.{n}.w", (30,)) for n in range(20)])
    theirs = described(HEAD, [tensor(f"detect.{n}.w", (30 + (-1) ** n * n,)) for n in range(20)])
    (message,) = messages(ours, theirs)
    assert "10 fewer than" in message
    assert message.endswith("of 14 other tensors")
    assert added_up(message) == -10


def test_as_many_parameters_are_no_finding():
    """What the port has more in one place and less in another is listed by names and shapes, not counted."""
    ours = described(HEAD, [tensor("detect.a", (5,)), tensor("detect.b", (3,))])
    theirs = described(HEAD, [tensor("detect.a", (3,)), tensor("detect.b", (5,))])
    assert messages(ours, theirs) == []


@pytest.mark.parametrize("shape", [(4,), (79124,)])
def test_another_number_of_parameters_is_said_to_the_last_one(shape):
    """The number and the difference are exact."""
    ours, theirs = (described(state=[tensor("a.weight", s)]) for s in ((79123,), shape))
    (message,) = messages(ours, theirs)
    assert f"the port has {shape[0]:,} parameters" in message
    assert added_up(message) == shape[0] - 79123


def test_a_buffer_that_is_a_parameter_in_the_port_does_not_count():
    """A running mean counts as what the reference says it is; another arrangement of as many numbers is no finding."""
    ours = described(state=[tensor("a.weight", (2, 3)), tensor("a.mean", (3,), kind="buffer")])
    theirs = described(state=[tensor("a.weight", (3, 2)), tensor("a.mean", (3,))])
    assert messages(ours, theirs) == messages(ours, theirs, buffers) == []


@pytest.mark.parametrize("tied", ["port", "reference"])
def test_a_tied_tensor_counts_once_and_is_said_to_be_tied(tied):
    """Where one side has one tensor under two names and the other side two tensors, that is the difference."""
    apart = described(state=[tensor("a.w", (9,)), tensor("b.w", (9,))])
    one = described(state=[tensor("a.w", (9,)), tensor("b.w", (9,), alias_of="a.w")])
    ours, theirs = (apart, one) if tied == "port" else (one, apart)
    sign, more = ("-", "9 fewer") if tied == "port" else ("+", "9 more")
    (message,) = messages(ours, theirs)
    assert more in message
    assert message.endswith(f": {sign} 9 of b.w (the {tied}'s is the same tensor as a.w)")
    assert messages(one, one) == []


def test_a_tensor_that_is_tied_to_one_of_another_name_has_its_partner():
    """The reference's one tensor is the port's, under whichever of its names it was matched."""
    ours = described(state=[tensor("y.w", (9,))])
    theirs = described(state=[tensor("x.w", (9,)), tensor("y.w", (9,), alias_of="x.w")])
    assert messages(ours, theirs) == []


STATISTICS = {"kind": "buffer", "leaves": ("running_mean", "running_var")}


@pytest.mark.parametrize("framework", ["torch", "jittor"])
def test_buffers_are_counted_beside_the_parameters(framework):
    """Running statistics are a finding of their own; for Jittor it says what parameters() makes of them."""
    modules, state = branch()
    state = state + branch(**STATISTICS)[1]
    pair = described(HEAD, CLS), described([*HEAD, *modules], CLS + state, framework=framework)
    (message,) = messages(*pair)
    assert "594 more than the reference's 128: + 594 of detect.dist (6 tensors" in message
    (message,) = messages(*pair, buffers)
    assert message.startswith(
        "beside the parameters the port has 594 numbers in buffers, 594 more (running statistics) than the reference's "
        "0: + 594 of detect.dist (6 tensors: 100 in 0.running_mean, 100 in 0.running_var, "
    )
    words = "; parameters() of Jittor lists buffers too: counted with them the port has 1,188 more"
    assert message.endswith(words) == (framework == "jittor")


def test_as_many_numbers_in_other_buffers_are_said():
    """A branch with buffers that makes up for one that is missing is shown, and other buffers are no statistics."""
    ours = described(HEAD, [tensor("detect.stride", (3,), kind="buffer")])
    theirs = described(HEAD, [tensor("detect.grid", (3,), kind="buffer")], framework="jittor")
    (message,) = messages(ours, theirs, buffers)
    assert message == (
        "beside the parameters the port has 3 numbers in buffers, as many as, but not the same as, the reference's 3: "
        "+ 3 of detect.grid - 3 of detect.stride"
    )
    assert messages(ours, theirs) == []


def told(rows):
    """Return rows in short: depth, name, what the two sides have of parameters."""
    return [(row["depth"], row["name"], row["parameters"]["reference"], row["parameters"]["port"]) for row in rows]


def sizes(row):
    """Return the numbers of a row without the differences."""
    return Counter({(k, side): row[k][side] for k in ("parameters", "buffers") for side in ("reference", "port")})


def inside(rows, index):
    """Return the deeper rows that follow a row; of index -1 all."""
    depth = rows[index]["depth"] if index >= 0 else -1
    return list(itertools.takewhile(lambda row: row["depth"] > depth, rows[index + 1 :]))


def parts_of(rows, index):
    """Return the rows that are one deeper than a row in which they lie."""
    deeper = inside(rows, index)
    return [row for row in deeper if row["depth"] == deeper[0]["depth"]]


LEAVES = {"weight": "parameter", "bias": "parameter", "running_mean": "buffer"}
PATHS = st.lists(st.sampled_from("abc"), max_size=3).map(".".join)
STATES = st.dictionaries(
    st.tuples(PATHS, st.sampled_from(sorted(LEAVES))), st.tuples(st.integers(0, 3), st.booleans()), max_size=12
)
RULES = st.lists(st.sampled_from([(r"^a(\.|$)", r"z\1"), (r"\.b(\.|$)", r".c\1"), (r"^c\.", "a.")]), max_size=2)


def tree_of(state, *, modules=True):
    """Return a model with the tensors of a drawn state, some tied to the first one of their size and kind."""
    entries, first = [], {}
    for (path, leaf), (size, tied) in state.items():
        name = f"{path}.{leaf}" if path else leaf
        alias = first.setdefault((size, LEAVES[leaf]), name) if tied else name
        entries.append(tensor(name, (size,), kind=LEAVES[leaf], **({"alias_of": alias} if alias != name else {})))
    paths = {around for path, _ in state for around in ("", *itertools.accumulate(path.split("."), "{}.{}".format))}
    return described([module(path) for path in sorted(paths - {""})] if modules else [], entries)


@settings(max_examples=150, deadline=None)
@given(STATES, STATES, RULES, st.booleans())
def test_rows_add_up_to_the_totals(ours, theirs, rules, modules):
    """Whatever the two trees and however they match: parts add up to what they lie in, and the top to the totals."""
    sides = {"reference": tree_of(ours, modules=modules), "port": tree_of(theirs, modules=modules)}
    expected = Counter()
    for side, model in sides.items():
        for entry in model["state"]:
            if "alias_of" not in entry:
                expected[f"{entry['kind']}s", side] += entry["shape"][0]
    pair = pair_of(*sides.values(), rules)
    *rows, total = census(pair) or [None]
    if total is None:
        assert parameters(pair) == []
        assert all(expected[kind, "port"] == expected[kind, "reference"] for kind in ("parameters", "buffers"))
        return
    for row in (*rows, total):
        assert all(row[k]["difference"] == row[k]["port"] - row[k]["reference"] for k in ("parameters", "buffers"))
    assert +sizes(total) == +expected
    assert sum(map(sizes, parts_of(rows, -1)), Counter()) == +sizes(total)
    for index, row in enumerate(rows):
        parts = parts_of(rows, index)
        if parts:
            assert sum(map(sizes, parts), Counter()) == +sizes(row)
            assert any(row[kind]["difference"] for row in inside(rows, index) for kind in ("parameters", "buffers"))


@given(STATES)
def test_a_tree_and_itself_have_no_rows(state):
    """Where all modules have as many there is nothing to tell."""
    assert census(pair_of(tree_of(state), tree_of(state))) == []


def test_only_modules_in_which_something_differs_have_their_parts_told():
    """A module that agrees and one that a side alone has are one row each."""
    modules, state = branch()
    ours = [module("neck"), module("neck.0"), *HEAD, module("detect.cls")]
    first = [tensor("neck.0.weight", (7,)), *CLS, tensor("detect.scale", (3,))]
    pair = pair_of(described(ours, first), described([*ours, *modules], first + state))
    rows = census(pair)
    assert told(rows) == [
        (0, "neck", 7, 7),
        (0, "detect", 131, 131 + 594),
        (1, "detect", 3, 3),
        (1, "detect.cls", 128, 128),
        (1, "detect.dist", 0, 594),
        (0, "", 138, 138 + 594),
    ]
    assert [row["row"] for row in rows] == ["module", "module", "own", "module", "module", "total"]
    assert json.loads(json.dumps(rows)) == rows


def test_what_is_renamed_is_one_row():
    """A module with another name in the port is where the reference has it, and with it what the port adds there."""
    ours = described([module("neck"), module("neck.bn")], [tensor("neck.bn.weight", (5,))])
    theirs = described(
        [module("fpn"), module("fpn.norm"), module("fpn.more")],
        [tensor("fpn.norm.weight", (6,)), tensor("fpn.more.weight", (2,))],
    )
    rows = census(pair_of(ours, theirs, [(r"^neck(\.|$)", r"fpn\1"), (r"\.bn(\.|$)", r".norm\1")]))
    assert told(rows) == [(0, "neck", 5, 8), (1, "neck.bn", 5, 6), (1, "fpn.more", 0, 2), (0, "", 5, 8)]
    assert [row["renamed"] for row in rows] == ["fpn", "fpn.norm", None, None]


def test_another_module_of_the_same_name_is_a_row_of_its_own():
    """Where the reference's module is another one of the port's, the port's of that name stands beside it."""
    ours = described([module("a")], [tensor("a.weight", (5,))])
    theirs = described([module("a"), module("b")], [tensor("a.weight", (2,)), tensor("b.weight", (5,))])
    rows = census(pair_of(ours, theirs, [(r"^a(\.|$)", r"b\1")]))
    assert told(rows) == [(0, "a", 5, 5), (0, "a", 0, 2), (0, "", 5, 7)]
    assert [row["renamed"] for row in rows] == ["b", None, None]


def test_tied_tensors_count_once_where_they_come_first():
    """The row of a tied tensor's later name has nothing of it."""
    ours = described(state=[tensor("a.w", (9,)), tensor("b.w", (9,))])
    theirs = described(state=[tensor("a.w", (9,)), tensor("b.w", (9,), alias_of="a.w")])
    assert told(census(pair_of(ours, theirs))) == [(0, "a", 9, 9), (0, "b", 9, 0), (0, "", 18, 9)]


def test_a_difference_that_cancels_out_is_told():
    """What one module has more and another less is no difference of the totals, and yet one of the modules."""
    ours = described(state=[tensor("a.w", (5,)), tensor("b.w", (3,))])
    theirs = described(state=[tensor("a.w", (3,)), tensor("b.w", (5,))])
    assert told(census(pair_of(ours, theirs))) == [(0, "a", 5, 3), (0, "b", 3, 5), (0, "", 8, 8)]


def test_buffers_are_apart():
    """A difference of buffers alone is told, and in numbers of its own; what the reference calls a buffer is one."""
    ours = described(state=[tensor("a.w", (5,)), tensor("a.mean", (3,), kind="buffer")])
    theirs = described(state=[tensor("a.w", (5,)), tensor("a.mean", (4,))])
    rows = census(pair_of(ours, theirs))
    assert told(rows) == [(0, "a", 5, 5), (0, "", 5, 5)]
    assert [row["buffers"] for row in rows] == [{"reference": 3, "port": 4, "difference": 1}] * 2
