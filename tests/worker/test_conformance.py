"""What every adapter must do, asked over the wire of real workers: torch, Jittor and libtorch pass the same suite."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from conftest import TINY

from bisect_tool.axes.gradients.targets import allowed
from bisect_tool.captures.reader import Capture, tensor_keys
from bisect_tool.errors import ModelError
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.port import WorkerPort
from bisect_tool.probes.reading import Comparison, Reading
from bisect_tool.questions.repeats import difference
from bisect_tool.recipes.load import load_recipe
from bisect_tool.sites import BUFFER, STEP, Site
from bisect_tool.workers.process import Worker
from bisect_tool.workers.start import build_model, start_worker

FRAMEWORKS = [
    pytest.param("port", id="torch"),
    pytest.param("jittor", id="jittor", marks=pytest.mark.jittor),
    pytest.param("libtorch", id="libtorch"),
]
SITES = (
    "net.stem", "net.first.conv", "net.first.bn", "net.first.act", "net.first",
    "net.second.conv", "net.second.bn", "net.second.act", "net.second",
    "net.second.conv#2", "net.second.bn#2", "net.second.act#2", "net.second#2",
    "net.head.score", "net.head.box", "net.head.box#2", "net.head", "net",
)  # fmt: skip


@dataclass
class Asked:
    """A port in its worker, its capture, and all that it printed."""

    port: WorkerPort
    capture: Capture
    worker: Worker
    state: frozenset[Site]


@pytest.fixture(scope="module", params=FRAMEWORKS)
def asked(
    request: pytest.FixtureRequest, tiny_captures: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Asked]:
    """One worker a framework, for the whole module."""
    recipe = load_recipe(TINY)
    capture = Capture.open((tiny_captures / "tiny" / "ref").resolve())
    worker = start_worker(recipe, recipe.model(request.param), silence_limit=300)

    port = WorkerPort.open(
        lambda: (worker, build_model(worker, recipe, request.param, {"seed": 5})),
        capture,
        [],
        tmp_path_factory.mktemp("probes"),
        [],
    )
    yield Asked(port, capture, worker, frozenset(Site(s) for s in port.matching.state))
    worker.close()


def run(asked: Asked, patched: frozenset[Site] | set[Site] = frozenset(), **more: object) -> Reading:
    """Run one probe that must succeed; ``repeat`` keeps the cache from answering."""
    reading = asked.port.run(Intervention(frozenset(patched), **more))  # type: ignore[arg-type]
    assert reading.failure is None
    return reading


def worst_gradient(asked: Asked, reading: Reading) -> float:
    """Return how far the worst gradient of a parameter is off, over how far it may."""
    manifest = asked.capture.manifest
    assert manifest.gradients is not None
    return max(row.apart / allowed(manifest, manifest.gradients, name) for name, row in reading.gradients.items())


def test_names_and_shapes_are_the_references(asked: Asked) -> None:
    """Parameters, buffers and modules are found under torch's names, with torch's shapes."""
    ours = {s.name: s.shape for s in asked.capture.manifest.described.state}
    assert {s.name: s.shape for s in asked.port.described.state} == ours
    assert {s.name for s in asked.port.described.state if s.kind == "buffer"} == {
        s.name for s in asked.capture.manifest.described.state if s.kind == "buffer"
    }


def test_every_call_is_a_site_with_its_number(asked: Asked) -> None:
    """A module called twice gives two sites, a shared one is named by its caller, children come before containers."""
    assert [site for site, _ in run(asked).calls] == list(SITES)
    assert [entry.site for entry in asked.capture.manifest.sites] == list(SITES)


def test_settings_are_comparable(asked: Asked) -> None:
    """Library modules show their settings under torch's names."""
    modules = {m.name: m for m in asked.port.described.modules}
    assert modules["net.first.bn"].settings["eps"] == pytest.approx(1e-3)
    assert modules["net.first.bn"].class_ == "BatchNorm2d"
    assert modules["net.stem"].class_ == "Conv2d"
    assert modules["net.first.act"].class_ == "SiLU"
    assert all(m.training for m in asked.port.described.modules)


def test_a_run_leaves_nothing_behind(asked: Asked) -> None:
    """The same run gives the same bits after any other run, although batch norm moves its statistics."""
    before = run(asked)
    run(asked, asked.state)
    run(asked, {Site("net.second#2")})
    again = run(asked, repeat=1)
    assert set(again.digests) == set(SITES)
    assert difference(before, again, "loss") is None


def test_replacing_outputs_by_their_copies_changes_no_bit(asked: Asked) -> None:
    """An inert probe: patching itself is harmless."""
    assert run(asked, echo=True).targets == run(asked).targets


def test_the_references_weights_give_the_references_targets(asked: Asked) -> None:
    """With every parameter and buffer patched a faithful port agrees; without, it does not."""
    reference = asked.capture.manifest.targets
    assert run(asked, asked.state).targets == pytest.approx(reference, rel=2e-5)
    assert run(asked).targets != pytest.approx(reference, rel=1e-2)


def test_every_cut_agrees_and_compiles_nothing_new(asked: Asked) -> None:
    """Whatever is patched before a cut, a faithful port agrees, at fewer computed calls, by the same kernels."""
    run(asked, asked.state)
    sites = [Site(s) for s in SITES]
    computed = []
    for cut in range(len(sites) + 1):
        reading = run(asked, asked.state | set(sites[:cut]))
        assert reading.targets == pytest.approx(asked.capture.manifest.targets, rel=2e-5)
        assert not reading.kernels
        computed.append(len(reading.calls))
    assert computed == sorted(computed, reverse=True)
    assert (computed[0], computed[-1]) == (len(SITES), 0)


def test_receipts_hash_what_was_consumed(asked: Asked) -> None:
    """Each patched value leaves a receipt with the capture's hash, outputs and parameters alike."""
    manifest = asked.capture.manifest
    reading = run(asked, asked.state | {Site("net.first"), Site("net.head")})
    assert len(reading.receipts["net.head"]) == 3
    assert "net.first.conv.weight" not in reading.receipts  # inside a patched call: nobody read it
    assert reading.receipts["net.stem.weight"] == [manifest.tensors[manifest.state["net.stem.weight"]].hash]


def test_a_watched_site_that_is_patched_is_computed_first(asked: Asked) -> None:
    """The forced reading: computed from perfect inputs, compared, and then replaced."""
    sites = frozenset(Site(s) for s in SITES)
    reading = run(asked, asked.state | sites, watched=sites)
    assert len(reading.calls) == len(SITES)
    assert set(reading.watched) == set(SITES)
    errors = [c.error for w in reading.watched.values() for c in (*w.inputs, *w.output)]
    assert all(error is not None and error < 2e-5 for error in errors)


def test_a_call_computed_in_float64_rounds_less_and_changes_nothing(asked: Asked) -> None:
    """In float64 every call is the reference's to its own rounding, and the run's targets keep every bit."""
    sites = frozenset(Site(s) for s in SITES)
    plain = run(asked, asked.state | sites, watched=sites)
    exact = run(asked, asked.state | sites, watched=sites, exact=sites)
    assert exact.targets == plain.targets
    assert [site for site, _ in exact.calls] == [site for site, _ in plain.calls]
    assert all(w.exact is None for w in plain.watched.values())
    errors = [c.error for w in exact.watched.values() for c in w.exact or ()]
    assert len(errors) >= len(SITES)
    assert all(error is not None and error < 3e-7 for error in errors)
    assert run(asked, repeat=3).targets == run(asked).targets


def test_what_a_call_was_given_and_gave_is_handed_over(asked: Asked) -> None:
    """The port's own arrays come as they were, from a call whose output is replaced afterwards."""
    sites = [Site("net.first"), Site("net.head")]
    patched = Intervention(asked.state | set(sites), watched=frozenset(sites))
    found = asked.port.asides.values(patched, sites)
    assert set(found) == set(sites)
    (value,) = [array for _, array in found[Site("net.first")].output]
    keys = {entry.site: entry for entry in asked.capture.manifest.sites}
    (recorded,) = [asked.capture.read(key) for _, key in tensor_keys(keys["net.first"].output)]
    np.testing.assert_allclose(value, recorded, rtol=1e-3, atol=1e-5)
    assert len(found[Site("net.head")].output) == 3
    assert len(found[Site("net.first")].inputs) == 1


def buffers(rows: Sequence[Comparison]) -> dict[str, float]:
    """Return how far the buffers among what a call was handed, or gave, are off, by the last part of their names."""
    return {row.path.rpartition(".")[2]: row.error or 0.0 for row in rows if row.path.startswith(BUFFER)}


def test_what_a_call_leaves_in_buffers_is_compared_and_put_right(asked: Asked) -> None:
    """Each call of a batch norm begins with the reference's statistics; Jittor's own divides the variance by n."""
    forced = Intervention(asked.state).forcing(())
    calls = [site for site in map(Site, SITES) if ".bn" in site]
    reading = asked.port.run(forced.computing_exactly(calls))
    assert reading.failure is None
    for site in calls:
        seen = reading.watched[site]
        exact = buffers(seen.exact or seen.output)  # what is not off is not computed once more
        assert buffers(seen.inputs) == {"running_mean": 0.0, "running_var": 0.0}
        assert exact["running_mean"] < 2e-5
        assert (exact["running_var"] < 2e-5) == (asked.port.described.framework != "jittor")
    assert [row.error for row in reading.left] == [0.0] * len(asked.capture.manifest.left)
    assert run(asked, repeat=4).targets == run(asked).targets
    handed = asked.port.asides.values(forced, [calls[-1]])[calls[-1]]
    for part in (handed.inputs, handed.output):
        assert {path for path, _ in part} >= {
            f"{BUFFER}net.second.bn.{name}" for name in ("running_mean", "running_var")
        }


def test_a_buffer_that_drifts_is_the_ports_own(asked: Asked) -> None:
    """It has no row, and the second call begins with what the first one left."""
    names = [Site(name) for name in asked.capture.manifest.left]
    forced = Intervention(asked.state).letting_drift(names).forcing(())
    reading = asked.port.run(forced)
    assert reading.failure is None
    assert not any(row.path.startswith(BUFFER) for seen in reading.watched.values() for row in seen.output)
    assert reading.left == ()


def test_what_build_left_is_compared_with_the_references(asked: Asked) -> None:
    """Constants are the reference's to the bit, weights of another seed are not."""
    names = [Site("net.stem.weight"), Site("net.first.bn.weight"), Site("net.first.bn.running_mean")]
    found = asked.port.asides.compare_state(names)
    assert found.pop(names[0]) > 0.1
    assert found == {names[1]: 0.0, names[2]: 0.0}


def test_a_value_overwritten_in_place_is_recorded_as_it_was(asked: Asked) -> None:
    """The stem's output, halved in place later on, is captured as the stem gave it."""
    reading = run(asked, asked.state, watched=frozenset({Site("net.stem")}))
    (output,) = reading.watched["net.stem"].output
    assert output.error is not None
    assert output.error < 1e-6


def test_kept_calls_give_the_same_bits_for_less(asked: Asked) -> None:
    """A call that keeps its own value need not be computed, and nothing after it changes."""
    kept = frozenset({Site("net.stem"), Site("net.first"), Site("net.second")})
    patched = {Site("net.head.score.bias"), Site("net.second#2")}
    plain, cheap = run(asked, patched), run(asked, patched, kept=kept)
    assert cheap.targets == plain.targets
    assert [site for site, _ in cheap.calls] == ["net.head.score", "net.head.box", "net.head.box#2", "net.head", "net"]


def test_a_call_can_be_fed_the_references_inputs(asked: Asked) -> None:
    """A call that is fed the reference's inputs gives the reference's output, whatever came before it."""
    patched = {s for s in asked.state if s.startswith("net.second")}
    fed = run(asked, patched, watched=frozenset({Site("net.second")}), fed=frozenset({Site("net.second")}))
    free = run(asked, patched, watched=frozenset({Site("net.second")}))
    (right,), (wrong,) = fed.watched["net.second"].output, free.watched["net.second"].output
    assert right.error is not None
    assert right.error < 2e-5
    assert wrong.error is not None
    assert wrong.error > 1e-2


def test_every_piece_of_the_backward_pass_agrees(asked: Asked) -> None:
    """Each call, pulled back by itself from the reference's gradients, makes the reference's of them: in float64 too."""
    gradients = asked.capture.manifest.gradients
    assert gradients is not None
    sites = frozenset(Site(s) for s in SITES)
    reading = run(asked, asked.state, backward="pieces", watched=sites, exact=frozenset({Site("net.first.conv")}))
    assert {row.site for row in reading.pieces if row.exact} == {"net.first.conv"}
    for row in reading.pieces:
        entry = gradients.sites[row.site]
        floor = {"inputs": entry.inputs, "output": entry.output, "state": entry.state}[row.part][row.path][1]
        assert row.gradient.mismatch is None
        assert row.gradient.apart <= 3 * max(floor, 2e-5 * (row.gradient.reference or 0.0)), row
    contributions = [row for row in reading.pieces if row.part == "state" and not row.exact]
    assert len(contributions) == 20  # a call that is made twice contributes twice


def test_a_whole_backward_pass_agrees(asked: Asked) -> None:
    """Also where calls are severed, or get the reference's gradient at their outputs; nothing is left behind."""
    plain = run(asked).targets
    straight = frozenset(Site(s) for s in SITES)
    for more in (
        {},
        {"pulled": frozenset({Site("net.second#2")})},
        {"severed": frozenset({Site("net.first"), Site("net.head.box")})},
        {"severed": frozenset({Site("net")}), "pulled": frozenset({Site("net.second")})},
        {"corrected": frozenset({Site("net"), Site("net.first"), STEP})},
    ):
        reading = run(asked, asked.state, backward="whole", straight=straight, **more)
        assert worst_gradient(asked, reading) <= 1
        assert not any(row.none for row in reading.gradients.values())
    assert run(asked, repeat=3).targets == plain


def test_the_ports_own_gradients_are_the_same_twice(asked: Asked) -> None:
    """To the bit, with what every call gives on the way."""
    first, again = (run(asked, backward="own", repeat=number) for number in (0, 1))
    assert first.gradients
    assert set(again.digests) == set(SITES)
    assert difference(first, again, "loss") is None


def test_gradients_at_the_own_start_are_there(asked: Asked) -> None:
    """With its own weights every parameter has one, and they are not the reference's."""
    reading = run(asked, backward="own")
    assert not any(row.none for row in reading.gradients.values())
    assert worst_gradient(asked, reading) > 1


def test_an_unknown_site_is_an_error_and_the_worker_lives_on(asked: Asked) -> None:
    """A request that cannot be served is answered, not died of."""
    with pytest.raises(ModelError, match="no such site"):
        asked.worker.ask("run", patch=["net.nowhere"], watch=[], keep=[], feed=[], echo=False)
    assert run(asked, repeat=2).targets == run(asked).targets
