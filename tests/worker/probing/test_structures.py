"""A port that hands its values on in another structure, layout or dtype is compared with the reference, and patched."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from small_model import WIRE, lines_of

from bisect_tool.worker.adapters import torch_adapter
from bisect_tool.worker.arrays import trees
from bisect_tool.worker.arrays.shards import OpenShards
from bisect_tool.worker.model import build
from bisect_tool.worker.probing import forward
from bisect_tool.worker.probing.intervention import Intervention
from bisect_tool.worker.probing.probe import Probe
from bisect_tool.worker.probing.reference import Reference
from bisect_tool.worker.recording import record

SOURCE = """
import collections
import dataclasses
import warnings

import torch
from torch import nn

warnings.filterwarnings("ignore", message=".*Sparse")


@dataclasses.dataclass(frozen=True)
class Output:
    x: torch.Tensor
    maps: list


class Attributes:
    def __init__(self, x, maps):
        self.x, self.maps = x, maps


Named = collections.namedtuple("Named", "x maps")
FORMS = {{
    "tuple": (lambda x, maps: (x, maps), lambda out: (out[0], out[1])),
    "list": (lambda x, maps: [x, tuple(maps)], lambda out: (out[0], out[1])),
    "flat": (lambda x, maps: (x, *maps), lambda out: (out[0], out[1:])),
    "dict": (lambda x, maps: {{"x": x, "maps": maps}}, lambda out: (out["x"], out["maps"])),
    "swapped": (lambda x, maps: {{"maps": maps, "x": x}}, lambda out: (out["x"], out["maps"])),
    "dataclass": (Output, lambda out: (out.x, out.maps)),
    "attributes": (Attributes, lambda out: (out.x, out.maps)),
    "named": (Named, lambda out: (out.x, out.maps)),
}}
LAYOUTS = {{
    "dense": lambda graph: graph,
    "coo": lambda graph: graph.to_sparse(),
    "csr": lambda graph: graph.to_sparse_csr(),
}}


class Body(nn.Module):
    def __init__(self, form):
        super().__init__()
        self.form = form
        self.weight = nn.Parameter(torch.randn(3, 4, dtype=torch.cfloat))

    def forward(self, x, graph):
        x = torch.mm(graph, x)
        spectrum = torch.mm(x.to(torch.cfloat), self.weight)
        return self.form(x, [spectrum, spectrum.real * {fault}])


class Net(nn.Module):
    def __init__(self, form):
        super().__init__()
        form, self.opened = FORMS[form]
        self.body = Body(form)
        self.head = nn.Linear(3, 2)

    def forward(self, x, graph):
        x, maps = self.opened(self.body(x, graph))
        return self.head(x).mean() + maps[0].abs().mean() + maps[1].pow(2).mean()


def build(seed=0, form="tuple", layout="dense"):
    torch.manual_seed(seed)
    net = Net(form)
    generator = torch.Generator().manual_seed(1)
    graph = torch.rand(5, 5, generator=generator)
    graph = LAYOUTS[layout](graph * (graph > 0.6))
    batch = {{"x": torch.rand(5, 3, generator=generator), "graph": graph}}
    return {{"modules": {{"net": net}}, "batch": batch, "step": lambda batch: {{"loss": net(batch["x"], batch["graph"])}}}}
"""
FORMS = ["tuple", "list", "flat", "dict", "swapped", "dataclass", "attributes", "named"]
LAYOUTS = ["dense", "coo", "csr"]
SITES = ["net.body", "net.head", "net"]


def model_of(folder: Path, **options: Any) -> build.Model:
    """Build one side."""
    return build.build(torch_adapter, torch_adapter.load_entry(str(folder), "net.py:build"), options)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Any]:
    """Return the reference's values in every structure and layout, and the folders of the right and the wrong source."""
    folders = {}
    for name, fault in (("right", "1"), ("wrong", "2")):
        folders[name] = tmp_path_factory.mktemp(name)
        (folders[name] / "net.py").write_text(SOURCE.format(fault=fault))
    how: dict[str, Any] = {"include": [], "exclude": [], "seeds": [], "grads": None}
    found: dict[tuple[str, str], Any] = {("folders", ""): folders}
    for form, layout in itertools.product(FORMS, LAYOUTS):
        if form == "tuple" or layout == "dense":
            capture = tmp_path_factory.mktemp("capture")
            model = model_of(folders["right"], form=form, layout=layout)
            lines = lines_of(folders["right"])
            found[form, layout] = capture, record.record(model, lambda _: model, lines, WIRE, str(capture), **how)  # noqa: B023
    return found


def read(recorded: Any, reference: tuple[str, str], port: tuple[str, str], source: str = "right", **how: Any) -> Any:
    """Return the reading of a port under an intervention beside a reference, and the reference's manifest."""
    capture, manifest = recorded[reference]
    sites = {e["site"]: {"inputs": e["inputs"], "output": e["output"], "inside": {}} for e in manifest["sites"]}
    state, stored = manifest["state"], OpenShards(str(capture), manifest["tensors"])
    against = Reference(stored, sites, state, manifest["batch"])
    model = model_of(recorded["folders", ""][source], seed=1, form=port[0], layout=port[1])
    asked = Intervention([*state, *how.pop("patch", SITES)], **how)
    return forward.read(Probe(model, against, WIRE, asked)), manifest


PAIRS = [((a, "dense"), (b, "dense")) for a, b in itertools.product(FORMS, FORMS)]
PAIRS += [(("tuple", a), ("tuple", b)) for a, b in itertools.product(LAYOUTS, LAYOUTS) if a != b]


@pytest.mark.parametrize(("reference", "port"), PAIRS, ids=str)
def test_a_faithful_port_agrees_and_takes_what_it_is_given(recorded: Any, reference: Any, port: Any) -> None:
    """Every tensor finds its partner, and is consumed in the recorded order of receipts."""
    reading, manifest = read(recorded, reference, port, watch=SITES)
    assert reading["targets"] == pytest.approx(manifest["targets"], rel=1e-6)
    for found in reading["watched"].values():
        assert all(row["error"] < 1e-6 for row in [*found["inputs"], *found["output"]])
    for entry in manifest["sites"]:
        hashes = [manifest["tensors"][key]["hash"] for _, key in trees.keys(entry["output"])]
        assert reading["receipts"][entry["site"]] == hashes


@pytest.mark.parametrize(("reference", "port"), PAIRS[:: len(FORMS) + 1] + PAIRS[-2:], ids=str)
def test_a_fault_is_seen_in_its_part_alone(recorded: Any, reference: Any, port: Any) -> None:
    """A map that is twice as large is off by 1, whatever it is handed on in."""
    reading, manifest = read(recorded, reference, port, "wrong", watch=SITES)
    errors = sorted(row["error"] for row in reading["watched"]["net.body"]["output"])
    assert errors == pytest.approx([0, 0, 1], abs=1e-6)
    assert reading["targets"] == pytest.approx(manifest["targets"], rel=1e-6)


def test_layouts_are_noted(recorded: Any) -> None:
    """What was sparse is recorded densely, and the manifest says what it was."""
    for layout, word in (("dense", None), ("coo", "sparse_coo"), ("csr", "sparse_csr")):
        _, manifest = recorded["tuple", layout]
        key = dict(trees.keys(manifest["batch"]))["graph"]
        assert manifest["tensors"][key].get("layout") == word
        assert manifest["tensors"][key]["shape"] == [5, 5]
        assert manifest["noise"]["unmeasured"]["sites"] == {}
