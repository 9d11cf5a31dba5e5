"""PyTorch's own classes that hold modules: what is called in them is a call, what is only read is given all the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from small_model import WIRE, lines_of
from torch import nn

from bisect_tool.worker.adapters import torch_adapter
from bisect_tool.worker.model import build
from bisect_tool.worker.recording import record

SOURCE = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(4, 2, 6, dropout=0.0, batch_first=True)
        self.attn = nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, x):
        x = self.layer(x)
        return self.attn(x, x, x, need_weights=False)[0]


def build(seed=0):
    torch.manual_seed(seed)
    net = Net()
    batch = {"x": torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))}
    return {"modules": {"net": net}, "batch": batch, "step": lambda batch: {"loss": (net(batch["x"]) ** 2).mean()}}
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The manifest of a net of the library's own classes, with its gradients."""
    folder: Path = tmp_path_factory.mktemp("library")
    (folder / "library_net.py").write_text(SOURCE)
    (folder / "capture").mkdir()
    model = build.build(torch_adapter, torch_adapter.load_entry(str(folder), "library_net.py:build"), {})
    how = {"include": [], "exclude": [], "seeds": [], "grads": {"of": None}}
    return record.record(model, lambda _seed: model, lines_of(folder), WIRE, str(folder / "capture"), **how)


def test_the_calls_inside_a_class_of_the_library_are_sites(recorded: dict) -> None:
    """An encoder layer's sublayers are recorded; an attention's projection is only read, so the attention is a leaf."""
    leaves = {entry["site"]: entry["leaf"] for entry in recorded["sites"]}
    assert {"net.layer.self_attn", "net.layer.linear1", "net.layer.norm2", "net.attn"} <= leaves.keys()
    assert not any("out_proj" in site for site in leaves)
    assert {site for site, leaf in leaves.items() if not leaf} == {"net", "net.layer"}


def test_a_parameter_that_other_code_reads_is_state(recorded: dict) -> None:
    """Under its own name, once."""
    names = [entry["name"] for entry in recorded["described"]["state"]]
    assert names.count("net.attn.out_proj.weight") == 1
    assert len(names) == len(set(names)) == 16


@pytest.mark.parametrize("owner", ["net.attn", "net.layer.self_attn"])
def test_its_gradient_is_the_piece_s_that_reads_it(recorded: dict, owner: str) -> None:
    """With a key and with a floor from float64; the code of step has none to give."""
    piece = recorded["gradients"]["sites"][owner]
    key, floor = piece["state"][f"{owner}.out_proj.weight"]
    assert key is not None
    assert floor < 1e-5
    assert recorded["gradients"]["sites"]["step"]["state"][f"{owner}.out_proj.weight"][0] is None


@pytest.mark.parametrize(
    ("module", "names"),
    [
        (nn.DataParallel(nn.Linear(2, 2)), ["net", "net.module"]),
        (nn.LSTM(2, 2), ["net"]),
        (nn.Sequential(nn.Sequential(nn.ReLU())), ["net", "net.0", "net.0.0"]),
        (nn.AdaptiveLogSoftmaxWithLoss(4, 6, [2, 4]), ["net", "net.head", "net.tail", "net.tail.0", "net.tail.0.0"]),
        (torch.nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)), ["net", "net.parametrizations"]),
    ],
)
def test_what_lies_in_a_class_of_the_library_is_listed(module: nn.Module, names: list[str]) -> None:
    """Also in what wraps a user's module; a layer without modules in it stays one."""
    tree = torch_adapter.module_tree({"net": module})
    assert [name for name, _, _ in tree][: len(names)] == names
    state = [f"{name}.{key}" for name, part, _ in tree for key, *_ in torch_adapter.own_state(part)]
    assert state == [f"net.{name}" for name, _ in module.named_parameters()]
