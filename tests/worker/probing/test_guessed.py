"""Complex numbers between calls, in a port that has pairs of real ones there: in a forced pass, whichever form these have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import in_process
import pytest
import torch
from test_forced import forced, off
from torch import nn

WRITE: dict[str, Callable[[Any, Any], Any]] = {
    "complex": torch.complex,
    "last": lambda re, im: torch.stack((re, im), -1),
    "second": lambda re, im: torch.stack((re, im), 1),
    "halves": lambda re, im: torch.cat((re, im), -1),
    "turns": lambda re, im: torch.stack((re, im), -1).flatten(-2),
}
READ: dict[str, Callable[[Any], tuple[Any, Any]]] = {
    "complex": lambda x: (x.real, x.imag),
    "last": lambda x: x.unbind(-1),
    "second": lambda x: x.unbind(1),
    "halves": lambda x: x.chunk(2, -1),
    "turns": lambda x: x.unflatten(-1, (-1, 2)).unbind(-1),
}
FORMS = ["last", "second", "halves", "turns"]


class Mix(nn.Module):
    """A linear layer of complex numbers, of which the imaginary part may be wrong."""

    def __init__(self, form: str, reads: str, sign: float) -> None:
        super().__init__()
        self.re, self.im = nn.Linear(4, 4), nn.Linear(4, 4)
        self.form, self.reads, self.sign = form, reads, sign

    def forward(self, x: Any) -> Any:
        """Compute."""
        re, im = READ[self.reads](x)
        return WRITE[self.form](self.re(re) - self.im(im), self.re(im) + self.sign * self.im(re))


class Tanh(nn.Module):
    """Take each number for itself, or, in the reference, each part."""

    def forward(self, x: Any) -> Any:
        """Compute."""
        return torch.complex(x.real.tanh(), x.imag.tanh()) if x.is_complex() else x.tanh()


class Last(Mix):
    """Give real numbers, for which it must know what it is handed."""

    def forward(self, x: Any) -> Any:
        """Compute."""
        re, im = READ[self.reads](x)
        return (self.re(re) ** 2 + 3 * self.im(im) ** 2).mean((1, 2))


class Net(nn.Module):
    """Three layers, one after the other."""

    def __init__(self, form: str, last: str = "", sign: float = 1.0) -> None:
        super().__init__()
        self.form = form
        self.first, self.tanh = Mix(form, form, 1.0), Tanh()
        self.second, self.last = Mix(form, form, sign), Last(form, last or form, 1.0)

    def forward(self, x: Any) -> Any:
        """Compute."""
        x = self.tanh(self.first(WRITE[self.form](x, x.flip(1) + 1)))
        return self.last(self.second(x))


def build_of(*settings: Any) -> Callable[..., dict[str, Any]]:
    def build(seed: int = 0) -> dict[str, Any]:
        torch.manual_seed(seed)
        net = Net(*settings)
        batch = {"x": torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(1))}
        return {"modules": {"net": net}, "batch": batch, "step": lambda b: {"loss": net(b["x"]).mean()}}

    return build


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return in_process.record(build_of("complex"), tmp_path_factory.mktemp("folder") / "capture")


def unknown(reading: Any) -> set[str]:
    return {site for site, row in reading.watched.items() if row.unknown_inputs or row.unknown_output}


@pytest.mark.parametrize("form", FORMS)
def test_a_faithful_port_is_right_everywhere(capture: Any, form: str) -> None:
    """Each call is handed the reference's numbers in its own form, and what it gives is compared in that."""
    reading = forced(in_process.beside(capture, build_of(form)))
    assert len(reading.watched) == 15
    assert all(off(row.inputs) < 1e-5 and off(row.output) < 1e-5 for row in reading.watched.values())
    assert not unknown(reading)


@pytest.mark.parametrize("form", FORMS)
def test_a_fault_is_seen_where_it_is_made(capture: Any, form: str) -> None:
    """Nobody else is off; in a form that shapes do not tell, the same class has shown which it is."""
    reading = forced(in_process.beside(capture, build_of(form, form, -1.0)))
    assert {site for site, row in reading.watched.items() if off(row.output) > 1e-3} == {"net.second"}
    assert not any(off(row.inputs) > 1e-5 for row in reading.watched.values())
    assert not reading.watched["net.second"].unknown_inputs


def test_who_gives_another_form_than_is_read_is_not_cleared(capture: Any) -> None:
    """Halves that are read in turns: who is wrong cannot be told, and neither is known to be right."""
    reading = forced(in_process.beside(capture, build_of("halves", "turns")))
    assert off(reading.watched["net.last.re"].inputs) > 1e-3
    assert reading.watched["net.last"].unknown_inputs
    assert reading.watched["net.second"].unknown_output
    assert not {"net.first", "net.tanh"} & unknown(reading)


def test_who_reads_what_is_given_in_no_known_form_is_not_cleared(capture: Any) -> None:
    """The value was put right in any form: that the call reads it so says nothing of what the port gives it."""

    def build(seed: int = 0) -> dict[str, Any]:
        built = build_of("halves", "turns")(seed)
        built["modules"]["net"].second.form = "exchanged"
        return built

    WRITE["exchanged"] = lambda re, im: torch.cat((im, re), -1)
    reading = forced(in_process.beside(capture, build))
    assert off(reading.watched["net.second"].output) > 1e-3
    assert reading.watched["net.second"].unknown_output
    assert reading.watched["net.last"].unknown_output


@pytest.mark.parametrize("form", FORMS)
def test_the_other_way_round(form: str, tmp_path: Path) -> None:
    """Pairs in the reference are complex numbers in the port."""
    capture = in_process.record(build_of(form), tmp_path / "capture")
    reading = forced(in_process.beside(capture, build_of("complex")))
    assert all(off(row.inputs) < 1e-5 and off(row.output) < 1e-5 for row in reading.watched.values())
    assert not unknown(reading)
