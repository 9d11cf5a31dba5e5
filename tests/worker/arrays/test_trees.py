"""Nested values as JSON and back."""

import dataclasses
import enum
import json
from collections import OrderedDict, namedtuple
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisect_tool.worker.arrays import trees

Pair = namedtuple("Pair", ["left", "right"])  # noqa: PYI024
Colour = enum.Enum("Colour", ["RED"])


@dataclasses.dataclass
class Output:
    """What many models return."""

    logits: object
    hidden: object = None


@dataclasses.dataclass(frozen=True)
class Frozen:
    """A value that nobody may change."""

    x: object


class Masked:
    """Two tensors to be read by attribute, as in DETR."""

    def __init__(self, tensors, mask):
        self.tensors, self.mask = tensors, mask


class ModelOutput(OrderedDict):
    """A dict to be read by attribute, as in transformers."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.__dict__.update(self)


ONE = np.zeros(1)
TENSORS = st.integers(0, 99).map(np.float32).map(np.asarray)
VALUES = st.recursive(
    TENSORS | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text("ab", min_size=1, max_size=2) | st.integers(0, 9), inner, max_size=3)
    ),
    max_leaves=8,
)


STRUCTURED = st.recursive(
    VALUES,
    lambda inner: (
        st.builds(Pair, inner, inner)
        | st.builds(Output, inner, inner)
        | st.builds(Frozen, inner)
        | st.builds(Masked, TENSORS, TENSORS)
        | st.builds(lambda x, y: ModelOutput(x=x, y=y), inner, inner)
        | st.lists(inner, max_size=3)
    ),
    max_leaves=6,
)


def spelled(value):
    """Return a structured value in words, with the class of everything in it."""
    if isinstance(value, ModelOutput):
        assert all(vars(value)[key] is item for key, item in value.items())
        return f"ModelOutput({[(key, spelled(item)) for key, item in value.items()]})"
    if isinstance(value, Masked) or dataclasses.is_dataclass(value):
        return f"{type(value).__name__}({[(key, spelled(item)) for key, item in vars(value).items()]})"
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__}({[spelled(item) for item in value]})"
    return repr(value)


def is_tensor(value):
    return isinstance(value, np.ndarray)


def encoded(value):
    """Return the tree of a value as it comes back from JSON, and the tensors by key."""
    store = {}

    def keep(item):
        if not is_tensor(item):
            return None
        return store.setdefault(f"t{len(store)}", item) is item and f"t{len(store) - 1}"

    return json.loads(json.dumps(trees.encode(value, keep))), store


@given(VALUES)
def test_a_value_survives_the_way_through_json(value):
    """Lists, tuples, dicts with words or numbers as keys, scalars and tensors come back as they were."""
    tree, store = encoded(value)
    back = trees.decode(tree, store.__getitem__)
    assert repr(back) == repr(value)


@given(STRUCTURED)
def test_keys_and_leaves_agree(value):
    """The tensors of a value and of its tree have the same paths in the same order."""
    tree, store = encoded(value)
    paths = [path for path, _ in trees.leaves(value, is_tensor)]
    assert [path for path, _ in trees.keys(tree)] == paths
    assert [store[key] for _, key in trees.keys(tree)] == [tensor for _, tensor in trees.leaves(value, is_tensor)]


@given(STRUCTURED)
def test_mapping_changes_tensors_only(value):
    """Each tensor is changed once and everything else stays."""
    changed = trees.map_leaves(value, is_tensor, lambda t: np.asarray(t + 1, np.float32))
    before, after = list(trees.leaves(value, is_tensor)), list(trees.leaves(changed, is_tensor))
    assert [(path, float(t) + 1) for path, t in before] == [(path, float(t)) for path, t in after]
    assert spelled(trees.map_leaves(changed, is_tensor, lambda t: np.asarray(t - 1, np.float32))) == spelled(value)


@given(STRUCTURED)
def test_mapping_leaves_the_value_as_it_was(value):
    """Whoever holds the value that is mapped sees nothing of it."""
    before = spelled(value)
    trees.map_leaves(value, is_tensor, lambda t: np.asarray(t + 1, np.float32))
    assert spelled(value) == before


@given(STRUCTURED)
def test_nothing_in_a_structured_value_is_unknown(value):
    """What can be opened hides nothing, live or recorded."""
    assert list(trees.opaque(value, is_tensor)) == []
    assert list(trees.opaque_in(encoded(value)[0])) == []


def test_paths_name_the_way_to_a_tensor():
    """A path joins keys and positions by dots; a bare tensor has none."""
    one = np.zeros(1)
    assert [path for path, _ in trees.leaves(one, is_tensor)] == [""]
    assert [path for path, _ in trees.leaves({"a": [1, one], 3: (one,)}, is_tensor)] == ["a.1", "3.0"]


def test_a_named_tuple_keeps_its_class_when_mapped():
    """A named tuple that a module returns is returned as one."""
    changed = trees.map_leaves(Pair(np.zeros(1), "x"), is_tensor, lambda t: t + 1)
    assert changed == Pair(np.ones(1), "x")
    assert isinstance(changed, Pair)


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        (Pair(ONE, [ONE]), ["left", "right.0"]),
        (Output(ONE), ["logits"]),
        (Frozen({"a": ONE}), ["x.a"]),
        (Masked(ONE, ONE), ["tensors", "mask"]),
        (SimpleNamespace(x=ONE, size=(3, 4)), ["x"]),
        (ModelOutput(loss=ONE), ["loss"]),
        ({(1, 2): ONE, Colour.RED: ONE}, ["(1, 2)", "Colour.RED"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_opened_has_its_fields_for_paths(value, paths):
    """Live and recorded, a field's name is what its tensor is found by."""
    assert [path for path, _ in trees.leaves(value, is_tensor)] == paths
    assert [path for path, _ in trees.keys(encoded(value)[0])] == paths


@pytest.mark.parametrize("value", [Output(ONE), Frozen(ONE), Masked(ONE, ONE), {(1, 2): ONE}])
def test_an_object_is_not_rebuilt_from_its_tree(value):
    """Its class is not in the capture: that is said by name."""
    tree, store = encoded([value])
    with pytest.raises(ValueError, match=f"a {type(value).__name__} cannot be rebuilt"):
        trees.decode(tree, store.__getitem__)


def test_a_named_tuple_comes_back_as_a_tuple():
    """It can be unpacked where its class is not known."""
    tree, store = encoded(Pair(ONE, 3))
    assert trees.decode(tree, store.__getitem__) == (ONE, 3)


def test_an_object_that_nothing_in_is_changed_stays_the_same():
    """Somebody else may hold it too: a configuration, a cache that is still empty."""
    config = Output(3, "same")
    assert trees.map_leaves([config], is_tensor, lambda t: t + 1)[0] is config


class Layer:
    """Code with a weight."""

    def __init__(self):
        self.weight = ONE

    def __call__(self, x):
        """Compute."""
        return x * self.weight


class Holder:
    """A tensor beside something that nobody can look into."""

    def __init__(self):
        self.weight, self.other = ONE, object()


@pytest.mark.parametrize("value", [Layer(), Holder(), Output, SimpleNamespace(a=1), iter([ONE]), {object(): ONE}])
def test_code_and_what_hides_something_is_not_opened(value):
    """A module's weights are no parts of a value, and half an object is none."""
    assert list(trees.leaves(value, is_tensor)) == []
    assert trees.map_leaves(value, is_tensor, lambda t: t + 1) is value


@pytest.mark.parametrize(
    "value",
    [None, 1, 2.5, "x", True, 1j, slice(3), range(2), np.dtype("int8"), np.float32, np.float32(1), Colour.RED, ...],
)
def test_settings_and_numbers_are_no_unknowns(value):
    """How something is computed hides no tensor."""
    assert list(trees.opaque({"a": [value]}, is_tensor)) == []
    assert list(trees.opaque_in(encoded({"a": [value]})[0])) == []


def test_what_is_unknown_is_named_by_its_path():
    """In the value and in its tree alike."""
    value = {"a": [ONE, {1, 2}], "b": Output(object(), ONE), "c": print}
    assert list(trees.opaque(value, is_tensor)) == ["a.1", "b.logits", "c"]
    assert list(trees.opaque_in(encoded(value)[0])) == ["a.1", "b.logits", "c"]


@pytest.mark.parametrize("value", [object(), {1, 2}, {object(): 3}, print, iter([])])
def test_what_json_cannot_hold_is_opaque(value):
    """Anything else is written down by its class name alone, and rebuilding it is an error."""
    tree, _ = encoded([value])
    assert tree == {"list": [{"opaque": type(value).__name__}]}
    with pytest.raises(ValueError, match="cannot be rebuilt"):
        trees.decode(tree, {}.__getitem__)


class Checked(namedtuple("Checked", ["data", "sizes"])):  # noqa: PYI024, SLOT002
    """A tuple whose class looks at its parts, as a packed sequence's does."""

    def __new__(cls, data, sizes):
        """Make one of tensors alone."""
        assert data.ndim == sizes.ndim
        return super().__new__(cls, data, sizes)


class CheckedDict(dict):
    """A dict whose class looks at its values."""

    def __setitem__(self, key, value):
        """Take tensors alone."""
        assert value.ndim
        super().__setitem__(key, value)


def test_no_code_of_a_class_sees_what_stands_for_a_tensor():
    """It would ask for more than a dtype and a shape, and its error be taken for the model's."""
    one = np.ones(2)
    checked = Checked(one, one)
    checked.more = "kept"
    like = trees.map_leaves(checked, is_tensor, lambda _: "stands for it")
    assert (type(like), tuple(like), like.more) == (Checked, ("stands for it", "stands for it"), "kept")
    held = CheckedDict()
    held["x"] = one
    assert trees.map_leaves(held, is_tensor, lambda _: "stands for it") == {"x": "stands for it"}
