"""Nested values as JSON and back."""

import json
from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisect_tool.worker.arrays import trees

Pair = namedtuple("Pair", ["left", "right"])  # noqa: PYI024
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


@given(VALUES)
def test_keys_and_leaves_agree(value):
    """The tensors of a value and of its tree have the same paths in the same order."""
    tree, store = encoded(value)
    paths = [path for path, _ in trees.leaves(value, is_tensor)]
    assert [path for path, _ in trees.keys(tree)] == paths
    assert [store[key] for _, key in trees.keys(tree)] == [tensor for _, tensor in trees.leaves(value, is_tensor)]


@given(VALUES)
def test_mapping_changes_tensors_only(value):
    """Each tensor is changed once and everything else stays."""
    changed = trees.map_leaves(value, is_tensor, lambda t: np.asarray(t + 1, np.float32))
    before, after = list(trees.leaves(value, is_tensor)), list(trees.leaves(changed, is_tensor))
    assert [(path, float(t) + 1) for path, t in before] == [(path, float(t)) for path, t in after]
    assert repr(trees.map_leaves(changed, is_tensor, lambda t: np.asarray(t - 1, np.float32))) == repr(value)


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


@pytest.mark.parametrize("value", [object(), {1, 2}, {(1, 2): 3}, np.float32(1), 1j])
def test_what_json_cannot_hold_is_opaque(value):
    """Anything else is written down by its class name alone, and rebuilding it is an error."""
    tree, _ = encoded([value])
    assert tree == {"list": [{"opaque": type(value).__name__}]}
    with pytest.raises(ValueError, match="cannot be rebuilt"):
        trees.decode(tree, {}.__getitem__)
