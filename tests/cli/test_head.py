"""A port of a small detector: what its own branch and its rows say in the report, and in the error when it fails."""

from __future__ import annotations

import json

from manifests import checksum

from cli.desk import Desk, changed

MODEL = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 8, stride=8)
        self.second = nn.Conv2d(4, 4, 2, stride=2)
        self.head = Head()

    def forward(self, x):
        first = self.first(x)
        return self.head([first, self.second(first)])


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.cls = nn.Conv2d(4, 2, 1)

    def forward(self, maps):
        rows = torch.cat([self.cls(m).flatten(2) for m in maps], 2).transpose(1, 2)
        return rows


def build(seed=0):
    torch.manual_seed(seed)
    batch = {"img": torch.linspace(-1, 1, 2 * 3 * 160 * 160).reshape(2, 3, 160, 160)}
    net = Net()

    def step(batch):
        return {"loss": (net(batch["img"]) ** 2).mean()}

    return {"modules": {"net": net}, "batch": batch, "step": step}
"""
CLS = "self.cls = nn.Conv2d(4, 2, 1)"
ROWS = "500 = 20² + 10²: a row for each cell of the maps that net.head is given (160 px at strides 8, 16)"


def recorded(desk: Desk, *changes: tuple[str, str]) -> Desk:
    """Write the detector and a port with some words replaced, and record it."""
    desk.write(reference=MODEL, port=changed(*changes, model=MODEL))
    assert desk.capture().code == 0
    return desk


def test_a_branch_of_the_port_alone_is_counted_and_the_rows_are_explained(desk: Desk) -> None:
    """The report says what makes the port larger, and where the number of rows comes from, also when drawn again."""
    branch = f"{CLS}\n        self.dist = nn.Sequential(nn.Conv2d(4, 8, 1), nn.BatchNorm2d(8))"
    recorded(desk, (CLS, branch))
    report = json.loads(desk.run("--json").out)
    assert report["sizes"] == [ROWS]
    said = {finding["check"]: finding["message"] for finding in report["preflight"]}
    assert said["parameters"].endswith(
        "56 more than the reference's 850: + 56 of net.head.dist "
        "(4 tensors: 32 in 0.weight, 8 in 0.bias, 8 in 1.weight, 8 in 1.bias)"
    )
    assert "16 more (running statistics) than the reference's 0: + 16 of net.head.dist" in said["buffers"]
    drawn = desk.bisect("report", str(desk.captures / "reports" / "port-loss.json")).out
    assert "Sizes\n  500 = 20² + 10²: a row" in drawn


def test_a_report_without_sizes_is_drawn(desk: Desk) -> None:
    """Where there is nothing to say of rows and parameters there are no such sections."""
    recorded(desk)
    desk.run()
    path = desk.captures / "reports" / "port-loss.json"
    report = json.loads(path.read_text())
    without = {**report, "sizes": [], "census": []}
    path.write_text(json.dumps({**without, "checksum": checksum(without)}))
    done = desk.bisect("report", str(path))
    assert done.code == 0
    assert "Sizes" not in done.out
    assert "Parameters" not in done.out


def test_rows_made_for_another_image_are_explained_when_the_port_fails(desk: Desk) -> None:
    """The numbers in the port's own error are said to be the maps of this image and of another one."""
    recorded(desk, ("return rows", "return rows + torch.zeros(320, 2)"))
    done = desk.run("--json")
    assert done.code == 3, done.err
    (said,) = [end for end in json.loads(done.out)["open_ends"] if end.startswith("the port does not run as it is")]
    assert f": {ROWS}; 320 is what 128 px gives" in said
