"""Matching names of the reference with names of the port."""

from hypothesis import given
from hypothesis import strategies as st

from bisect_tool.pairing.names import match

SHAPES = st.sampled_from([(4,), (8,), (4, 3)])
WORDS = st.lists(st.sampled_from(["a", "b", "c", "weight", "bias"]), min_size=1, max_size=3).map(".".join)
STATE = st.dictionaries(WORDS, SHAPES, max_size=8).map(lambda entries: list(entries.items()))
RULES = st.lists(
    st.tuples(st.sampled_from(["^a", "b$", "weight", r"(\w)\."]), st.sampled_from(["b", "c", "a.b", ""])), max_size=2
)


def modules(names):
    """Return the names of all modules around some tensors."""
    return sorted({".".join(name.split(".")[:n]) for name in names for n in range(1, name.count(".") + 1)})


def matched(reference, port, rules=()):
    """Match two lists of tensors with the modules around them."""
    return match(reference, port, modules(n for n, _ in reference), modules(n for n, _ in port), rules)


def entries(*names, shape=(4,)):
    return [(name, shape) for name in names]


def test_equal_names_match_exactly():
    """The same names match as they are, with nothing left over."""
    found = matched(entries("m.0.weight", "m.0.bias"), entries("m.0.bias", "m.0.weight"))
    assert found.state == {"m.0.weight": "m.0.weight", "m.0.bias": "m.0.bias"}
    assert set(found.how.values()) == {"exact"}
    assert found.modules == {"m": "m", "m.0": "m.0"}
    assert (found.unmatched_reference, found.unmatched_port) == ((), ())


def test_rules_are_applied_in_order():
    """Each rule works on what the one before it left."""
    rules = [(r"^model\.(\d+)\.", r"layers.\1."), ("gamma$", "weight")]
    found = matched(entries("model.3.gamma"), entries("layers.3.weight"), rules)
    assert found.state == {"model.3.gamma": "layers.3.weight"}
    assert found.how == {"model.3.gamma": "rule"}


def test_a_rule_goes_before_an_exact_name():
    """A rule that swaps two names is believed, although both names exist on the other side."""
    swap = [("^a\\.", "x."), ("^b\\.", "a."), ("^x\\.", "b.")]
    found = matched(entries("a.weight", "b.weight"), entries("a.weight", "b.weight"), swap)
    assert found.state == {"a.weight": "b.weight", "b.weight": "a.weight"}
    assert set(found.how.values()) == {"rule"}


def test_a_rule_does_not_need_the_shape():
    """Names that match are paired whatever their shapes: the difference is for the preflight to report."""
    found = matched([("m.weight", (4, 3))], [("m.weight", (3, 4))])
    assert found.state == {"m.weight": "m.weight"}


def test_what_is_left_is_matched_by_shape_and_order():
    """Other names are paired in order where both sides have equally many of one shape and last name."""
    ours = [("x.0.weight", (4, 3)), ("x.1.weight", (4, 3)), ("x.1.bias", (4,))]
    theirs = [("y.a.weight", (4, 3)), ("y.a.bias", (4,)), ("y.b.weight", (4, 3))]
    found = matched(ours, theirs)
    assert found.state == {"x.0.weight": "y.a.weight", "x.1.weight": "y.b.weight", "x.1.bias": "y.a.bias"}
    assert found.how == {"x.0.weight": "guess", "x.1.weight": "guess", "x.1.bias": "shape"}


def test_shapes_that_are_not_equally_many_match_nothing():
    """Two tensors of a shape on one side and three on the other are not paired, but listed."""
    ours, theirs = entries("x.0.weight", "x.1.weight"), entries("y.0.weight", "y.1.weight", "y.2.weight")
    found = matched(ours, theirs)
    assert found.state == {}
    assert found.unmatched_reference == ("x.0.weight", "x.1.weight")
    assert found.unmatched_port == ("y.0.weight", "y.1.weight", "y.2.weight")


def test_another_last_name_is_no_partner():
    """A weight and a bias of the same shape are not paired."""
    assert matched(entries("x.weight"), entries("y.bias")).state == {}


def test_modules_follow_their_parameters():
    """A module is matched through its parameters, and so is the module around it."""
    found = matched([("net.0.conv.weight", (4, 3))], [("layers.0.conv.weight", (4, 3))])
    assert found.modules == {"net.0.conv": "layers.0.conv", "net.0": "layers.0", "net": "layers"}


def test_modules_without_parameters_follow_their_parents():
    """An activation is matched by its own last name inside its parent's partner, whatever the parent is called."""
    reference, port = [("net.0.weight", (4, 3))], [("layers.0.weight", (4, 3))]
    ours, theirs = ["net", "net.0", "net.act", "net.drop"], ["layers", "layers.0", "layers.act"]
    found = match(reference, port, ours, theirs)
    assert found.modules == {"net": "layers", "net.0": "layers.0", "net.act": "layers.act"}


def test_a_container_that_took_in_a_parameter_from_deeper_keeps_its_partner():
    """The port has a block's code in the code around it, and its gate with it: what is around is the same all the same."""
    reference = entries("net.norm.weight", "net.block.gate", "net.block.inner.fc.weight")
    port = entries("net.norm.weight", "net.gate", "net.fc.weight")
    rules = [(r"block\.(inner\.)?", "")]
    assert matched(reference, port, rules).modules == {
        "net": "net",
        "net.norm": "net.norm",
        "net.block.inner.fc": "net.fc",
    }


def test_no_module_is_the_partner_of_two():
    """A module that has its partner by name is not given to another one that follows its parent."""
    reference, port = [("x.weight", (4, 3))], [("y.weight", (4, 3))]
    found = match(reference, port, ["y.act", "x", "x.act"], ["y", "y.act"])
    assert found.modules == {"x": "y", "y.act": "y.act"}


@given(STATE, STATE, RULES)
def test_a_matching_is_one_to_one_and_complete(ours, theirs, rules):
    """No name is used twice, everything is either matched or listed, and a pair by shape has one shape."""
    found = matched(ours, theirs, rules)
    assert len(set(found.state.values())) == len(found.state)
    assert len(set(found.modules.values())) == len(found.modules)
    assert {*found.state, *found.unmatched_reference} == {n for n, _ in ours}
    assert len(found.state) + len(found.unmatched_reference) == len(ours)
    assert {*found.state.values(), *found.unmatched_port} == {n for n, _ in theirs}
    assert set(found.how) == set(found.state)
    shapes_ours, shapes_theirs = dict(ours), dict(theirs)
    for name, how in found.how.items():
        if how == "shape":
            assert shapes_ours[name] == shapes_theirs[found.state[name]]


@given(STATE)
def test_a_model_matches_itself(state):
    """Every name of a model finds itself, by name alone."""
    found = matched(state, list(reversed(state)))
    assert found.state == {name: name for name, _ in state}
    assert set(found.how.values()) <= {"exact"}
