"""The pass in float64: it fails no capture, and no floor is lost without a word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_model import WIRE, lines_of

from bisect_tool.captures.manifest import Manifest
from bisect_tool.worker.adapters import torch_adapter
from bisect_tool.worker.model import attributes, build
from bisect_tool.worker.recording import exact, record

SOURCE = """
import numpy as np
import torch
from torch import nn


class Odd(nn.Linear):
    def forward(self, x):
        {inside}
        return super().forward(x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.odd = nn.Linear(3, 4), Odd(4, 4)

    def forward(self, x):
        return self.odd(self.first(x))


def build(seed=0):
    torch.manual_seed(seed)
    net = Net()

    def step(batch):
        x = torch.from_numpy(batch["x"]).float()
        out = net(x)
        {after}
        return {{"loss": (out * out).mean()}}

    return {{"modules": {{"net": net}}, "batch": {{"x": np.random.default_rng(0).random((5, 3))}}, "step": step}}
"""
SITES = {"net.first", "net.odd", "net"}


def noise_of(folder: Path, inside: str = "", after: str = "") -> dict[str, Any]:
    """Record a model with some code of its own in a layer and in step; return what the manifest says of rounding."""
    (folder / "odd.py").write_text(SOURCE.format(inside=inside or "pass", after=after or "pass"))
    (folder / "capture").mkdir()

    def built(seed: int = 0) -> build.Model:
        return build.build(torch_adapter, torch_adapter.load_entry(str(folder), "odd.py:build"), {"seed": seed})

    how: dict[str, Any] = {"include": [], "exclude": [], "seeds": [], "grads": None}
    manifest = record.record(built(), built, lines_of(folder), WIRE, str(folder / "capture"), **how)
    assert set(manifest["calls"]) == SITES
    noise = manifest["noise"]
    assert set(noise["exact"]) | set(noise["unmeasured"]["sites"]) == SITES
    return noise


def test_a_reference_that_goes_through_float64_itself_is_measured(tmp_path: Path) -> None:
    """Its own casts down are its own code; every layer has a floor."""
    noise = noise_of(tmp_path, inside="x = x + torch.from_numpy(np.ones(4)).float()")
    assert noise["unmeasured"] == {"sites": {}, "targets": {}}
    assert all(0 < off < 1e-6 for site, off in noise["exact"].items() if site != "net")


@pytest.mark.parametrize(
    ("inside", "reason"),
    [
        ("x = x + torch.mm(x, torch.ones(4, 4))", "RuntimeError: expected m1 and m2"),
        ("if x.dtype == torch.float64: raise MemoryError", "out of memory"),
        ("if x.dtype == torch.float64: torch.empty(1 << 50)", "out of memory"),
        ("if x.dtype == torch.float64: raise torch.OutOfMemoryError('CUDA out of memory. Tried')", "out of memory"),
        ("if x.dtype == torch.float64: raise ValueError('half only' + chr(10) + 'x' * 500)", "ValueError: half only"),
        (
            "if x.dtype == torch.float64: x = x / 0",
            "in float64 it gives values of another shape, or that are not finite",
        ),
    ],
)
def test_a_layer_that_does_not_run_in_float64_is_said(tmp_path: Path, inside: str, reason: str) -> None:
    """With its reason, in which want of memory is told from code; the others keep their floors."""
    noise = noise_of(tmp_path, inside=inside)
    assert list(noise["unmeasured"]["sites"]) == ["net.odd"]
    assert noise["unmeasured"]["sites"]["net.odd"].startswith(reason)
    assert len(noise["unmeasured"]["sites"]["net.odd"]) <= 120
    assert set(noise["exact"]) == {"net", "net.first"}


def test_a_layer_that_computes_something_else_each_time_is_said(tmp_path: Path) -> None:
    """Rounding is nothing that can be measured of what depends on how often it was called."""
    noise = noise_of(tmp_path, inside="self.n = getattr(self, 'n', 0) + 1; x = x * (1 if self.n < 4 else self.n)")
    assert noise["unmeasured"]["sites"] == {"net.odd": "it computed something else when it ran again"}


def test_a_step_that_fails_when_it_runs_again_fails_no_capture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever happens in the pass, the capture is whole, and each call says why it has no floor."""

    def full(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(exact.Exactly, "around", full)
    noise = noise_of(tmp_path)
    assert noise["unmeasured"]["sites"] == dict.fromkeys(SITES, "out of memory")


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        ("out = out + (out.mean() if out.dtype == torch.float64 else 0)", "it is another value in float64"),
        ("if out.dtype == torch.float64: raise MemoryError", "out of memory"),
        ("if out.dtype == torch.float64: raise TypeError('float expected')", "TypeError: float expected"),
    ],
)
def test_a_loss_that_does_not_run_in_float64_is_said(tmp_path: Path, after: str, reason: str) -> None:
    """Its floor then rests on perturbed runs alone."""
    noise = noise_of(tmp_path, after=after)
    assert noise["unmeasured"] == {"sites": {}, "targets": {"loss": reason}}
    assert noise["loss"]["loss"] > 0


def test_it_leaves_nothing_behind_in_modules(tmp_path: Path) -> None:
    """What a layer keeps on itself for later code to read is the run's own, not float64's; lists too."""
    kept = "self.last = x; self.all = getattr(self, 'all', []); self.all.append(x)"
    read = "out = out @ net.odd.last.float().T @ net.odd.all[-1] if net.odd.last.dtype == torch.float32 else 1 / 0"
    noise = noise_of(tmp_path, inside=kept, after=read)
    assert noise["unmeasured"]["sites"] == {}
    assert noise["unmeasured"]["targets"].keys() <= {"loss"}


def test_containers_that_code_goes_through_are_left_alone(tmp_path: Path) -> None:
    """A caller may iterate over its layers while one of them is computed once more; what was added alone is taken out."""
    (tmp_path / "odd.py").write_text(SOURCE.format(inside="pass", after="pass"))
    model = build.build(torch_adapter, torch_adapter.load_entry(str(tmp_path), "odd.py:build"), {})
    net = model.roots["net"]
    net.layers, net.seen = {"a": 1, "b": 2}, [1]
    came_to = []
    for name in net.layers:
        with attributes.kept(model, net.odd):
            net.seen.append(2)
        came_to.append(name)
    assert (came_to, net.seen) == (["a", "b"], [1])


def test_a_step_that_trains_is_said_to(tmp_path: Path) -> None:
    """What is put in a layer's place in float64 has no gradient: that is not asked, and said in words."""
    noise = noise_of(tmp_path, after="out.mean().backward(); net.first.weight.data -= net.first.weight.grad")
    assert noise["unmeasured"]["targets"] == {"loss": exact.TRAINS}


def test_the_manifest_keeps_the_reasons() -> None:
    """An older capture has none."""
    field = Manifest.model_fields["noise"].annotation
    assert field is not None
    empty: dict[str, Any] = {"rounding": 2e-5, "draws": 4, "targets": {}, "sites": {}, "loss": {}, "exact": {}}
    assert field(**empty).unmeasured.sites == {}
    why = {"sites": {"net": "out of memory"}, "targets": {}}
    assert field(**empty, unmeasured=why).unmeasured.sites == why["sites"]
