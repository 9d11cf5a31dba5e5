"""Matching names of the reference with names of the port."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from manifests import described, manifest, module, tensor

from bisect_tool.captures.described import Described
from bisect_tool.captures.manifest import Manifest
from bisect_tool.pairing.names import match, match_described

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


def sequence(*layers, root="net"):
    """Return a sequence of (class, shapes by name) as a worker describes it."""
    names = [f"{root}.{number}" for number in range(len(layers))]
    state = [
        tensor(f"{name}.{key}", shape)
        for name, (_, shapes) in zip(names, layers, strict=True)
        for key, shape in shapes.items()
    ]
    modules_ = [module(name, class_) for name, (class_, _) in zip(names, layers, strict=True)]
    return described([module(root, "Sequential"), *modules_], state)


def paired(ours, theirs, rules=(), **recorded):
    """Match two descriptions."""
    return match_described(Manifest.model_validate(manifest(ours, **recorded)), Described.model_validate(theirs), rules)


def linear(outputs, inputs):
    return "Linear", {"weight": (outputs, inputs), "bias": (outputs,)}


NORM = ("LayerNorm", {"weight": (8,), "bias": (8,)})
RELU, DROPOUT = ("ReLU", {}), ("Dropout", {})
SHIFTS = [
    ([linear(8, 3), RELU, linear(8, 8), NORM, linear(2, 8)], [1], {0: 0, 1: 2, 2: 3, 3: 4, 4: 5}),
    ([linear(8, 8), RELU, linear(8, 8), RELU, linear(8, 8)], [1, 2], {0: 0, 1: 3, 2: 4, 3: 5, 4: 6}),
    ([NORM, linear(8, 8), NORM, linear(8, 8)], [0], {0: 1, 1: 2, 2: 3, 3: 4}),
    ([("Block", {"a.weight": (n, n), "b.weight": (n,)}) for n in (2, 3, 4)], [0], {0: 1, 1: 2, 2: 3}),
]


@pytest.mark.parametrize(("layers", "more", "partners"), SHIFTS)
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("rules", [[], [("^net\\.", "model.")]])
def test_layers_whose_numbers_are_shifted_find_their_own(layers, more, partners, turned, rules):
    """With a Dropout more on one side an equal number is another layer's: not even one of the same shape is taken for it."""
    longer = list(layers)
    for index in more:
        longer.insert(index, DROPOUT)
    sides = [longer, layers] if turned else [layers, longer]
    pairs = {b: a for a, b in partners.items()} if turned else partners
    there = "model" if rules else "net"
    found = paired(sequence(*sides[0]), sequence(*sides[1], root=there), rules)
    expected = {f"net.{a}": f"{there}.{b}" for a, b in pairs.items()}
    assert {name: port for name, port in found.modules.items() if name != "net"} == expected
    assert found.state == {f"net.{a}.{key}": f"{there}.{b}.{key}" for a, b in pairs.items() for key in sides[0][a][1]}
    assert set(found.how.values()) == {"shape"}


def test_what_a_shift_leaves_open_has_no_partner():
    """Which of two equal layers is the one that the port lacks cannot be seen."""
    found = paired(sequence(linear(8, 8), linear(8, 8), NORM), sequence(linear(8, 8), NORM))
    assert found.modules == {"net": "net", "net.2": "net.1"}
    assert set(found.state) == {"net.2.weight", "net.2.bias"}


@pytest.mark.parametrize(
    "theirs",
    [
        [linear(8, 3), RELU, linear(4, 8)],  # another size: a fault
        [linear(8, 3), ("Tanh", {}), linear(2, 8)],  # another class: a fault
        [linear(8, 3), RELU, ("Conv1d", {"weight": (2, 8, 1), "bias": (2,)})],  # another way to write it
        [("MyLinear", {"weight": (7, 3), "bias": (7,)}), RELU, linear(2, 8)],
    ],
)
def test_layers_that_are_not_shifted_keep_their_numbers(theirs):
    """Another shape or another class alone is for the preflight to report."""
    port = sequence(*theirs)
    port["modules"] = [dict(m, library=m["class"] != "MyLinear") for m in port["modules"]]
    found = paired(sequence(linear(8, 3), RELU, linear(2, 8)), port)
    assert found.modules == {name: name for name in ("net", "net.0", "net.1", "net.2")}
    assert set(found.how.values()) == {"exact"}


def test_rules_hold_in_a_shifted_sequence_too():
    """The number is found, and what lies under it is renamed as the recipe says."""
    ours = sequence(linear(8, 3), RELU, ("Block", {"a.weight": (5, 8)}))
    theirs = sequence(linear(8, 3), DROPOUT, RELU, ("Block", {"b.weight": (5, 8)}))
    found = paired(ours, theirs, [(r"\.a\.", ".b.")])
    assert found.state["net.2.a.weight"] == "net.3.b.weight"
    assert found.how["net.2.a.weight"] == "shape"


def test_rules_know_the_numbers():
    """Where the recipe says which number is which, it is believed."""
    rules = [(r"^net\.1\.", "net.2."), (r"^net\.0\.", "net.1.")]
    found = paired(sequence(linear(8, 8), linear(8, 8)), sequence(DROPOUT, linear(8, 8), linear(8, 8)), rules)
    assert found.state["net.0.weight"] == "net.1.weight"
    assert set(found.how.values()) == {"rule"}


def test_an_equal_name_of_another_class_and_shape_is_no_partner():
    """What belongs to it is found by shape."""
    ours = described(
        [module("a", "Linear"), module("b", "LayerNorm")], [tensor("a.weight", (4, 4)), tensor("b.weight", (4,))]
    )
    theirs = described(
        [module("a", "LayerNorm"), module("b", "Linear")], [tensor("a.weight", (4,)), tensor("b.weight", (4, 4))]
    )
    found = paired(ours, theirs)
    assert found.state == {"a.weight": "b.weight", "b.weight": "a.weight"}
    assert found.modules == {"a": "b", "b": "a"}


def test_a_layer_that_hides_its_parameters_keeps_its_name():
    """A user's own class may hold them where no framework looks."""
    theirs = described([dict(module("a", "MyLinear"), library=False)])
    assert paired(described([module("a", "Linear")], [tensor("a.weight")]), theirs).modules == {"a": "a"}


def test_in_order_those_of_equal_last_names_come_first():
    """Queries are no keys, whichever the port defines first; numbers say nothing, since one side may count from 1."""
    ours = entries("enc.1.q.weight", "enc.1.k.weight", "enc.2.q.weight", "enc.2.k.weight")
    theirs = entries("blocks.0.k.weight", "blocks.0.q.weight", "blocks.1.k.weight", "blocks.1.q.weight")
    found = matched(ours, theirs)
    assert found.state == {
        f"enc.{n + 1}.{kind}.weight": f"blocks.{n}.{kind}.weight" for n in (0, 1) for kind in ("q", "k")
    }
    assert set(found.how.values()) == {"shape"}


def loaded(**hashes):
    """Return a side whose tensors have these contents, of values that differ."""
    return described(
        state=[tensor(name.replace("_", "."), hash=content, min=0.0, max=1.0) for name, content in hashes.items()]
    )


def test_what_holds_the_same_numbers_is_the_same():
    """A port that loads its weights says itself which is which, whatever order it defines them in."""
    found = paired(loaded(x_weight="1", y_weight="2", z_weight="3"), loaded(a_weight="3", b_gain="2", c_weight="1"))
    assert found.state == {"x.weight": "c.weight", "y.weight": "b.gain", "z.weight": "a.weight"}
    assert set(found.how.values()) == {"values"}


def test_constants_say_nothing_of_names():
    """Two biases of zeros are alike, and so are all others."""
    ours = described(state=[tensor(f"{name}.bias", hash="0", min=0.0, max=0.0) for name in "xy"])
    theirs = described(state=[tensor(f"{name}.bias", hash="0", min=0.0, max=0.0) for name in "ab"])
    assert set(paired(ours, theirs).how.values()) == {"guess"}


@pytest.mark.parametrize(("same", "kept"), [("1", False), ("5", True)])
def test_a_guess_that_the_values_contradict_is_dropped(same, kept):
    """Where the port loads weights, a pair by order of other numbers is none; where it draws its own, nothing is known."""
    ours = loaded(m_weight="1", x_weight="2", y_weight="3")
    found = paired(ours, loaded(m_weight=same, a_weight="7", b_weight="8"))
    assert ("x.weight" in found.state) == kept
    assert ("x.weight" in found.unmatched_reference) != kept


def test_a_guess_for_a_tensor_that_is_fixed_must_hold_its_numbers():
    """What the reference has the same at every seed is no drawn value that may differ."""
    statistics = {"mean": 0.5, "std": 0.1, "min": 0.0, "max": 1.0}
    ours = described(state=[tensor(f"{name}.anchor", hash=name, **statistics) for name in "xy"])
    theirs = described(state=[tensor(f"{name}.anchor", hash=name, **statistics) for name in "ab"])
    spread = {"seeds": [1], "targets": [{"loss": 1.0}], "state": {"x.anchor": [statistics], "y.anchor": [statistics]}}
    assert paired(ours, theirs).state.keys() == {"x.anchor", "y.anchor"}
    assert paired(ours, theirs, spread=spread).state == {}


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


def drawn(prefix, order):
    """Return a side whose tensors were drawn in this order, from one seed."""
    contents = dict(zip(order, "123", strict=True))
    return described(
        state=[tensor(f"net.{prefix}{name}.weight", hash=contents[name], min=0.0, max=1.0) for name in order]
    )


def test_last_words_of_names_go_before_numbers_that_were_drawn():
    """A port that registers its layers in another order draws the reference's numbers for other layers: that is chance."""
    found = paired(drawn("", "qkv"), drawn("lin_", "vkq"))
    assert found.state == {f"net.{name}.weight": f"net.lin_{name}.weight" for name in "qkv"}
    assert found.how == {"net.q.weight": "guess", "net.k.weight": "values", "net.v.weight": "guess"}
    assert found.torn["net.q.weight"] == ("net.lin_q.weight", "net.lin_v.weight")
    assert found.guessed == set()


def test_numbers_that_are_fixed_go_before_last_words_of_names():
    """What the reference has the same at every seed was loaded, by the port too; which is which is not sure all the same."""
    statistics = {"mean": 0.5, "std": 0.1, "min": 0.0, "max": 1.0}
    ours, theirs = (
        described(
            state=[
                tensor(f"net.{prefix}{name}.weight", hash=h, **statistics) for name, h in zip(order, "12", strict=True)
            ]
        )
        for prefix, order in (("", "qk"), ("lin_", "kq"))
    )
    names = {f"net.{name}.weight": [statistics] for name in "qk"}
    found = paired(ours, theirs, spread={"seeds": [1], "targets": [{"loss": 1.0}], "state": names})
    assert found.state == {"net.q.weight": "net.lin_k.weight", "net.k.weight": "net.lin_q.weight"}
    assert set(found.how.values()) == {"guess"}
    assert found.torn["net.q.weight"] == ("net.lin_q.weight", "net.lin_k.weight")


@pytest.mark.parametrize(
    ("ours", "theirs", "how"),
    [
        (("student", "teacher"), ("ema", "net"), "guess"),
        (("enc", "dec"), ("encoder", "decoder"), "shape"),
        (("enc", "dec"), ("decoder", "encoder"), "guess"),
        (("enc.x.net", "dec.y.net"), ("decoder.x.ema", "encoder.y.ema"), "guess"),
        (("stage1", "stage2"), ("layer0", "layer1"), "shape"),
    ],
)
def test_of_two_copies_of_a_net_the_order_alone_does_not_tell(ours, theirs, how):
    """Both have the same names inside: which is which is known where they begin alike, or are but numbered."""
    left, right = (
        entries(*(f"m.{copy}.{name}.weight" for copy in copies for name in "ab")) for copies in (ours, theirs)
    )
    found = matched(left, right)
    assert set(found.how.values()) == {how}
    assert (found.guessed >= {f"m.{copy}" for copy in ours}) == (how == "guess")


@pytest.mark.parametrize(
    ("prefixes", "order", "doubted"),
    [
        ("abc", "qkv", True),
        (("wq", "wk", "wv"), "qkv", False),
        (("w_q", "w_k", "v_k"), "qkv", True),
        ("abc", "vkq", False),
    ],
    ids=["chance", "told by name", "two have a word of one", "loaded, in another order"],
)
def test_sisters_that_drawn_numbers_alone_tell_apart_are_known(prefixes, order, doubted):
    """Drawn in one order from one seed, the layers of any two nets hold the same numbers."""
    contents = dict(zip("qkv", "123", strict=True))
    theirs = described(
        state=[
            tensor(f"net.{prefix}.weight", hash=contents[name], min=0.0, max=1.0)
            for prefix, name in zip(prefixes, order, strict=True)
        ]
    )
    found = paired(drawn("", "qkv"), theirs)
    assert set(found.how.values()) == {"values"}
    assert found.alike == ((frozenset({"net.q", "net.k", "net.v"}),) if doubted else ())


@pytest.mark.parametrize(
    ("ours", "theirs", "pairs"),
    [
        ({"crit.bce": "BCELoss"}, {"loss.bce": "bceloss"}, {"crit.bce": "loss.bce"}),
        ({"crit.bce": "BCELoss"}, {"loss.cls": "BCELoss"}, {"crit.bce": "loss.cls"}),
        ({"crit.bce": "BCELoss"}, {"loss.bce": "L1Loss"}, {}),
        (
            {"c.cls": "BCELoss", "c.obj": "BCELoss"},
            {"l.obj": "BCELoss", "l.a": "BCELoss"},
            {"c.obj": "l.obj", "c.cls": "l.a"},
        ),
        ({"c.cls": "BCELoss", "c.obj": "BCELoss"}, {"l.a": "BCELoss", "l.b": "BCELoss"}, {}),
        ({"net": "Net", "net.act": "GELU"}, {"model": "Model", "model.gelu": "GELU"}, {}),
    ],
)
def test_what_lies_in_no_module_is_paired_by_its_class(ours, theirs, pairs):
    """Where it is the only one of it that is left, or that has this last name."""
    assert by_class([module(*each) for each in ours.items()], [module(*each) for each in theirs.items()]) == pairs


def by_class(ours, theirs, ours_state=(), theirs_state=()):
    """Return which modules of two sides are paired."""
    reference = Manifest.model_validate(manifest(described(ours, ours_state)))
    return match_described(reference, Described.model_validate(described(theirs, theirs_state)), []).modules


def test_a_tensor_that_has_its_partner_elsewhere_speaks_against_a_class():
    """Then the modules are others."""
    theirs = [module("l.bce", "BCELoss"), module("l.ce", "CELoss")]
    state = [tensor("c.bce.weight", [3])], [tensor("l.ce.weight", [3])]
    assert by_class([module("c.bce", "BCELoss")], theirs, *state).get("c.bce") != "l.bce"
