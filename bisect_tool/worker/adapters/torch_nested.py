"""PyTorch's nested tensors: opened into the tensors that they are made of, and made again of others."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from ..arrays import parts

_offsets: Dict[
    Tuple[int, ...], Any
] = {}  # the last that were seen of these lengths: torch takes others for another size


class Layout(NamedTuple):
    """How a nested tensor lies: its layout, and along which axis of its tensors their lengths differ, where that is one."""

    layout: Any
    ragged: int


def children(value: Any) -> Optional[List[Any]]:
    """Return the tensors that a nested tensor is made of, None for anything else."""
    if not getattr(value, "is_nested", False) or not hasattr(value, "unbind"):
        return None
    found = list(value.unbind())
    how = layout_of(value)
    if how.ragged >= 0 and value.lengths() is None:
        _offsets[_lengths(found, how)] = value.offsets()
    return found


def layout_of(value: Any) -> Layout:
    """Return how a nested tensor lies."""
    return Layout(value.layout, getattr(value, "_ragged_idx", 0) - 1)


def rebuilt(how: Layout, items: List[Any]) -> Any:
    """Return a nested tensor of some tensors, with a path for gradients to each; None where they are no tensors yet."""
    import torch

    if not all(isinstance(item, torch.Tensor) for item in items):
        return None
    if how.ragged < 0 or not items:
        return torch.nested.as_nested_tensor(items, layout=how.layout)
    first = [item.transpose(0, how.ragged) for item in items]
    offsets = _offsets.get(_lengths(items, how))
    if offsets is None:
        new = torch.nested.as_nested_tensor(first, layout=how.layout)
    else:
        new = torch.nested.nested_tensor_from_jagged(torch.cat(first), offsets=offsets)
    return new.transpose(1, how.ragged + 1) if how.ragged else new


def _lengths(items: List[Any], how: Layout) -> Tuple[int, ...]:
    return tuple(int(item.shape[how.ragged]) for item in items)


parts.OPENERS.append(parts.Opener(children, layout_of, rebuilt))
