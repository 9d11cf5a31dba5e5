"""The run at stirred weights: recorded beside the model's own, which it leaves as they were."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_model import lines_of
from torch import nn

from bisect_tool.captures.manifest import Manifest, Point
from bisect_tool.captures.reader import Capture
from bisect_tool.captures.writer import seal_manifest
from bisect_tool.worker.adapters import torch_adapter
from bisect_tool.worker.arrays.shards import DiskError, ShardWriter
from bisect_tool.worker.model.build import Model
from bisect_tool.worker.recording import noise, record

BATCH = {"x": torch.randn(6, 4, generator=torch.Generator().manual_seed(0))}
Forward = Callable[["Net", torch.Tensor], torch.Tensor]


class Wire:
    """Keeps the events."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def event(self, kind: str, every: float = 0.2, **fields: Any) -> None:
        """Keep an event."""
        self.events.append({"event": kind, **fields})


class Net(nn.Module):
    """A norm whose running statistics a step writes, a branch behind a gate at zero, a head that starts at zero."""

    def __init__(self, forward: Forward | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.norm, self.branch, self.head = nn.BatchNorm1d(4), nn.Linear(4, 4), nn.Linear(4, 2)
        self.gate = nn.Parameter(torch.zeros(4))
        self.tied = nn.LayerNorm(4)
        self.tied.bias = self.norm.bias
        nn.init.zeros_(self.head.weight)
        self.instead = forward

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return what the head gives."""
        return self.instead(self, x) if self.instead else self.plainly(x)

    def plainly(self, x: torch.Tensor) -> torch.Tensor:
        """Compute as the net is meant to."""
        x = self.norm(x)
        return self.head(self.tied(x + self.gate * self.branch(x)))


def recorded(folder: Path, net: nn.Module, targets: Callable[[torch.Tensor], dict[str, Any]] | None = None) -> Any:
    """Record a net; return its model, its manifest as data, and the events."""

    def step(batch: dict[str, torch.Tensor]) -> dict[str, Any]:
        out = net(batch["x"])
        return targets(out) if targets else {"loss": (out - 1).square().mean()}

    model, wire = Model(torch_adapter, {"net": net}, BATCH, step), Wire()
    how: dict[str, Any] = {"include": [], "exclude": ["net.norm"], "seeds": [], "grads": None}
    manifest = record.record(model, lambda _seed: model, lines_of(folder), wire, str(folder), **how)  # type: ignore[arg-type]
    return model, manifest, wire.events


def opened(folder: Path) -> Manifest:
    """Return what was recorded into a folder as every reader sees it."""
    seal_manifest(folder, recipe="small", model="ref", model_options={}, recipe_folder="", spec={})
    return Capture.open(folder).manifest


def point_of(folder: Path) -> Point:
    """Return the recorded point."""
    point = opened(folder).stirred
    assert point is not None
    return point


def assert_untouched(model: Model) -> None:
    """Assert that a model holds what it was built with."""
    for name, array in Model(torch_adapter, {"net": Net()}, {}, dict).own.items():
        assert np.array_equal(model.own[name], array), name
        assert np.array_equal(torch_adapter.to_numpy(model.state[name][0]), array), name


def test_it_is_the_model_at_other_weights(tmp_path: Path) -> None:
    """Everything recorded is what the same model gives when its weights are those of the point."""
    model, _, _ = recorded(tmp_path, Net())
    capture = Capture(tmp_path, opened(tmp_path), "")
    point = capture.manifest.stirred
    assert point is not None
    assert (point.strength, capture.manifest.not_stirred) == (1.0, None)
    assert set(point.stirred) == {
        "net.gate", "net.norm.weight", "net.norm.bias", "net.norm.running_mean", "net.norm.running_var", "net.tied.weight",
        "net.tied.bias", "net.head.weight",
    }  # fmt: skip
    assert point.state["net.tied.bias"] == point.state["net.norm.bias"]
    other = Net()
    other.load_state_dict(
        {name.removeprefix("net."): torch.from_numpy(capture.read(key)) for name, key in point.state.items()},
        strict=False,
    )
    out = other(BATCH["x"])
    assert point.targets == {"loss": (out - 1).square().mean().item()}
    assert point.targets != capture.manifest.targets
    sites = {entry.site: entry for entry in point.sites}
    assert list(sites) == ["net.branch", "net.tied", "net.head", "net"]
    assert np.array_equal(capture.read(sites["net"].output["tensor"]), out.detach().numpy())
    assert point.calls == capture.manifest.calls
    assert_untouched(model)


def test_its_floors_are_measured_there(tmp_path: Path) -> None:
    """By the same functions as those at the model's own weights, at the weights of the point."""
    net = Net()
    _, manifest, _ = recorded(tmp_path, net)
    point = point_of(tmp_path)
    assert point.noise.exact.keys() == {entry.site for entry in point.sites}
    assert 0 < max(point.noise.exact.values()) < 1e-5
    assert manifest["noise"]["exact"]["net.head"] == 0.0  # at its own weights it gives its bias alone
    assert 0 < point.noise.loss["loss"] < point.noise.targets["loss"] < 1e-3
    assert point.noise.targets != manifest["noise"]["targets"]


def test_a_second_recording_is_the_same(tmp_path: Path) -> None:
    """To the bit: nothing in it is left to chance."""
    folders = tmp_path / "a", tmp_path / "b"
    for folder in folders:
        folder.mkdir()
    first, second = (recorded(folder, Net())[1] for folder in folders)
    assert first["stirred"] == second["stirred"]
    assert first["tensors"] == second["tensors"]


def test_it_is_recorded_last_and_said(tmp_path: Path) -> None:
    """The event comes once, after those of the own weights' rounding, and rounding runs come again."""
    _, _, events = recorded(tmp_path, Net())
    kinds = [event["event"] for event in events]
    place = kinds.index("stirred")
    assert events[place] == {"event": "stirred", "strength": 1.0}
    assert "noise" in kinds[:place]
    assert "noise" in kinds[place:]
    assert kinds.count("stirred") == 1


def overflows(above: float) -> Forward:
    """Return a net that gives infinity as soon as the gate lets more than that through."""

    def forward(net: Net, x: torch.Tensor) -> torch.Tensor:
        return net.plainly(x) / (net.gate.max() <= above)

    return forward


@pytest.mark.parametrize(("above", "strength"), [(0.5, 0.3), (0.1, 0.1)])
def test_what_is_not_finite_is_stirred_less(tmp_path: Path, above: float, strength: float) -> None:
    """As much less as is needed; nothing of the attempt before stays."""
    model, _, _ = recorded(tmp_path, Net(overflows(above)))
    assert point_of(tmp_path).strength == strength
    assert_untouched(model)


def refuses(net: Net, x: torch.Tensor) -> torch.Tensor:
    """Fail with any weights but its own."""
    if net.gate.any():
        raise ValueError("no such gate\nat all")
    return net.plainly(x)


def hides(net: Net, x: torch.Tensor) -> torch.Tensor:
    """Let a layer give what is not finite, and nobody feel it."""
    net.tied(x / (net.gate == 0))
    return net.plainly(x)


def sizes(out: torch.Tensor) -> dict[str, Any]:
    """Return targets that depend on values."""
    return {"loss": out.square().mean(), ("many" if out.std(dim=0).max() > 1e-6 else "few"): out.mean()}


def infinite(out: torch.Tensor) -> dict[str, Any]:
    """Return a loss that is finite as long as all rows give the same."""
    return {"loss": out.mean() / (out.std(dim=0).max() < 1e-6)}


@pytest.mark.parametrize(
    ("forward", "targets", "why"),
    [
        (refuses, None, "at stirred weights the model fails: ValueError: no such gate"),
        (overflows(0.0), None, "at stirred weights what net gives is not finite"),
        (hides, None, "at stirred weights what net.tied gives is not finite"),
        (None, sizes, "at stirred weights step returns other targets"),
        (None, infinite, "at stirred weights loss is not finite"),
    ],
)
def test_why_there_is_none_is_said(
    tmp_path: Path, forward: Forward | None, targets: Callable[[torch.Tensor], dict[str, Any]] | None, why: str
) -> None:
    """A model that has no such point is captured without it."""
    model, _, events = recorded(tmp_path, Net(forward), targets)
    manifest = opened(tmp_path)
    assert (manifest.stirred, manifest.not_stirred) == (None, why)
    assert [event["strength"] for event in events if event["event"] == "stirred"] == [1.0, 0.3, 0.1]
    assert_untouched(model)


def test_what_was_not_finite_before_may_stay_so(tmp_path: Path) -> None:
    """A mask of infinities says nothing against the weights."""

    class Masking(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.masked_fill(torch.arange(4) == 2, -torch.inf)

    net = Net(lambda net, x: net.plainly(net.mask(x).clamp(min=-1.0)))
    net.mask = Masking()
    recorded(tmp_path, net)
    assert point_of(tmp_path).strength == 1.0


def test_random_weights_have_nothing_to_stir(tmp_path: Path) -> None:
    """The point would be the model's own."""
    recorded(tmp_path, nn.Linear(4, 2))
    manifest = opened(tmp_path)
    assert (manifest.stirred, manifest.not_stirred) == (None, "nothing to stir")


def test_tensors_that_share_memory_hold_the_same(tmp_path: Path) -> None:
    """Two parameters over one memory are no two tensors, whatever their names."""
    net = Net()
    net.gate = nn.Parameter(net.head.bias.data.new_zeros(4))
    net.twin = nn.Parameter(net.gate.data)
    recorded(tmp_path, net)
    point = point_of(tmp_path)
    assert point.state["net.gate"] == point.state["net.twin"]
    assert {"net.gate", "net.twin"} <= set(point.stirred)


def test_a_full_disk_is_an_error_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is recorded there must be written, or nothing is."""

    def full(_store: ShardWriter) -> None:
        raise DiskError("full")

    def measured(*given: Any) -> Any:
        found = noise.measure_noise(*given)
        monkeypatch.setattr(ShardWriter, "flush", full)
        return found

    monkeypatch.setattr(record, "measure_noise", measured)
    with pytest.raises(DiskError, match="full"):
        recorded(tmp_path, Net())


def test_the_manifest_is_plain_data(tmp_path: Path) -> None:
    """What record returns is what it wrote."""
    _, manifest, _ = recorded(tmp_path, Net())
    written = json.loads((tmp_path / "manifest.json").read_text())
    assert written["stirred"] == json.loads(json.dumps(manifest["stirred"]))
