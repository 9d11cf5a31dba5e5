"""Nested tensors are structured values: recorded part by part, compared so, and given back as what they were."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bisect_tool.worker.adapters import torch_adapter
from bisect_tool.worker.arrays import trees
from bisect_tool.worker.probing import own

pytestmark = pytest.mark.filterwarnings("ignore:.*nested tensors")
LAYOUTS = [torch.strided, torch.jagged]
ROWS = [torch.randn(3, 4), torch.randn(5, 4)]


def nested(layout: Any, rows: Any = ROWS) -> Any:
    return torch.nested.as_nested_tensor(list(rows), layout=layout)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_it_is_opened_and_made_again(layout: Any) -> None:
    """Gradients find their way to its parts, and it can be added to the one that it was made like."""
    value = nested(layout)
    assert [path for path, _ in trees.leaves({"x": value}, torch_adapter.is_tensor)] == ["x.0", "x.1"]
    assert not list(trees.opaque(value, torch_adapter.is_tensor))
    doubled = trees.map_leaves(value, torch_adapter.is_tensor, lambda t: (2 * t).requires_grad_())
    assert doubled.layout == layout
    assert doubled.requires_grad
    for part, row in zip((value + doubled).unbind(), ROWS, strict=True):
        torch.testing.assert_close(part, 3 * row)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_it_is_made_again_of_what_stood_for_its_tensors(layout: Any) -> None:
    """A template keeps how it lies, and no tensor of it."""
    template = own.dtypes(torch_adapter, nested(layout))
    assert [mine.shape for _, mine in trees.leaves(template, own.is_own)] == [(3, 4), (5, 4)]
    value = nested(layout)
    list(trees.leaves(value, torch_adapter.is_tensor))  # as every run looks at what calls are handed
    rows = iter(ROWS)
    made = trees.map_leaves(template, own.is_own, lambda _: next(rows))
    for part, row in zip((made + value).unbind(), ROWS, strict=True):
        torch.testing.assert_close(part, 2 * row)


def test_lengths_may_differ_along_another_axis() -> None:
    """A transposed one stays transposed."""
    value = nested(torch.jagged).transpose(1, 2)
    made = trees.map_leaves(value, torch_adapter.is_tensor, torch.clone)
    assert [tuple(part.shape) for part in (made + value).unbind()] == [(4, 3), (4, 5)]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_it_is_recorded_but_not_made_of_nothing(layout: Any) -> None:
    """Where the port has none there, a capture alone does not make one."""
    tree = trees.encode(nested(layout), lambda part: "t" if torch_adapter.is_tensor(part) else None)
    assert [path for path, _ in trees.keys(tree)] == ["0", "1"]
    with pytest.raises(ValueError, match="cannot be rebuilt"):
        trees.decode(tree, lambda key: key)
