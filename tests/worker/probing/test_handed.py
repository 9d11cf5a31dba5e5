"""What a call is handed beside what was recorded: only a pair without a rival is sure, and numbers are the reference's."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bisect_tool.worker.adapters import torch_adapter
from bisect_tool.worker.arrays import Array, trees
from bisect_tool.worker.probing.handed import Handed
from bisect_tool.worker.probing.reference import Reference


class Recorded(Reference):
    """One recorded call, ``m``, whose inputs are held here."""

    def __init__(self, names: list[str], *args: Any) -> None:
        self._arrays: dict[str, Array] = {}

        def store(value: Any) -> str | None:
            if not isinstance(value, torch.Tensor):
                return None
            self._arrays[key := f"t{len(self._arrays)}"] = value.numpy()
            return key

        self.sites = {"m": {"inputs": trees.encode([list(args), {}], store), "arguments": names}}

    def read(self, key: str) -> Array:
        """Return one array."""
        return self._arrays[key]

    def shape(self, key: str) -> tuple[int, ...]:
        """Return its shape."""
        return self._arrays[key].shape


A, B, C = (torch.randn(3, generator=torch.Generator().manual_seed(seed)) for seed in range(3))


def ports(x: Any, y: Any, z: Any = None, flag: bool = False, by: float = 0.5) -> None:
    """Take what the port's call takes."""


def handed(reference: Recorded, *args: Any, **kwargs: Any) -> Handed:
    return Handed(torch_adapter, reference, "m", ports, args, kwargs)


def test_names_say_more_than_values() -> None:
    """Who has the same name stands for it; others are told by their values, whatever their order."""
    seen = handed(Recorded(["feats", "x"], [B, C], A), A, C, B)
    assert {path: tensor is one for (path, tensor), one in zip(seen.tensors(), (A, C, B), strict=True)} == {
        "0.1": True, "0.0.1": True, "0.0.0": True
    }  # fmt: skip
    assert seen.missing() == []


@pytest.mark.parametrize("feats", [[A, A], [B, C]])
def test_a_pair_that_another_could_take_the_place_of_is_not_sure(feats: list[torch.Tensor]) -> None:
    """Two of one value, or of one shape where no value is the same: each may be the other."""
    seen = handed(Recorded(["feats"], feats), A.clone() if feats[0] is A else A, A.clone())
    assert list(seen.tensors()) == []
    assert seen.missing() == ["0.0.0", "0.0.1"]


def test_what_is_left_out_is_missing_and_what_is_more_stands_for_nothing() -> None:
    """Neither keeps the others from being paired; a value in another order of axes is no partner on the way back."""
    seen = handed(Recorded(["x", "other"], A, torch.ones(2, 3)), A, torch.ones(3, 2), B)
    assert [path for path, _ in seen.tensors()] == ["0.0"]
    assert seen.missing() == ["0.1"]


def test_numbers_are_the_references() -> None:
    """Of the arguments themselves, by name; tensors are what they are made."""
    seen = handed(Recorded(["x", "flag", "by"], A, True, 0.7), B, None, by=0.5, flag=False)
    args, kwargs = seen.call(lambda tensor, partner: tensor + 1 if partner is not None else tensor)
    assert torch.equal(args[0], B + 1)
    assert kwargs == {"by": 0.7, "flag": True}
    assert not seen.is_set_otherwise()


@pytest.mark.parametrize(
    ("ours", "theirs", "otherwise"),
    [
        ((A, True), {}, True),  # the port has False where it is left out
        ((A, False), {}, False),
        ((A,), {"flag": True}, True),
        ((A,), {"flag": False}, False),
        ((A, True), {"flag": False}, False),  # put right
        ((A, "near"), {"flag": "far"}, True),
        ((A, "near"), {"flag": "near"}, False),
    ],
)
def test_what_cannot_be_put_right_is_told(ours: tuple[Any, ...], theirs: dict[str, Any], otherwise: bool) -> None:
    """A number that one side leaves out, and words."""
    seen = handed(Recorded(["x", "flag"], *ours), A, None, **theirs)
    assert seen.is_set_otherwise() == otherwise


def test_numbers_inside_others_are_compared_and_not_put_right() -> None:
    """Lists may be of another length."""
    assert handed(Recorded(["x", "y"], A, [1, 2]), A, [1, 3]).is_set_otherwise()
    assert not handed(Recorded(["x", "y"], A, [1, 2]), A, [1, 2]).is_set_otherwise()
