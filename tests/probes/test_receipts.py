"""A patch that the port did not consume proves nothing, and is refused unless nobody had to read it."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

import pytest
from manifests import SHARD, described, manifest, module, site, tensor

from bisect_tool.captures.manifest import Manifest
from bisect_tool.errors import BisectError
from bisect_tool.pairing.names import Matching
from bisect_tool.probes.reading import Comparison, Reading, Watched
from bisect_tool.probes.receipts import Receipts
from bisect_tool.sites import BUFFER, Site

# top calls m, which calls m.a; shared is called twice; idle has a parameter and is never called.
CALLS = {"top": None, "m": "top", "m.a": "m", "shared": "top", "shared#2": "m"}
STATE = {"m.a.weight": "w", "shared.weight": "s", "idle.weight": "i"}
OUTPUTS = {"m.a": {"tensor": "a"}, "m": {"tuple": [{"tensor": "a"}, {"tensor": "b"}]}}


@pytest.fixture
def receipts() -> Receipts:
    """Return what a capture of these calls holds; a tensor's hash is its key in capitals."""
    names = ["top", "m", "m.a", "shared", "idle"]
    keys = {*STATE.values(), "a", "b"}
    recorded = manifest(
        described([module(name) for name in names], [tensor(name) for name in STATE]),
        sites=[site(name, output) for name, output in OUTPUTS.items()],
        calls=CALLS,
        state=STATE,
        tensors={k: {"file": SHARD, "shape": [3, 3], "dtype": "float32", "hash": k.upper()} for k in keys},
    )
    how = {"m.a.weight": "exact", "shared.weight": "guess", "idle.weight": "exact"}
    matching = Matching({}, {"shared.weight": "common.w"}, how, (), ())
    data = Manifest.model_validate(recorded)
    return Receipts(data, data.tensors, matching)


def refused(
    receipts: Receipts, reading: Reading, patched: str, unread: Collection[str] = (), called: Collection[str] = ()
) -> str:
    """Return why a probe that patched one site is refused, '' where it is not; ``unread`` calls were patched too."""
    try:
        receipts.check(reading, [Site(patched)], {Site(patched), *map(Site, unread)}, called.__contains__)
    except BisectError as error:
        return f"{error} ({error.hint})"
    return ""


@pytest.mark.parametrize(("patched", "hashes"), [("m.a", ["A"]), ("m", ["A", "B"]), ("m.a.weight", ["W"])])
def test_what_was_consumed_as_the_capture_holds_it_is_fine(receipts: Receipts, patched: str, hashes: list[str]) -> None:
    """Every tensor of a call's output, in order; a parameter is one."""
    assert not refused(receipts, Reading(receipts={patched: hashes}), patched)


@pytest.mark.parametrize(
    ("patched", "hashes"), [("m.a", ["B"]), ("m", ["B", "A"]), ("m", ["A"]), ("m.a.weight", ["?"])]
)
def test_another_value_is_refused(receipts: Receipts, patched: str, hashes: list[str]) -> None:
    """As a framework that has no float64 would consume it."""
    words = refused(receipts, Reading(receipts={patched: hashes}), patched)
    assert words.startswith(f"the port consumed another value at {patched} than the capture holds")
    assert "--exclude" in words


def test_a_patch_that_nobody_read_is_refused(receipts: Receipts) -> None:
    """The port has the name and does not use it."""
    assert "the patch at m.a was not consumed" in refused(receipts, Reading(), "m.a")
    words = refused(receipts, Reading(), "m.a.weight")
    assert "the port uses another module or tensor there" in words
    assert "by shape" not in words


def test_a_guessed_name_is_said(receipts: Receipts) -> None:
    """Then the guess is what is wrong, and a rule mends it."""
    words = refused(receipts, Reading(), "shared.weight")
    assert "it was matched with common.w by shape and order only" in words
    assert "rename rules under [names]" in words


@pytest.mark.parametrize("around", ["m", "top"])
def test_nobody_reads_inside_a_patched_call(receipts: Receipts, around: str) -> None:
    """Neither a call in there, however deep, nor its parameters."""
    assert not refused(receipts, Reading(), "m.a", {around})
    assert not refused(receipts, Reading(), "m.a.weight", {around})


def test_a_parameter_is_read_by_every_call_of_its_module(receipts: Receipts) -> None:
    """One call that is computed is enough to have to read it."""
    assert refused(receipts, Reading(), "shared.weight", {"shared"})
    assert refused(receipts, Reading(), "shared.weight", {"m"})
    assert not refused(receipts, Reading(), "shared.weight", {"shared", "m"})


def test_what_the_reference_never_reads_need_not_be_read(receipts: Receipts) -> None:
    """A parameter of a module that is never called."""
    assert not refused(receipts, Reading(), "idle.weight")


def test_a_parameter_that_other_code_reads_must_still_stand(receipts: Receipts) -> None:
    """As functional calls read it; where the port calls the module itself, that call should have read it."""
    standing = Reading(standing={"m.a.weight": "W"})
    assert not refused(receipts, standing, "m.a.weight")
    assert refused(receipts, standing, "m.a.weight", called={"m.a"})
    assert refused(receipts, Reading(standing={"m.a.weight": "?"}), "m.a.weight")


@pytest.mark.parametrize("reading", [Reading(calls=(("m.a", ()),)), Reading(receipts={"m.a": ["A"]})])
def test_a_call_that_was_come_to_must_be_compared(receipts: Receipts, reading: Reading) -> None:
    """That a worker says nothing of a call that it was to watch does not clear it; a call that it skipped may be missing."""
    assert receipts.not_compared(reading, [Site("m.a"), Site("m")]) == ["m.a"]
    seen = Watched(output=(Comparison("", 0.0),))
    assert receipts.not_compared(dataclasses.replace(reading, watched={"m.a": Watched()}), [Site("m.a")]) == ["m.a"]
    assert receipts.not_compared(dataclasses.replace(reading, watched={"m.a": seen}), [Site("m.a")]) == []


def test_a_forced_pass_that_leaves_out_a_buffer_is_not_judged(receipts: Receipts) -> None:
    """Of those that a call writes and the port was given, when it begins and when it ends; and of the step in the end."""
    recorded = manifest(
        described([module("m")], [tensor("m.mean", kind="buffer")]),
        sites=[{**site("m", {"tensor": "a"}), "state": {"m.mean": ["a", "b"]}}],
        calls={"m": None},
        left={"m.mean": "b"},
        tensors={k: {"file": SHARD, "shape": [3], "dtype": "float32", "hash": k} for k in "ab"},
    )
    data = Manifest.model_validate(recorded)
    judge = Receipts(data, data.tensors, Matching({}, {}, {}, (), ()))
    buffer, value = Comparison(f"{BUFFER}m.mean", 0.0), Comparison("", 0.0)
    whole = Reading(watched={"m": Watched((buffer,), (value, buffer))}, left=(buffer,))

    def silent(reading: Reading, *buffers: str) -> list[str]:
        return judge.not_judged(reading, lambda _site: True, buffers)

    assert silent(whole, "m.mean") == []
    for row in (Watched((), (value, buffer)), Watched((buffer,), (value,))):
        reading = dataclasses.replace(whole, watched={"m": row})
        assert (silent(reading, "m.mean"), silent(reading)) == (["m"], [])
    assert silent(dataclasses.replace(whole, left=()), "m.mean") == ["step"]
