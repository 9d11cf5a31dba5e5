"""What calls are handed, and the backward pass: arguments of other names, in another order, and other flags, in one process."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from in_process import beside, record
from torch import nn

from bisect_tool.captures.reader import Capture
from bisect_tool.report.data import Report
from bisect_tool.session import bisect


class Decoder(nn.Module):
    """Reads some features and another value of the last one's shape."""

    def __init__(self) -> None:
        super().__init__()
        self.near, self.far, self.mid = nn.Linear(6, 6), nn.Linear(4, 6), nn.Linear(5, 6)

    def forward(self, feats: list[torch.Tensor], x: torch.Tensor, stop: bool = False, by: float = 0.5) -> torch.Tensor:
        """Read the first two features, and the other value."""
        far = self.far(feats[0]) + self.mid(feats[1])
        return self.near(x) * by + (far.detach() if stop else far)


class Apart(Decoder):
    """Takes the features one by one, and leaves out the one that nobody reads."""

    def forward(
        self, low: torch.Tensor, mid: torch.Tensor, rest: torch.Tensor, stop: bool = False, by: float = 0.5
    ) -> torch.Tensor:
        """Compute the same."""
        return Decoder.forward(self, [low, mid], rest, stop, by)


class Net(nn.Module):
    """A net whose decoder is handed what a fault makes of it."""

    def __init__(self, fault: str, *, apart: bool) -> None:
        super().__init__()
        self.fault, self.apart = fault, apart
        self.first, self.second, self.third = nn.Linear(6, 4), nn.Linear(4, 5), nn.Linear(5, 6)
        self.middle = nn.Linear(6, 6)
        self.decoder = Apart() if apart else Decoder()
        self.weight = nn.Parameter(torch.randn(4, 6))
        if fault == "turned":
            self.weight = nn.Parameter(self.weight.detach().t().contiguous())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute features one of another, and read them."""
        low = self.first(x).tanh()
        mid = self.second(low).tanh()
        high = self.third(mid).tanh() + low @ (self.weight.t() if self.fault == "turned" else self.weight)
        other = self.middle(high)
        if self.fault == "other":
            other = other * 1.5
        feats = [low, mid] if self.apart else [[low, mid, high]]
        return self.decoder(*feats, other, self.fault == "stop", 0.7 if self.fault == "by" else 0.5)


def build(seed: int = 0, fault: str = "", apart: int = 1) -> dict[str, Any]:
    """Build the port, or the reference where nothing is apart."""
    torch.manual_seed(seed)
    net = Net(fault, apart=bool(apart))

    def step(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        out = net(batch["x"])
        return {"loss": (out * (out.detach() if fault == "loss" else out)).mean()}

    batch = {"x": torch.randn(4, 6, generator=torch.Generator().manual_seed(1))}
    return {"modules": {"net": net}, "batch": batch, "step": step}


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Capture:
    """One recorded reference for the module."""
    return record(build, tmp_path_factory.mktemp("handed") / "ref", grads=True, apart=0)


def report_on(capture: Capture, fault: str) -> Report:
    """Return what is said of the port with a fault."""
    return bisect(beside(capture, build, fault=fault), capture)


def named(report: Report) -> list[tuple[str, tuple[str, ...], bool]]:
    return [(culprit.kind, tuple(culprit.sites), culprit.confirmed) for culprit in report.culprits]


def test_arguments_of_other_names_are_paired_by_their_values(capture: Capture) -> None:
    """A faithful port that hands them one by one: no piece of the backward pass is off."""
    report = report_on(capture, "")
    assert report.verdict == "agrees"
    assert all(probe.verdict != "diverges" for probe in report.probes.log)


def test_only_the_loss_is_blamed_for_what_the_loss_does(capture: Capture) -> None:
    """Not the decoder, nor who hands it its arguments."""
    assert named(report_on(capture, "loss")) == [("gradient", ("step",), True)]


def test_a_call_that_is_handed_another_number_is_not_blamed(capture: Capture) -> None:
    """Who hands it on is, and for its values alone; gradients that are off for that are no open end."""
    report = report_on(capture, "by")
    assert [(kind, sites) for kind, sites, _ in named(report)] == [("code", ("net",))]
    assert report.open_ends == ()


def test_a_flag_that_stops_gradients_alone_is_not_charged_to_who_is_handed_it(capture: Capture) -> None:
    """The decoder does what it is told."""
    report = report_on(capture, "stop")
    assert report.verdict != "agrees"
    assert all(sites != ("net.decoder",) for _, sites, _ in named(report))


def test_gradients_that_are_off_for_a_wrong_value_are_explained_by_it(capture: Capture) -> None:
    """The layer that is handed it has the reference's gradient once it has the reference's input."""
    report = report_on(capture, "other")
    assert named(report) == [("code", ("net",), True)]
    assert report.open_ends == ()
    assert report.gradients is not None
    assert report.gradients.norm.port_with_reference_weights == pytest.approx(report.gradients.norm.reference)


def test_the_gradient_of_a_parameter_of_another_shape_is_not_judged(capture: Capture) -> None:
    """The port is faithful: nobody is blamed, and a note says what was not compared."""
    report = report_on(capture, "turned")
    assert (report.verdict, named(report)) == ("agrees", [])
    assert "Every gradient of loss that could be compared agrees too." in report.sentence
    assert any("net.weight" in note and "not compared" in note for note in report.notes)
    assert report.gradients is not None
    assert not any("get no gradient" in said or "gets no gradient" in said for said in report.gradients.said)
