"""A forced pass on a real net: what is in place is fed, compared and replaced; what is dissolved is the port's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import in_process
import numpy as np
import pytest
import torch
from torch import nn

from bisect_tool.captures.reader import tensor_keys
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.port import WorkerPort
from bisect_tool.sites import Site

Calls = Callable[..., Any]


class Inner(nn.Module):
    """Scale what a layer gives, and add what it is told to."""

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__()
        self.fc, self.settings = nn.Linear(3, 3), settings

    def forward(self, x: Any, shift: Any = None, power: int = 1) -> Any:
        """Compute."""
        if self.settings.get("raises"):
            raise ValueError("does not run")
        y = self.fc(x) * self.settings.get("scale", 1.0)
        y = y if shift is None else y + shift
        return (y, y.mean()) if self.settings.get("pair") else y**power


class Outer(nn.Module):
    """Call the inner module twice, by position or by keyword, in one order or the other."""

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__()
        self.inner, self.settings = Inner(settings), settings

    def forward(self, x: Any) -> Any:
        """Compute."""
        first = {"x": x * self.settings.get("handed", 1.0), "shift": x, "power": self.settings.get("power", 1)}
        second = {"x": x + 1, "shift": -x}
        given = [self._call(one) for one in ((second, first) if self.settings.get("turned") else (first, second))]
        return given[0] + 2 * given[1] if not self.settings.get("turned") else given[1] + 2 * given[0]

    def _call(self, arguments: dict[str, Any]) -> Any:
        if self.settings.get("keywords"):
            y = self.inner(**dict(reversed(arguments.items())))
        else:
            y = self.inner(*arguments.values())
        return y[0] if isinstance(y, tuple) else y


def build_of(**settings: Any) -> Calls:
    """Return the recipe's ``build`` of a net that is written with some settings."""

    def build(seed: int = 0) -> dict[str, Any]:
        torch.manual_seed(seed)
        net = Outer(settings)
        batch = {"x": torch.randn(4, 3, generator=torch.Generator().manual_seed(1))}
        return {"modules": {"net": net}, "batch": batch, "step": lambda b: {"loss": (net(b["x"]) ** 2).mean()}}

    return build


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., WorkerPort]:
    """Return what opens a port beside the plain reference."""
    capture = in_process.record(build_of(), tmp_path / "capture")
    return lambda **settings: in_process.beside(capture, build_of(**settings))


def forced(port: WorkerPort, *dissolved: str, **more: Any) -> Any:
    """Return the reading of a forced pass with the reference's weights."""
    state = frozenset(Site(entry.name) for entry in port.described.state)
    intervention = Intervention(state).forcing(map(Site, dissolved))
    return port.run(intervention.computing_exactly(more.get("exact", ())).disturbing(more.get("disturbed", {})))


def off(rows: Any) -> float:
    return max((row.error or 0.0 for row in rows or ()), default=0.0)


def test_a_faithful_port_is_right_everywhere(opened: Calls) -> None:
    """Every call has a row, in the order in which they begin, with the one around it in the port."""
    port = opened()
    reading = forced(port)
    around = {"net": None, "net.inner": "net", "net.inner.fc": "net.inner", "net.inner#2": "net"}
    assert list(reading.watched) == [*around, "net.inner.fc#2"]
    assert {site: reading.watched[site].around for site in around} == around
    assert all(off(row.inputs) == off(row.output) == 0 for row in reading.watched.values())
    assert not any(row.unknown_inputs or row.unknown_output or row.failed for row in reading.watched.values())


def test_what_is_off_is_seen_where_it_is_made_and_nowhere_else(opened: Calls) -> None:
    """Its output is replaced before anything reads it, and the target is the reference's."""
    port = opened(scale=2.0)
    reading = forced(port)
    assert {site for site, row in reading.watched.items() if off(row.output) > 1e-3} == {"net.inner", "net.inner#2"}
    assert not any(off(row.inputs) for row in reading.watched.values())
    assert reading.targets["loss"] == forced(opened()).targets["loss"]


def test_a_dissolved_call_is_a_part_of_what_calls_it(opened: Calls) -> None:
    """It computes from what it is handed, passes its own value on, and is compared all the same."""
    reading = forced(opened(handed=2.0), "net.inner", "net.inner.fc")
    assert off(reading.watched["net.inner"].inputs) > 1e-3
    assert off(reading.watched["net.inner.fc"].output) > 1e-3
    assert off(reading.watched["net"].output) > 1e-3
    assert off(reading.watched["net.inner#2"].output) == 0
    assert off(forced(opened(handed=2.0)).watched["net"].output) == 0


def test_calls_are_told_by_what_they_are_handed(opened: Calls) -> None:
    """A module that is called in another order has its partners all the same."""
    reading = forced(opened(turned=True))
    assert [reading.watched[site].call for site in ("net.inner", "net.inner#2")] == ["net.inner#2", "net.inner"]
    assert all(off(row.inputs) == off(row.output) == 0 for row in reading.watched.values())


def test_arguments_are_told_by_their_names(opened: Calls) -> None:
    """By keyword in another order is the same call."""
    reading = forced(opened(keywords=True))
    assert all(off(row.inputs) == off(row.output) == 0 for row in reading.watched.values())


def test_values_are_handed_over_under_the_paths_they_were_recorded_by(tmp_path: Path) -> None:
    """Though the port hands them by keyword, in another order, and gives more of them."""
    capture = in_process.record(build_of(), tmp_path / "capture")
    port = in_process.beside(capture, build_of(keywords=True, pair=True))
    (call,) = [entry for entry in capture.manifest.sites if entry.site == "net.inner"]
    state = frozenset(Site(entry.name) for entry in port.described.state)
    handed = port.asides.values(Intervention(state).forcing([]), [Site("net.inner")])[Site("net.inner")]
    for part, recorded in ((handed.inputs, call.inputs), (handed.output, call.output)):
        assert [path for path, _ in part] == [path for path, _ in reversed(list(tensor_keys(recorded)))]
        for path, key in tensor_keys(recorded):
            np.testing.assert_allclose(dict(part)[path], capture.read(key), rtol=1e-6)


def test_another_number_is_seen_and_replaced(opened: Calls) -> None:
    """A plain number that a call is handed is compared; the call is computed from the reference's."""
    row = forced(opened(power=2)).watched["net.inner"]
    assert [one.mismatch for one in row.inputs if one.mismatch] == ["the number 2, reference 1"]
    assert off(row.output) == 0


def test_a_part_of_an_output_without_a_partner_is_unknown(opened: Calls) -> None:
    """The port keeps it, and the part that has one is compared."""
    row = forced(opened(pair=True)).watched["net.inner"]
    assert len(row.unknown_output) == 1
    assert off(row.output) == 0


def test_a_call_that_raises_fails_alone(opened: Calls) -> None:
    """What comes after it gets the reference's output; dissolved, it is the code around it that fails."""
    reading = forced(opened(raises=True))
    assert reading.watched["net.inner"].failed == "ValueError: does not run"
    assert reading.watched["net"].failed is None
    assert off(reading.watched["net"].output) == 0
    around = forced(opened(raises=True), "net.inner", "net.inner#2").watched
    assert (around["net"].failed, off(around["net"].output)) == ("ValueError: does not run", 0)


def test_float64_is_computed_on_the_side(opened: Calls) -> None:
    """Of a call and of what it hands on; no target moves."""
    port = opened(handed=2.0)
    reading = forced(port, exact=[Site("net"), Site("net.inner")])
    assert reading.targets == forced(port).targets
    assert off(reading.watched["net.inner"].exact) < 1e-6
    assert off(reading.watched["net.inner"].exact_inputs) > 1e-3
    assert reading.watched["net.inner#2"].exact is None
    assert off(reading.watched["net.inner#2"].exact_inputs) < 1e-6


def test_what_is_disturbed_is_off(opened: Calls) -> None:
    """By about the size that was asked, and whoever reads it feels it where it is dissolved."""
    disturbed = {Site("net.inner"): 0.1}
    row = forced(opened(), "net.inner", disturbed=disturbed).watched
    assert 0.01 < off(row["net.inner"].output) < 1
    assert off(row["net"].output) > 1e-3
    assert off(forced(opened(), disturbed=disturbed).watched["net"].output) == 0


def test_stirred_weights_are_another_point(opened: Calls) -> None:
    """The reference's second run is compared with, at its own weights."""
    port = opened()
    state = frozenset(Site(entry.name) for entry in port.described.state)
    reading = port.run(Intervention(state, point="stirred").forcing(()))
    assert all(off(row.output) == 0 for row in reading.watched.values())


class Deep(nn.Module):
    """Hand what it is told beside ``x`` to the layer in it, by name: ``cos`` and ``sin``, or ``angles``."""

    def __init__(self, settings: dict[str, Any], *, outer: bool = True) -> None:
        super().__init__()
        self.settings = settings
        self.inner, self.fc = (Deep(settings, outer=False) if outer else None), nn.Linear(3, 3)

    def forward(self, x: Any, cos: Any = None, sin: Any = None, angles: Any = None) -> Any:
        """Compute."""
        if self.inner is None:
            cos, sin = (cos, sin) if angles is None else angles
            return self.fc(x) * cos + x * sin
        told = {"cos": cos, "sin": sin} if angles is None else {"angles": angles}
        return self.inner(x, **{name: part + 0 if self.settings.get("copied") else part for name, part in told.items()})


def deep_of(**settings: Any) -> Calls:
    """Return the recipe's ``build`` of such a net."""

    def build(seed: int = 0) -> dict[str, Any]:
        torch.manual_seed(seed)
        block, angles = Deep(settings), torch.arange(3.0)
        told = {"cos": angles.cos(), "sin": angles.sin()}
        told = {"angles": torch.stack([*told.values()])} if settings.get("stacked") else told
        batch = {"x": torch.randn(4, 3, generator=torch.Generator().manual_seed(1))}
        return {"modules": {"block": block}, "batch": batch, "step": lambda b: {"loss": block(b["x"], **told).sum()}}

    return build


@pytest.mark.parametrize("copied", [True, False])
def test_what_has_no_partner_and_is_handed_on_as_it_is_is_told(copied: bool, tmp_path: Path) -> None:
    """Not of whoever makes it, nor of whoever computes something of it, though it be the same in numbers."""
    capture = in_process.record(deep_of(), tmp_path / "capture")
    watched = forced(in_process.beside(capture, deep_of(stacked=True, copied=copied))).watched
    assert watched["block.inner"].unknown_inputs == ("angles", "cos", "sin")
    assert (watched["block"].handed_on, watched["block.inner"].handed_on) == (False, not copied)


class Counting(nn.Module):
    """Keep a mean of what it is given, in its own buffer, and count its calls; it adds what it found there."""

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__()
        self.fc, self.settings = nn.Linear(3, 3), settings
        self.register_buffer("mean", torch.zeros(3))
        self.register_buffer("calls", torch.zeros(1, dtype=torch.int64))
        self.register_buffer("constant", torch.ones(3))

    def forward(self, x: Any) -> Any:
        """Compute."""
        found = self.mean[:3].clone()
        share = self.settings.get("share", 0.5)
        if self.settings.get("grows"):
            self.mean = torch.zeros(5)
        elif self.settings.get("assigns"):
            self.mean = (1 - share) * self.mean + share * x.mean(0)
        else:
            self.mean.data.mul_(1 - share).add_(x.mean(0), alpha=share)
        self.calls += 1
        if self.settings.get("spoils"):
            self.constant *= 2
        return self.fc(x) + found


def build_counting(**settings: Any) -> Calls:
    """Return the recipe's ``build`` of a net that calls it twice; ``step`` sets its mean to one before the second."""

    def build(seed: int = 0) -> dict[str, Any]:
        torch.manual_seed(seed)
        net = Counting(settings)
        batch = {"x": torch.randn(4, 3, generator=torch.Generator().manual_seed(1))}

        def step(batch: dict[str, Any]) -> dict[str, Any]:
            first = net(batch["x"])
            if not settings.get("forgets"):
                net.mean.fill_(1.0)
            second = net(batch["x"] + 1)
            if settings.get("ends"):
                net.mean += 1.0
            return {"loss": (first * second).mean()}

        return {"modules": {"net": net}, "batch": batch, "step": step}

    return build


@pytest.fixture
def counted(tmp_path: Path) -> Callable[..., WorkerPort]:
    """Return what opens a port beside the plain reference: a capture each, and so no reading of another's."""

    def opened(**settings: Any) -> WorkerPort:
        folder = tmp_path / "_".join(map(str, ("capture", *settings)))
        return in_process.beside(in_process.record(build_counting(), folder), build_counting(**settings))

    return opened


def wrong(reading: Any) -> dict[str, Any]:
    """Return what is off in a forced pass: (call, part) to the paths."""
    rows = {(site, part): getattr(row, part) for site, row in reading.watched.items() for part in ("inputs", "output")}
    found = {place: {one.path for one in some if off([one]) > 1e-6} for place, some in rows.items()}
    return {place: paths for place, paths in found.items() if paths}


MEAN, CONSTANT = "buffer:net.mean", "buffer:net.constant"


def test_buffers_are_compared_when_a_call_begins_and_ends(counted: Calls) -> None:
    """A faithful port is right in them too, also where it assigns other tensors; what nobody writes has no row."""
    for port in (counted(), counted(assigns=True)):
        reading = forced(port)
        assert wrong(reading) == {}
        paths = {one.path for one in reading.watched["net"].output}
        assert paths == {"", MEAN, "buffer:net.calls"}
        assert {one.path: one.error for one in reading.left} == {MEAN: 0.0, "buffer:net.calls": 0.0}
        assert port.run(Intervention()).targets == port.run(Intervention(repeat=1)).targets


def test_what_is_written_otherwise_is_off_where_it_is_written(counted: Calls) -> None:
    """No later call begins with it; a buffer that the reference never writes must stay as it is."""
    reading = forced(counted(share=0.25))
    assert wrong(reading) == {("net", "output"): {MEAN}, ("net#2", "output"): {MEAN}}
    assert not any(off([row]) for row in reading.left)
    spoilt = wrong(forced(counted(spoils=True)))
    assert spoilt == {("net", "output"): {CONSTANT}, ("net#2", "output"): {CONSTANT}}


def test_what_step_writes_between_calls_is_its_own(counted: Calls) -> None:
    """The next call is handed it, and is right; what it writes in the end is left."""
    assert wrong(forced(counted(forgets=True))) == {("net#2", "inputs"): {MEAN}}
    ends = forced(counted(ends=True))
    assert wrong(ends) == {}
    assert {row.path for row in ends.left if off([row])} == {MEAN}


def test_a_dissolved_call_leaves_its_buffers_as_they_are(counted: Calls) -> None:
    """So does one whose buffer drifts, which is not compared at all."""
    assert off(forced(counted(share=0.25, forgets=True), "net").watched["net#2"].inputs) > 1e-3
    port = counted(forgets=True, share=0.25)
    state = frozenset(Site(entry.name) for entry in port.described.state)
    drifting = port.run(Intervention(state).letting_drift([Site("net.mean")]).forcing(()))
    assert wrong(drifting) == {("net#2", "output"): {""}}
    assert MEAN not in {row.path for row in drifting.left}


def test_float64_writes_no_buffer_twice(counted: Calls) -> None:
    """It begins with the same buffers, and what it leaves in them is compared and forgotten."""
    port = counted(share=0.25)
    reading = forced(port, exact=[Site("net"), Site("net#2")])
    assert reading.targets == forced(port).targets
    plain = {row.path: row.error for row in reading.watched["net#2"].output}
    assert {row.path: row.error for row in reading.watched["net#2"].exact} == pytest.approx(plain, abs=1e-6)
    assert wrong(reading) == wrong(forced(port))


def test_buffers_are_handed_over(counted: Calls) -> None:
    """As the port found and left them, before anything replaced them."""
    port = counted(share=0.25)
    state = frozenset(Site(entry.name) for entry in port.described.state)
    handed = port.asides.values(Intervention(state).forcing(()), [Site("net#2")])[Site("net#2")]
    assert dict(handed.inputs)[MEAN].tolist() == [1.0] * 3
    assert dict(handed.inputs)["buffer:net.calls"].tolist() == [1]
    assert not (dict(handed.output)[MEAN] == 1.0).any()


def test_one_that_takes_another_shape_proves_nothing(counted: Calls) -> None:
    """It means something else there: it is not compared, and the port keeps its own."""
    reading = forced(counted(grows=True))
    rows = {row.path: row for row in reading.watched["net"].output}
    assert (rows[MEAN].missing, rows[MEAN].error, rows[MEAN].mismatch) == (True, None, None)
    assert reading.failure is None
    assert reading.watched["net#2"].failed is None
