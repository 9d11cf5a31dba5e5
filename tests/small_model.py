"""A net of three layers, recorded with its gradients in this process, that the worker's runs are tested with one by one."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from bisect_tool.worker.adapters import torch_adapter
from bisect_tool.worker.arrays.shards import OpenShards
from bisect_tool.worker.code.lines import Lines
from bisect_tool.worker.model import build
from bisect_tool.worker.probing.intervention import Intervention
from bisect_tool.worker.probing.probe import Probe
from bisect_tool.worker.probing.reference import Reference
from bisect_tool.worker.recording import record

SOURCE = """
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, fault):
        super().__init__()
        self.fault, self.inner, self.act = fault, nn.Linear(3, 3), nn.Tanh()

    def forward(self, x):
        with torch.set_grad_enabled(self.fault != "off"):
            hidden = self.inner(x)
        hidden = self.act(hidden)
        if self.fault == "detach":
            hidden = hidden.detach()
        return x + hidden * (2 if self.fault == "twice" else 1)


class Net(nn.Module):
    def __init__(self, fault):
        super().__init__()
        self.before, self.block, self.out = nn.Linear(3, 3), Block(fault), nn.Linear(3, 2)

    def forward(self, x):
        return self.out(self.block(self.before(x)))


def build(seed=0, fault=""):
    torch.manual_seed(seed)
    net = Net(fault)
    if fault == "frozen":
        net.out.bias.requires_grad_(False)

    def step(batch):
        out = net(batch["x"])
        square = out ** 2
        loss = square.mean()
        return {"loss": loss}

    batch = {"x": torch.randn(5, 3, generator=torch.Generator().manual_seed(0))}
    return {"modules": {"net": net}, "batch": batch, "step": step}
"""
SITES = ("net.before", "net.block.inner", "net.block.act", "net.block", "net.out", "net")


class Wire:
    """Takes progress, and does nothing with it."""

    def event(self, *_kind: object, **_fields: object) -> None:
        """Take an event."""


WIRE: Any = Wire()


@dataclasses.dataclass
class Small:
    """What the reference recorded, and where its source lies."""

    folder: Path
    manifest: dict[str, Any]

    def reference(self) -> Reference:
        """Return what was recorded as a probe reads it."""
        sites = {
            e["site"]: {"inputs": e["inputs"], "output": e["output"], "inside": {}, "arguments": []}
            for e in self.manifest["sites"]
        }
        for site, entry in sites.items():
            entry["inside"] = {other: 1 for other in sites if other.startswith(f"{site}.")}
        variables = {e["site"]: {"output": e["value"]} for e in self.manifest["variables"]}
        gradients = dict(self.manifest["gradients"])
        gradients["sites"] = {
            site: {part: {path: key for path, (key, _) in keys.items()} for part, keys in parts.items()}
            for site, parts in gradients["sites"].items()
        }
        manifest = self.manifest
        stored = OpenShards(str(self.folder / "capture"), manifest["tensors"])
        return Reference(stored, {**sites, **variables}, manifest["state"], manifest["batch"], gradients)

    def probe(self, *patch: str, seed: int = 0, fault: str = "", **how: Any) -> Probe:
        """Return one run of the model, built anew, under an intervention."""
        model = model_of(self.folder, seed, fault)
        asked = Intervention(patch, **how)
        return Probe(model, self.reference(), WIRE, asked, {}, lines_of(self.folder) if asked.variables else None)


def model_of(folder: Path, seed: int = 0, fault: str = "") -> build.Model:
    """Build the model that a folder has the source of."""
    function = torch_adapter.load_entry(str(folder), "small.py:build")
    return build.build(torch_adapter, function, {"seed": seed, "fault": fault})


def lines_of(folder: Path) -> Lines:
    """Return who names the variables of its functions."""
    return Lines([str(folder)], [], torch_adapter.in_backward, torch_adapter.in_transform)


def record_small(folder: Path) -> Small:
    """Write the model's source and record its own run."""
    (folder / "small.py").write_text(SOURCE)
    capture = folder / "capture"
    capture.mkdir()
    model = model_of(folder)
    how: dict[str, Any] = {"include": [], "exclude": [], "seeds": [1], "grads": {"of": None}}
    manifest = record.record(model, lambda seed: model_of(folder, seed), lines_of(folder), WIRE, str(capture), **how)
    return Small(folder, manifest)
