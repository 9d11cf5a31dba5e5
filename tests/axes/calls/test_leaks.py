"""A call whose fault another one goes on with, past its output: real torch pairs, by every way that Python has."""

from __future__ import annotations

import collections
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import in_process
import pytest
import torch
from torch import nn

from bisect_tool.axes.calls.points import Searched, search_points
from bisect_tool.sites import Site

SHARED: list[Any] = []
Give = Callable[[Any, Any, Any], Any]  # the block, what it is handed, what it computes
Take = Callable[[Any, Any], Any]  # the block, what it gave


class Block(nn.Module):
    """Computes ``gain`` times something, and hands it on in some way."""

    def __init__(self, give: Give, gain: float) -> None:
        super().__init__()
        self.lin, self.give, self.gain = nn.Linear(6, 6), give, gain
        self.box: list[Any] = []

    def forward(self, x: Any) -> Any:
        """Compute."""
        return self.give(self, x, self.lin(x).tanh() * self.gain)


class Late(nn.Module):
    """Reads what lies outside of it."""

    def __init__(self, gain: float) -> None:
        super().__init__()
        self.lin, self.act, self.gain = nn.Linear(6, 6), nn.ReLU(inplace=True), gain

    def forward(self, x: Any) -> Any:
        """Compute."""
        h = self.lin(x)
        return (self.act(h) + h) * self.gain + (SHARED[0] if SHARED else 0)


class Net(nn.Module):
    """A block, what takes of it, and a layer that is all right."""

    def __init__(self, give: Give, take: Take, block: float, late: float) -> None:
        super().__init__()
        self.pre, self.block, self.mid = nn.Linear(6, 6), Block(give, block), nn.Sequential(nn.Linear(6, 6), nn.Tanh())
        self.late, self.post, self.take = Late(late), nn.Linear(6, 3), take

    def forward(self, x: Any) -> Any:
        """Compute."""
        SHARED.clear()
        return self.post(self.late(self.mid(self.take(self.block, self.block(self.pre(x))))))


def build(give: Give, take: Take, block: float = 1.0, late: float = 1.0, seed: int = 0) -> dict[str, Any]:
    """Return a recipe's parts."""
    torch.manual_seed(seed)
    net = Net(give, take, block, late)
    batch = {"x": torch.randn(4, 6, generator=torch.Generator().manual_seed(1))}
    return {"modules": {"net": net}, "batch": batch, "step": lambda b: {"loss": net(b["x"]).square().mean()}}


def searched(folder: Path, give: Give, take: Take, **fault: float) -> Searched:
    """Search a port with a fault beside a reference without."""
    capture = in_process.record(lambda seed=0: build(give, take, seed=seed), folder / "ref")
    port = in_process.beside(capture, lambda seed=0: build(give, take, seed=seed, **fault))
    return search_points(in_process.opened(port, capture))


def named(found: Searched) -> list[set[str]]:
    """Return the pieces of each suspect that values prove."""
    return [set(suspect.pieces) for suspect in found.suspects if suspect.proved]


def in_box(block: Any, x: Any, y: Any) -> Any:
    """Hand it on in a list of the block's own."""
    block.box[:] = [y]
    return x


def in_global(_block: Any, x: Any, y: Any) -> Any:
    """Hand it on in a list of the file's."""
    SHARED[:] = [y]
    return x


def in_both(_block: Any, _x: Any, y: Any) -> Any:
    """Hand it on in both ways."""
    SHARED[:] = [y]
    return y


class Known:
    """Ways that leave an output which can be neither given nor compared."""

    ways: ClassVar[dict[str, tuple[Give, Take]]] = {
        "set": (lambda _b, _x, y: {y}, lambda _b, h: next(iter(h))),
        "generator": (lambda _b, _x, y: (part for part in [y, 2 * y]), lambda _b, h: sum(h)),
        "closure": (lambda _b, _x, y: lambda: y, lambda _b, h: h()),
        "numpy": (lambda _b, _x, y: y.detach().numpy(), lambda _b, h: torch.from_numpy(h)),
        "mapping": (lambda _b, _x, y: MappingProxyType({"y": y}), lambda _b, h: h["y"]),
        "number": (
            lambda b, _x, y: float(b.give is not None) * float(y.detach().mean()),
            lambda _b, h: torch.ones(4, 6) * h,
        ),
        "list": (in_box, lambda b, _h: b.box[0]),
        "global": (in_global, lambda _b, _h: SHARED.pop()),
    }


@pytest.mark.parametrize("way", Known.ways)
def test_who_goes_on_with_it_is_not_named_alone(tmp_path: Path, way: str) -> None:
    """The fault lies in one of the two; all others are cleared."""
    found = searched(tmp_path, *Known.ways[way], block=1.5)
    assert named(found) == [{"net", "net.block"}]
    assert {"net.pre", "net.mid", "net.late", "net.post"} <= set(found.innocent)
    assert found.innocent.isdisjoint({"net", "net.block"})


@pytest.mark.parametrize(
    ("give", "take"),
    [
        (lambda _b, _x, y: collections.deque([y]), lambda _b, h: h[0]),
        (lambda _b, _x, y: collections.UserDict(y=y), lambda _b, h: h["y"]),
        (lambda _b, _x, y: collections.UserList([y]), lambda _b, h: h[0]),
        (lambda _b, _x, y: {"of": [y]}, lambda _b, h: h["of"][0]),
    ],
    ids=["deque", "UserDict", "UserList", "nested"],
)
def test_what_can_be_opened_is_given(tmp_path: Path, give: Give, take: Take) -> None:
    """So that the block is named by itself."""
    assert named(searched(tmp_path, give, take, block=1.5)) == [{"net.block"}]


def test_a_call_that_goes_on_with_what_another_one_left_is_not_named_alone(tmp_path: Path) -> None:
    """They lie side by side; a layer between them moves as well, and is neither."""
    found = searched(tmp_path, in_global, lambda _b, h: h, block=1.5)
    assert named(found) == [{"net.late", "net.block"}]
    (suspect,) = found.suspects
    assert suspect.roots == (Site("net.late"), Site("net.block"))


def test_who_may_be_wrong_for_what_is_named_alone_is_not(tmp_path: Path) -> None:
    """The block gives a wrong output, too."""
    assert named(searched(tmp_path, in_both, lambda _b, h: h, block=1.5)) == [{"net.block"}]


@pytest.mark.parametrize("give", [in_global, lambda _b, x, _y: x], ids=["reads", "reads nothing"])
def test_who_is_wrong_without_it_is_named(tmp_path: Path, give: Give) -> None:
    """By itself where it reads nothing else."""
    assert {"net.late"} <= named(searched(tmp_path, give, lambda _b, h: h, late=1.5))[0] <= {"net.late", "net.block"}


def test_a_layer_that_writes_what_it_is_handed_hides_nobody(tmp_path: Path) -> None:
    """As ``inplace=True`` does, where the code around it goes on with what was written."""
    assert named(searched(tmp_path, lambda _b, x, _y: x, lambda _b, h: h, late=1.5)) == [{"net.late"}]
