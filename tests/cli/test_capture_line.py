"""What `bisect capture` says of calls whose rounding it could not measure."""

from __future__ import annotations

import pytest
from manifests import described, manifest, module, site, tensor

from bisect_tool.captures.manifest import Manifest
from bisect_tool.cli import capture

NOISE = {"rounding": 2e-5, "draws": 4, "targets": {}, "sites": {}, "loss": {}, "exact": {}}


def said(sites: dict[str, str], targets: dict[str, str]) -> str:
    """Return the line about a capture of three calls."""
    names = ("a", "b", "c")
    data = manifest(
        described([module(name) for name in names]),
        sites=[site(name, {"scalar": 1}) for name in names],
        calls=dict.fromkeys(names),
        noise={**NOISE, "unmeasured": {"sites": sites, "targets": targets}},
    )
    return capture._unmeasured(Manifest.model_validate(data))


@pytest.mark.parametrize(
    ("others", "same"), [(["h", "h", "h"], True), (["h", "g", "h"], False), (["h", None, "h"], False), ([], False)]
)
def test_a_reference_that_ignores_its_seed_is_told(others: list[str | None], same: bool) -> None:
    """Where no other initialisation is another one; buffers are no initialisation."""
    numbers = {"mean": 0.0, "std": 1.0, "min": 0.0, "max": 1.0}
    entries = [{**tensor("net.weight"), "hash": "h"}, {**tensor("net.mean", kind="buffer"), "hash": "h"}]
    spread = {
        "seeds": list(range(len(others))),
        "targets": [{} for _ in others],
        "state": {"net.weight": [{**numbers, "hash": other} for other in others]},
    }
    data = manifest(described([module("net")], state=entries), spread=spread)
    line = capture._same_at_all_seeds(Manifest.model_validate(data))
    assert ("build ignores its seed" in line) == same


def test_nothing_is_said_where_all_was_measured() -> None:
    """A line is there for what is missing alone."""
    assert said({}, {}) == ""


def test_calls_and_targets_are_counted_with_their_reasons() -> None:
    """One line, whatever the number of reasons."""
    assert said({"a": "out of memory", "b": "out of memory", "c": "out of memory"}, {}) == (
        "rounding was not measured against float64 at 3 of 3 calls: out of memory (a, b and 1 more)"
    )
    assert said({"a": "TypeError: no"}, {"loss": "out of memory"}) == (
        "rounding was not measured against float64 at 1 of 3 calls and 1 of 1 targets: "
        "TypeError: no (a); out of memory (loss)"
    )
