"""Steps that change weights: a teacher that follows a student, and training."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import in_process
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from bisect_tool.errors import InconclusiveError, ModelError
from bisect_tool.report.data import Report
from bisect_tool.session import bisect

Follow = Callable[[nn.Module, nn.Module, float], None]


class Net(nn.Module):
    """Two layers; ``scaled``: the gradient of the first is doubled."""

    def __init__(self, *, scaled: bool = False) -> None:
        super().__init__()
        self.first, self.last = Scaled(6, 16) if scaled else nn.Linear(6, 16), nn.Linear(16, 3)

    def forward(self, x: Any) -> Any:
        """Compute."""
        return self.last(torch.tanh(self.first(x)))


class Scaled(nn.Linear):
    """A layer whose values are right, and whose backward pass is not."""

    def forward(self, x: Any) -> Any:
        """Compute."""
        y = super().forward(x)
        return y * 2 - y.detach()


def batch() -> dict[str, Any]:
    """Return images and classes."""
    draws = torch.Generator().manual_seed(3)
    return {"x": torch.randn(20, 6, generator=draws), "y": torch.arange(20) % 3}


def in_place(teacher: nn.Module, student: nn.Module, decay: float) -> None:
    """Let the teacher follow, in place."""
    for mine, theirs in zip(teacher.parameters(), student.parameters(), strict=True):
        mine.data.mul_(decay).add_(theirs.data, alpha=1 - decay)


def by_other_data(teacher: nn.Module, student: nn.Module, decay: float) -> None:
    """Let the teacher follow, in memory of its own."""
    for mine, theirs in zip(teacher.parameters(), student.parameters(), strict=True):
        mine.data = torch.lerp(theirs.data, mine.data, decay)


def by_sharing(teacher: nn.Module, student: nn.Module, decay: float) -> None:
    """Let the teacher lie in the student's memory."""
    for mine, theirs in zip(teacher.parameters(), student.parameters(), strict=True):
        mine.data = theirs.data


def by_other_parameters(teacher: nn.Module, student: nn.Module, decay: float) -> None:
    """Let the teacher have other parameters."""
    for name, theirs in dict(student.named_parameters()).items():
        module, _, key = name.rpartition(".")
        owner = teacher.get_submodule(module)
        mine = torch.lerp(theirs.detach(), getattr(owner, key).detach(), decay)
        setattr(owner, key, nn.Parameter(mine, requires_grad=False))


def following(seed: int = 0, *, follow: Follow = in_place, decay: float = 0.9, frozen: bool = True) -> dict[str, Any]:
    """Return a student and its teacher."""
    torch.manual_seed(seed)
    student, teacher = Net(), Net().requires_grad_(not frozen)

    def step(batch: dict[str, Any]) -> dict[str, Any]:
        logits = student(batch["x"])
        follow(teacher, student, decay)
        return {"loss": F.mse_loss(logits, teacher(batch["x"] * 2)), "other": F.cross_entropy(logits, batch["y"])}

    return {"modules": {"student": student, "teacher": teacher}, "batch": batch(), "step": step}


def training(
    seed: int = 0, *, rate: float = 0.1, momentum: float = 0.0, scaled: bool = False, kept: bool = True
) -> dict[str, Any]:
    """Return a net that torch's optimizer trains, two steps long."""
    torch.manual_seed(seed)
    net = Net(scaled=scaled)
    optimizer = torch.optim.SGD(net.parameters(), lr=rate, momentum=momentum)

    def step(batch: dict[str, Any]) -> dict[str, Any]:
        losses = []
        for _ in range(2):
            losses.append(F.cross_entropy(net(batch["x"]), batch["y"]))
            optimizer.zero_grad()
            losses[-1].backward()
            optimizer.step()
        return {"first": losses[0], "second": losses[1], "third": F.cross_entropy(net(batch["x"]), batch["y"])}

    built = {"modules": {"net": net}, "batch": batch(), "step": step}
    return {**built, "optimizer": optimizer} if kept else built


def by_hand(seed: int = 0, *, rate: float = 0.1) -> dict[str, Any]:
    """Return the same net, trained in place."""
    torch.manual_seed(seed)
    net = Net()
    weights = list(net.parameters())

    def step(batch: dict[str, Any]) -> dict[str, Any]:
        losses = []
        for _ in range(2):
            losses.append(F.cross_entropy(net(batch["x"]), batch["y"]))
            gradients = torch.autograd.grad(losses[-1], weights)
            with torch.no_grad():
                for weight, gradient in zip(weights, gradients, strict=True):
                    weight.sub_(rate * gradient)
        return {"first": losses[0], "second": losses[1], "third": F.cross_entropy(net(batch["x"]), batch["y"])}

    return {"modules": {"net": net}, "batch": batch(), "step": step}


def asked(folder: Path, reference: Any, port: Any, target: str | None, **options: Any) -> Report:
    """Record a reference and ask about a port that starts elsewhere: the report."""
    capture = in_process.record(reference, folder / "capture", seeds=range(1, 9))
    return bisect(in_process.beside(capture, port, seed=5, **options), capture, target=target)


@pytest.mark.parametrize("target", [None, "loss"])
@pytest.mark.parametrize("follow", [in_place, by_other_data, by_other_parameters])
def test_a_faithful_teacher_agrees(tmp_path: Path, follow: Follow, target: str | None) -> None:
    """However it is written, and also where the reference's is written so."""
    report = asked(tmp_path, lambda seed=0: following(seed, follow=follow), following, target)
    assert (report.verdict, report.culprits) == ("agrees", ())
    report = asked(tmp_path / "other", following, lambda seed=0: following(seed, follow=follow), target)
    assert (report.verdict, report.culprits) == ("agrees", ())


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("target", [None, "loss"])
def test_a_teacher_that_follows_otherwise_is_the_doing_of_step(
    tmp_path: Path, target: str | None, frozen: bool
) -> None:
    """And not of the call that begins with it; nothing is trained, also where the teacher would take gradients."""
    port = functools.partial(following, follow=by_other_data, decay=0.5, frozen=frozen)
    report = asked(tmp_path, functools.partial(following, frozen=frozen), port, target)
    assert report.verdict == "diverges"
    (culprit,) = report.culprits
    assert culprit.sites == ("step",)
    assert any("teacher begins with another" in finding.message for finding in culprit.findings)


def test_a_teacher_that_shares_memory_is_one_culprit(tmp_path: Path) -> None:
    """What it is given reaches no student, which is not left otherwise."""
    report = asked(tmp_path, following, lambda seed=0: following(seed, follow=by_sharing), None)
    assert [culprit.sites for culprit in report.culprits] == [("step",)]


@pytest.mark.parametrize("target", [None, "third"])
def test_a_step_that_trains_agrees_however_it_is_written(tmp_path: Path, target: str | None) -> None:
    """Each run begins with the weights of ``build``, and with no momentum."""
    report = asked(tmp_path, training, by_hand, target)
    assert (report.verdict, report.culprits) == ("agrees", ())
    moving = asked(tmp_path / "moving", lambda seed=0: training(seed, momentum=0.9), training, target, momentum=0.9)
    assert (moving.verdict, moving.culprits) == ("agrees", ())


@pytest.mark.parametrize("target", [None, "third"])
@pytest.mark.parametrize(("port", "options"), [(by_hand, {"rate": 0.2}), (training, {"scaled": True})])
def test_a_step_that_trains_otherwise_is_suspected(
    tmp_path: Path, port: Any, options: dict[str, Any], target: str | None
) -> None:
    """Its gradients were not compared: one that is wrong in a layer looks the same, and nobody is accused."""
    report = asked(tmp_path, training, port, target, **options)
    assert report.verdict == "inconclusive"
    (suspect,) = report.culprits
    assert suspect.sites == ("step",)
    assert suspect.status == "not proved"
    assert any("the gradients were not compared" in end for end in report.open_ends)
    assert "Set otherwise" not in report.sentence


def test_a_setting_that_differs_is_in_the_sentence_of_a_step_that_trains_otherwise(tmp_path: Path) -> None:
    """It proves nothing, and is what there is to look at."""
    report = asked(tmp_path, training, training, None, rate=0.2)
    assert report.verdict == "inconclusive"
    assert "Set otherwise: optimizer of 4 parameters: learning rate 0.2, reference 0.1: " in report.sentence


def test_what_is_kept_by_an_optimizer_that_nobody_knows_is_said(tmp_path: Path) -> None:
    """Its momentum cannot be put back, on either side."""
    with pytest.raises(ModelError, match="return its optimizer from build if step changes weights by one"):
        in_process.record(lambda seed=0: training(seed, momentum=0.9, kept=False), tmp_path / "wrong")
    with pytest.raises(InconclusiveError) as caught:
        asked(tmp_path, training, lambda seed=0: training(seed, momentum=0.9, kept=False), "third")
    assert "return its optimizer from build" in str(caught.value.hint)


def test_gradients_of_a_step_that_trains_are_not_recorded(tmp_path: Path) -> None:
    """It is said why."""
    folder = tmp_path / "capture"
    folder.mkdir()
    how = {"include": [], "exclude": [], "seeds": [1], "grads": {"of": None}}
    with pytest.raises(ModelError, match=r"this one changes net\.first\.bias, .* by gradients of its own"):
        in_process.InProcess(training, {}).ask("record", folder=str(folder), **how)
