"""Buffers that a framework's own layer updates otherwise: a note, unless a later call of the run gives another value."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import in_process
import pytest
import torch
from torch import nn
from torch.nn import functional

from bisect_tool.axes.calls.search import CALLS, CallsAnswer

NORM = "net.1"


class Theirs(nn.BatchNorm1d):
    """A batch norm as another framework's own: it divides the variance by n."""

    def forward(self, x: Any) -> Any:
        """Compute."""
        if not self.training:
            return super().forward(x)
        mean, var = x.mean(0).detach(), x.var(0, unbiased=False).detach()
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(var, self.momentum)
        return functional.batch_norm(x, None, None, self.weight, self.bias, training=True)


Theirs.__module__, Theirs.__name__ = "torch.nn.theirs", "BatchNorm1d"
Theirs.forward.__module__ = "torch.nn.theirs"


class Inheriting(Theirs):
    """A class of the user's own with the framework's code."""


class Overriding(Theirs):
    """A class of the user's own with his own code."""

    def forward(self, x: Any) -> Any:
        """Compute."""
        return super().forward(x)


def build_of(norm: type[nn.BatchNorm1d], *, evaluates: bool, fault: bool = False) -> Callable[..., dict[str, Any]]:
    """Return a recipe's ``build``; ``step`` trains once, and evaluates the net then where it is told to."""

    def build(seed: int = 0) -> dict[str, Any]:
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(4, 4), norm(4), nn.SiLU() if fault else nn.GELU(), nn.Linear(4, 2))
        batch = {"x": torch.randn(6, 4, generator=torch.Generator().manual_seed(1))}

        def step(batch: dict[str, Any]) -> dict[str, Any]:
            trained = net.train()(batch["x"])
            out = net.eval()(batch["x"]) if evaluates else trained
            net.train()
            return {"loss": out.square().mean()}

        return {"modules": {"net": net}, "batch": batch, "step": step}

    return build


def answered(folder: Path, framework: str = "jittor", **how: Any) -> CallsAnswer:
    """Return what the calls' axis answers about a port whose framework is said to be another one."""
    evaluates, norm = how.pop("evaluates", False), how.pop("norm", Theirs)
    capture = in_process.record(build_of(nn.BatchNorm1d, evaluates=evaluates), folder / "capture")
    port = in_process.beside(capture, build_of(norm, evaluates=evaluates, **how))
    port.described = port.described.model_copy(update={"framework": framework})
    answer = CALLS.search(in_process.opened(port, capture))
    assert isinstance(answer, CallsAnswer)
    return answer


@pytest.mark.parametrize("norm", [Theirs, Inheriting])
def test_no_value_of_the_run_shows_it(tmp_path: Path, norm: type[nn.BatchNorm1d]) -> None:
    """One note says whose update differs, and how."""
    answer = answered(tmp_path, norm=norm)
    assert answer.culprits == answer.open_ends == ()
    (note,) = [note for note in answer.notes if "running_var" in note]
    assert note.startswith(
        f"running_var of {norm.__name__}, whose code is Jittor's own ({NORM}.running_var): updated with"
    )
    assert "the biased variance" in note


def test_beside_a_fault_it_is_a_note_too(tmp_path: Path) -> None:
    """The fault alone is blamed."""
    answer = answered(tmp_path, fault=True)
    assert [culprit.sites for culprit in answer.culprits] == [("net.2",)]
    assert any("running_var" in note for note in answer.notes)


@pytest.mark.parametrize("how", [{"evaluates": True}, {"framework": "torch"}, {"norm": Overriding}])
def test_otherwise_it_is_a_fault(tmp_path: Path, how: dict[str, Any]) -> None:
    """Where an evaluation reads it, both sides are of one framework, or the code is the user's own."""
    answer = answered(tmp_path, **how)
    assert [culprit.sites for culprit in answer.culprits] == [(NORM,)]
    assert not any("running_var" in note for note in answer.notes)
    (culprit,) = answer.culprits
    assert culprit.confirmed
    assert any(f.message.startswith(f"{NORM}.running_var: updated with the biased") for f in culprit.findings)
