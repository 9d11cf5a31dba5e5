"""Lines that are right by what reads them, and wrong ones that stand elsewhere than at a name that both sides know."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import lines_shown, record_switched, report_on

PAIR = """
import copy

import torch
from torch import nn
import torch.nn.functional as F


class Loss:
    def __call__(self, box, logits, goal, labels):
        found = labels > 0
        near = F.smooth_l1_loss(box[found], goal[found], reduction="sum")
        entropy = F.cross_entropy(logits, labels, reduction="none")
        hard = entropy.detach() * ~found
        best = hard.topk(3 * int(found.sum())).indices
        kept = found.clone()
        kept[best] = True
        entropy = entropy[kept].sum()
        number = found.sum()
        return near / number, entropy / number


def chosen(losses, found, ratio=3):
    picked = found.clone()
    picked[(losses * ~found).argsort(descending=True)[: ratio * int(found.sum())]] = True
    return picked


def scaled(value, times=2.0):
    return value * times


def losses(box, logits, goal, labels, fault):
    found = labels > 0
    n = found.sum()
    near = F.smooth_l1_loss(box[found], goal[found], reduction="sum") / n
    each = F.cross_entropy(logits, labels, reduction="none")
    picked = chosen(each, found)
    return near, each[picked | (picked.roll(1) if fault == "more" else found)].sum() / n


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.inside, self.box, self.cls = nn.Linear(6, 8), nn.Linear(8, 4), nn.Linear(8, 3)

    def forward(self, x):
        x = self.inside(x).tanh()
        return self.box(x), self.cls(x)


def follow(teacher, student, fault):
    kept = 0.1 if fault == "follow" else 0.9
    mine = dict(student.named_parameters())
    for name, p in teacher.named_parameters():
        if fault == "changed":
            p.data.mul_(kept + 0.05).add_(mine[name].data * 0.05)
        else:
            p.data = torch.lerp(mine[name].data, p.data, kept)


def build(seed=0, fault="", port=%s):
    torch.manual_seed(seed)
    net = Net()
    teacher = copy.deepcopy(net)
    for p in teacher.parameters():
        p.data += 0.1 * torch.randn(p.shape)
    teacher.requires_grad_(False)

    def step(batch):
        if port:
            offsets, scores = net(batch["x"])
            box, logits = losses(
                offsets,
                scores,
                batch["goal"] * (1.5 if fault == "handed" else 1.0),
                batch["labels"],
                fault,
            )
            follow(teacher, net, fault)
            same = F.mse_loss(scores * (1.5 if fault == "student" else 1.0), teacher(batch["x"])[1])
            alike = scaled(same) if fault == "default" else same
            return {
                "near": box,
                "entropy": logits,
                "same": alike * (2.0 if fault == "part" else 1.0),
            }
        else:
            box, logits = net(batch["x"])
            near, entropy = Loss()(box, logits, batch["goal"], batch["labels"])
            with torch.no_grad():
                for t, s in zip(teacher.parameters(), net.parameters()):
                    t.mul_(0.9).add_(s, alpha=0.1)
        same = F.mse_loss(logits, teacher(batch["x"])[1])
        return {"near": near, "entropy": entropy, "same": same}

    draw = torch.Generator().manual_seed(1)
    labels = torch.zeros(40, dtype=torch.long)
    labels[torch.randperm(40, generator=draw)[:6]] = 1 + torch.randint(2, (6,), generator=draw)
    batch = {"x": torch.randn(40, 6, generator=draw), "goal": torch.randn(40, 4, generator=draw), "labels": labels}
    return {"modules": {"net": net, "teacher": teacher}, "batch": batch, "step": step}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe whose port has functions for a class, and a teacher; its reference is recorded."""
    return record_switched(tmp_path_factory.mktemp("ruled_out"), PAIR)


def shown(folder: Path, fault: str) -> list[str]:
    """Return the lines that the only culprit names, stripped."""
    (culprit,) = report_on(folder, fault)["culprits"]
    assert culprit["confirmed"]
    return [line.strip() for line in lines_shown(folder, culprit)]


def test_the_port_agrees(folder: Path) -> None:
    """It computes the same."""
    assert report_on(folder, "none")["verdict"] == "agrees"


def test_a_number_that_divides_what_is_right_is_right(folder: Path) -> None:
    """So is a variable whose name means something of another size later on."""
    lines = shown(folder, "more")
    assert any(line.startswith("return near, each[") for line in lines)
    assert not any(line.startswith(("n = ", "each = ")) for line in lines)


def test_a_name_that_means_something_of_another_size_is_known_by_its_values(folder: Path) -> None:
    """The reference has the name of the net's outputs, the port that of losses: what the outputs are called agrees."""
    (line,) = shown(folder, "student")
    assert line.startswith("same = F.mse_loss(scores * ")


def test_a_default_is_shown_where_it_is_written_down(folder: Path) -> None:
    """Not only where the function is called, which hands nothing over."""
    assert "def scaled(value, times=2.0):" in shown(folder, "default")


@pytest.mark.parametrize(("fault", "text"), [("follow", "p.data = torch.lerp("), ("changed", "p.data.mul_(kept")])
def test_the_line_is_named_that_writes_what_a_call_begins_with(fault: str, text: str, folder: Path) -> None:
    """By whatever name, and in place or not."""
    lines = shown(folder, fault)
    assert lines[0].startswith(text)
    assert len(lines) <= 5


@pytest.mark.parametrize(("fault", "text"), [("part", '"same": alike * (2.0'), ("handed", 'batch["goal"] * (1.5')])
def test_of_a_statement_over_several_lines_the_one_is_shown_that_makes_the_wrong_part(
    fault: str, text: str, folder: Path
) -> None:
    """A value that is written out has a line for each part, as a call has for what it hands over."""
    assert any(line.startswith(text) for line in shown(folder, fault))
