"""What is recorded of the buffers that calls write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import in_process
import pytest
import torch
from torch import nn

from bisect_tool.captures.reader import Capture

SIDE = 3


class Net(nn.Module):
    """A norm that is called twice, beside a constant."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(SIDE)
        self.register_buffer("constant", torch.full((4,), 7.0))

    def forward(self, x: Any) -> Any:
        """Compute."""
        return self.norm(x) * self.constant[0]


def build(seed: int = 0, *, training: bool = True) -> dict[str, Any]:
    """Return a recipe's model; ``step`` resets the statistics between the two calls."""
    torch.manual_seed(seed)
    net = Net().train(training)
    batch = {"x": torch.randn(8, SIDE, generator=torch.Generator().manual_seed(1))}

    def step(batch: dict[str, Any]) -> dict[str, Any]:
        first = net(batch["x"])
        if training:
            net.norm.running_mean.fill_(5.0)
        return {"loss": (first + net(batch["x"] * 2)).square().mean()}

    return {"modules": {"net": net}, "batch": batch, "step": step}


def values(capture: Capture, keys: Any) -> list[list[float]]:
    """Return the arrays of some keys as lists, rounded."""
    return [[round(float(number), 4) for number in capture.read(key)] for key in keys]


def test_each_call_has_what_it_found_and_left(tmp_path: Path) -> None:
    """What ``step`` writes between two calls is what the second one finds; a constant is never spoken of."""
    capture = in_process.record(build, tmp_path / "capture")
    sites = {entry.site: entry for entry in capture.manifest.sites}
    assert set(sites) == {"net.norm", "net", "net.norm#2", "net#2"}
    assert all(set(e.state) == {"net.norm.running_mean", "net.norm.running_var"} for e in sites.values())
    mean = [sites[site].state["net.norm.running_mean"] for site in ("net.norm", "net.norm#2")]
    (before, after), (found, left) = (values(capture, keys) for keys in mean)
    assert before == [0.0] * SIDE
    assert found == [5.0] * SIDE
    assert after != before
    assert values(capture, [capture.manifest.left["net.norm.running_mean"]]) == [left]
    assert sites["net"].state == sites["net.norm"].state
    assert capture.manifest.state["net.norm.running_mean"] == mean[0][0]


def test_the_stirred_run_has_its_own(tmp_path: Path) -> None:
    """It begins with stirred statistics."""
    point = in_process.record(build, tmp_path / "capture").manifest.stirred
    assert point is not None
    keys = next(entry for entry in point.sites if entry.site == "net.norm").state["net.norm.running_mean"]
    assert keys[0] == point.state["net.norm.running_mean"]
    assert "net.norm.running_mean" in point.stirred
    assert point.left["net.norm.running_mean"] not in keys


def test_a_model_that_writes_none_has_none(tmp_path: Path) -> None:
    """Nothing is kept of buffers that no call writes."""
    manifest = in_process.record(build, tmp_path / "capture", training=False).manifest
    assert manifest.left == {}
    assert not any(entry.state for entry in manifest.sites)


def test_rounding_is_measured_from_what_a_call_began_with(tmp_path: Path) -> None:
    """Computed once more in float64, a call that writes what it reads is no further off than rounding."""

    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("total", torch.zeros(SIDE))

        def forward(self, x: Any) -> Any:
            self.total += x.sum(0)
            return x * self.total

    def summing(seed: int = 0) -> dict[str, Any]:
        torch.manual_seed(seed)
        net, layer = Sum(), nn.Linear(SIDE, SIDE)

        def step(batch: dict[str, Any]) -> dict[str, Any]:
            return {"loss": net(layer(net(batch["x"]))).square().mean()}

        batch = {"x": torch.randn(8, SIDE, generator=torch.Generator().manual_seed(1))}
        return {"modules": {"net": net, "layer": layer}, "batch": batch, "step": step}

    exact = in_process.record(summing, tmp_path / "capture").manifest.noise.exact
    assert exact.keys() == {"net", "layer", "net#2"}
    assert max(exact.values()) < 1e-6


def test_a_call_that_writes_a_buffer_of_another_module_is_told(tmp_path: Path) -> None:
    """The write is its own, and not that of the code around both."""

    class Writer(nn.Module):
        def forward(self, x: Any, other: Any) -> Any:
            other.running_mean.add_(1.0)
            return x * 2

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.writer = nn.BatchNorm1d(SIDE), Writer()

        def forward(self, x: Any) -> Any:
            return self.norm(self.writer(x, self.norm))

    def writing(seed: int = 0) -> dict[str, Any]:
        torch.manual_seed(seed)
        net = Outer()
        batch = {"x": torch.randn(8, SIDE, generator=torch.Generator().manual_seed(1))}
        return {"modules": {"net": net}, "batch": batch, "step": lambda b: {"loss": net(b["x"]).square().mean()}}

    sites = {entry.site: entry for entry in in_process.record(writing, tmp_path / "capture").manifest.sites}
    name = "net.norm.running_mean"
    assert set(sites["net.writer"].state) == {name}
    assert sites["net.writer"].state[name][1] == sites["net.norm"].state[name][0]


def averaging(seed: int = 0, *, swaps: bool = False) -> dict[str, Any]:
    """Return a student and a teacher, whose weights follow in the step; ``swaps``: only while the teacher is called."""
    torch.manual_seed(seed)
    student, teacher = nn.Linear(SIDE, SIDE), nn.Linear(SIDE, SIDE)

    def step(batch: dict[str, Any]) -> dict[str, Any]:
        goal, own = teacher(batch["x"]), teacher.weight.data
        teacher.weight.data = own * 0.5 + student.weight.data * 0.5
        again = teacher(batch["x"])
        if swaps:
            teacher.weight.data = own
        return {"loss": (student(batch["x"]) - goal).square().mean() + again.mean()}

    batch = {"x": torch.randn(8, SIDE, generator=torch.Generator().manual_seed(1))}
    return {"modules": {"student": student, "teacher": teacher}, "batch": batch, "step": step}


@pytest.mark.parametrize("swaps", [False, True])
def test_a_parameter_that_is_written_between_calls_is_what_the_next_one_begins_with(
    tmp_path: Path, swaps: bool
) -> None:
    """Nobody knew of it before; nothing is kept of the others. One that is itself again in the end is seen too."""
    manifest = in_process.record(lambda seed=0: averaging(seed, swaps=swaps), tmp_path / "capture").manifest
    first, second = manifest.state["teacher.weight"], manifest.left["teacher.weight"]
    for run in (manifest, manifest.stirred):
        if run is not None:
            sites = {entry.site: entry.state for entry in run.sites}
            keys = [sites[site]["teacher.weight"] for site in ("teacher", "teacher#2")]
            assert keys[0][0] == keys[0][1] != keys[1][0] == keys[1][1]
            assert run.left == {"teacher.weight": keys[0][0] if swaps else keys[1][0]}
            assert sites["student"] == {}
    assert (first == second) is swaps


def test_what_no_call_begins_with_is_only_left(tmp_path: Path) -> None:
    """An optimizer that steps in the end writes all parameters; the second run begins with the first's weights."""

    def training(seed: int = 0) -> dict[str, Any]:
        torch.manual_seed(seed)
        net = nn.Linear(SIDE, SIDE)
        optimizer = torch.optim.Adam(net.parameters())

        def step(batch: dict[str, Any]) -> dict[str, Any]:
            optimizer.zero_grad()
            loss = net(batch["x"]).square().mean()
            loss.backward()
            optimizer.step()
            return {"loss": loss}

        batch = {"x": torch.randn(8, SIDE, generator=torch.Generator().manual_seed(1))}
        return {"modules": {"net": net}, "batch": batch, "step": step, "optimizer": optimizer}

    manifest = in_process.record(training, tmp_path / "capture").manifest
    assert set(manifest.left) == {"net.weight", "net.bias"}
    assert all(manifest.left[name] != manifest.state[name] for name in manifest.left)
    assert [entry.state for entry in manifest.sites] == [{}]
    assert manifest.noise.exact.keys() == {"net"}
