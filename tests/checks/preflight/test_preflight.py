"""Each preflight check on a constructed case, and on a near miss."""

import pytest
from manifests import described, module, pair_of, site, tensor

from bisect_tool.checks.preflight import preflight as checks

NORM = {"eps": 1e-3, "momentum": 0.03, "kernel_size": [3, 3], "affine": True, "padding_mode": "zeros"}


def messages(check, pair):
    return [finding.message for finding in check(pair)]


def test_a_model_against_itself_has_no_findings():
    """Nothing is listed where nothing differs."""
    model = described(
        [module("m", **NORM)], [tensor("m.weight"), tensor("m.mean", (3,), kind="buffer")], {"img": (1, 3)}
    )
    recorded = {"sites": [site("m", {"tensor": "t"})], "calls": {"m": None}}
    tensors = {"t": {"file": "shard-0000.safetensors", "shape": [2], "dtype": "float32", "hash": "0"}}
    pair = pair_of(model, model, made={"m": (("", (2,)),)}, tensors=tensors, **recorded)
    assert checks.preflight(pair) == []


def test_tensors_without_a_partner_are_counted():
    """Each side's unmatched tensors are listed with their share of the model."""
    pair = pair_of(
        described(state=[tensor("a.weight", (9,)), tensor("b.bias", (1,))]), described(state=[tensor("a.weight", (9,))])
    )
    assert messages(checks.names, pair) == [
        "1 tensor of the reference without a partner in the port: b.bias; 1 of its 10 numbers (10.0%)"
    ]


def test_pairs_by_shape_are_said_to_be_guesses():
    """A pair that has only its shape and order in common is shown."""
    pair = pair_of(described(state=[tensor("a.weight")]), described(state=[tensor("b.weight")]))
    assert messages(checks.names, pair) == ["1 tensor matched by shape and order only: a.weight = b.weight"]


def test_a_pair_by_rule_is_no_guess():
    """A rule of the recipe is as good as a name."""
    pair = pair_of(described(state=[tensor("a.weight")]), described(state=[tensor("b.weight")]), rules=[("^a", "b")])
    assert checks.names(pair) == []


def test_another_shape_is_said():
    """Both shapes are shown, the port's first; one element is one element however it is arranged."""
    ours = described(state=[tensor("a.weight", (2, 3)), tensor("a.count", ())])
    theirs = described(state=[tensor("a.weight", (3, 2)), tensor("a.count", (1,))])
    pair = pair_of(ours, theirs)
    assert messages(checks.shapes, pair) == ["a.weight: shape [3, 2], reference [2, 3]"]


def test_other_dtypes_are_said_together():
    """Tensors with the same change of dtype share a finding."""
    names = ["a.weight", "b.weight", "c.weight"]
    ours = described(state=[tensor(name) for name in names])
    theirs = described(state=[tensor(name, dtype="float16" if name != "b.weight" else "float32") for name in names])
    assert messages(checks.dtypes, pair_of(ours, theirs)) == ["float16, reference float32: a.weight, c.weight"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"eps": 1e-5}, "eps 1e-05, reference 0.001"),
        ({"momentum": 0.0300001}, "momentum 0.0300001, reference 0.03"),
        ({"kernel_size": [3, 5]}, "kernel_size [3, 5], reference [3, 3]"),
        ({"kernel_size": 5}, "kernel_size 5, reference [3, 3]"),
        ({"kernel_size": [3, 3, 3]}, "kernel_size [3, 3, 3], reference [3, 3]"),
        ({"affine": False}, "affine False, reference True"),
        ({"padding_mode": "reflect"}, "padding_mode reflect, reference zeros"),
        ({"momentum": 0.03 * (1 + 1e-7)}, None),
        ({"kernel_size": 3}, None),
        ({"kernel_size": [3]}, None),
        ({"affine": 1}, None),
        ({"padding_mode": 0}, None),
        ({"only_here": 7}, None),
        ({"momentum": None}, "momentum None, reference 0.03"),
        ({"affine": None}, "affine None, reference True"),
        ({"affine": 8}, "affine 8, reference True"),
        ({"momentum": "0.03"}, None),
        ({"eps": "1e-5"}, "eps 1e-5, reference 0.001"),
        ({"kernel_size": "same"}, None),
        ({"padding_mode": None}, "padding_mode None, reference zeros"),
        ({"kernel_size": [3, None]}, "kernel_size [3, None], reference [3, 3]"),
    ],
)
def test_other_settings_are_said(change, words):
    """A setting that means something else is shown with both values; another way to write the same is not."""
    pair = pair_of(
        described([module("m", "BatchNorm2d", **NORM)]), described([module("m", "BatchNorm2d", **NORM | change)])
    )
    expected = [f"1 BatchNorm2d: {words}: m"] if words else []
    assert messages(checks.settings, pair) == expected


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(None, False), (None, "none"), (float("inf"), float("inf")), (float("nan"), float("nan")), (0, False), ("1", 1.0)],
)
def test_what_may_mean_the_same_is_no_difference(ours, theirs):
    """None is "off"; two infinities are one."""
    for left, right in ((ours, theirs), (theirs, ours)):
        pair = pair_of(described([module("m", key=left)]), described([module("m", key=right)]))
        assert checks.settings(pair) == []


def test_modules_with_the_same_wrong_setting_share_a_finding():
    """81 modules with the same wrong settings make one line, with all of their sites in it."""
    ours = described([module(f"m.{n}", eps=1e-3, momentum=0.03) for n in range(81)])
    theirs = described([module(f"m.{n}", eps=1e-5, momentum=0.1) for n in range(81)])
    (finding,) = checks.settings(pair_of(ours, theirs))
    assert len(finding.sites) == 81
    words = "eps 1e-05, reference 0.001; momentum 0.1, reference 0.03"
    assert finding.message == f"81 Conv2d: {words}: m.0, m.1, m.2 and 78 more"


@pytest.mark.parametrize("users", [(True, True), (True, False), (False, True)])
def test_attributes_of_a_users_own_class_are_hints(users):
    """They are compared where both sides have them, and nobody knows what they mean."""
    sides = [
        described([module(name, "Attention", library=not own, heads=heads) for name in "ab"])
        for own, heads in zip(users, (4, 8), strict=True)
    ]
    (finding,) = checks.settings(pair_of(*sides))
    assert finding.check == "attribute"
    assert (
        finding.message
        == "2 Attention: heads 8, reference 4 (attributes of a user's own class: a hint, no proof): a, b"
    )


def test_tensors_that_differ_in_the_same_way_share_a_finding():
    """Many rows of one kind are one row: shapes, and what is tied."""
    names = [f"m.{n}.weight" for n in range(9)]
    ours = described(state=[tensor("first"), *(tensor(name, (2, 3)) for name in names)])
    theirs = described(state=[tensor("first"), *(tensor(name, (3, 2)) for name in names)])
    assert messages(checks.shapes, pair_of(ours, theirs)) == [
        "9 tensors: shape [3, 2], reference [2, 3]: m.0.weight, m.1.weight, m.2.weight and 6 more"
    ]


def test_what_trains_comes_first():
    """No value of a forward pass shows it."""
    ours = described(state=[tensor("m.weight"), tensor("m.lost")])
    theirs = described(state=[tensor("m.weight", trainable=False)])
    assert [finding.check for finding in checks.preflight(pair_of(ours, theirs))][:2] == ["trainable", "names"]


def test_pairs_by_values_are_said():
    """The names are different, and the numbers say which is which."""
    ours, theirs = (described(state=[tensor(f"{name}.weight", hash="1", min=0.0, max=1.0)]) for name in "ab")
    assert messages(checks.names, pair_of(ours, theirs)) == [
        "1 tensor matched by their initial values: a.weight = b.weight"
    ]


@pytest.mark.parametrize(
    ("ours", "theirs", "library", "said"),
    [
        ("ReLU", "SiLU", True, True),
        ("ReLU", "relu", True, False),
        ("ReLU", "SiLU", False, False),
        ("ModuleList", "Sequential", True, False),
    ],
)
def test_another_class_of_the_library_is_said(ours, theirs, library, said):
    """Two different layers of the frameworks are a finding; own classes and mere containers may be called anything."""
    pair = pair_of(described([module("m", ours, library=library)]), described([module("m", theirs, library=library)]))
    assert bool(checks.settings(pair)) == said


def test_eval_mode_is_said_once_and_instead_of_frozen_parameters():
    """A model in eval mode is one finding about its modules, and none about its parameters."""
    ours = described([module("m")], [tensor("m.weight")])
    theirs = described([module("m", training=False)], [tensor("m.weight", trainable=False)])
    pair = pair_of(ours, theirs)
    assert [(f.check, f.message) for f in checks.settings(pair)] == [
        ("mode", "1 module: mode eval, reference train: m")
    ]
    assert checks.trainable(pair) == []


def test_one_module_in_eval_mode_hides_no_other_that_is_frozen():
    """Frozen batch norms are one thing, a frozen layer is another."""
    ours = described([module("m"), module("n")], [tensor("m.weight"), tensor("n.weight")])
    theirs = described(
        [module("m", training=False), module("n")],
        [tensor("m.weight", trainable=False), tensor("n.weight", trainable=False)],
    )
    assert messages(checks.trainable, pair_of(ours, theirs)) == [
        "is frozen in the port, trains in the reference: n.weight"
    ]


@pytest.mark.parametrize(("ours", "words"), [(True, "is frozen in the port"), (False, "trains in the port")])
def test_a_parameter_that_trains_on_one_side_only_is_said(ours, words):
    """Both directions have their own sentence."""
    pair = pair_of(
        described([module("m")], [tensor("m.weight", trainable=ours)]),
        described([module("m")], [tensor("m.weight", trainable=not ours)]),
    )
    (message,) = messages(checks.trainable, pair)
    assert message.startswith(words)
    assert message.endswith("m.weight")


def grouped(names, class_="AdamW", **settings):
    """Return a model with these parameters, all in one group of an optimizer."""
    model = described(state=[tensor(name) for name in names])
    given = {"lr": 1e-3, "betas.1": 0.999, "amsgrad": False, "foreach": False, **settings}
    return {**model, "optimizer": [{"class": class_, "settings": given, "parameters": names}]}


def test_settings_of_the_optimizer_are_said_with_their_parameters():
    """Of those that both have, under the reference's names; how it is computed is no setting."""
    names = ["a.weight", "b.weight"]
    port = grouped(["c.weight", "b.weight"], **{"betas.1": 0.99, "amsgrad": True, "foreach": True, "maximize": True})
    pair = pair_of(grouped(names), port, rules=[("^a", "c")])
    said = ("second beta 0.99, reference 0.999", "amsgrad on, reference off")
    assert messages(checks.optimizer, pair) == [
        f"optimizer of 2 parameters: {words}: a.weight, b.weight" for words in said
    ]
    assert messages(checks.optimizer, pair_of(grouped(names), grouped(names))) == []


def test_another_optimizer_is_said():
    """By its class."""
    pair = pair_of(grouped(["a.weight"]), grouped(["a.weight"], "Adam"))
    assert messages(checks.optimizer, pair) == ["optimizer of 1 parameter: Adam, reference AdamW: a.weight"]
