"""What is said of wrong gradients, on constructed rows."""

from __future__ import annotations

import pytest

from bisect_tool.axes.gradients.findings import gradient_findings
from bisect_tool.probes.reading import Pulled, PulledAt
from bisect_tool.sites import STEP, Site


def row(part: str = "inputs", path: str = "0.0", site: str = "net", **gradient: object) -> PulledAt:
    """Return a gradient whose size in the reference is 1, of 100 numbers."""
    return PulledAt(site, part, path, exact=False, gradient=Pulled(**{"reference": 1.0, "size": 100, **gradient}))


@pytest.mark.parametrize(
    ("gradient", "check", "words"),
    [
        ({"none": True, "rms": 0.0, "apart": 1.0}, "path cut", "the input of net gets no gradient"),
        ({"rms": 0.0, "apart": 1.0, "lost": 100}, "zero gradient", "gets a gradient that is exactly zero"),
        ({"rms": 1.0, "apart": 2.0, "ratio": -1.0}, "backward", "the reference's with the wrong sign"),
        ({"rms": 2.0, "apart": 1.0, "ratio": 2.0}, "backward", "2 times the reference's"),
        ({"rms": 4.0, "apart": 3.0, "ratio": 4.0}, "backward", "4 times the reference's (the batch has 4)"),
        ({"rms": 0.25, "apart": 0.75, "ratio": 0.25}, "backward", "(1 over the batch's 4)"),
        ({"rms": 0.9, "apart": 0.4, "ratio": 0.84, "lost": 7}, "backward", "off by 40.00%: 0 at 7 places of 100"),
        ({"rms": 1.0, "apart": 1.0, "reference": None}, "backward", "one where the reference stops it"),
        ({"mismatch": "shape [2], reference [3]"}, "backward", "one that does not compare: shape [2], reference [3]"),
    ],
)
def test_each_way_is_said(gradient: dict, check: str, words: str) -> None:
    """One finding, with its numbers."""
    (finding,) = gradient_findings(Site("net"), [row(**gradient)], batch=4)
    assert finding.check == check
    assert words in finding.message


def test_a_scale_is_only_said_of_what_is_scaled() -> None:
    """A gradient that has other parts too is off by so much, and no more is said."""
    (finding,) = gradient_findings(Site("net"), [row(rms=2.2, apart=1.6, ratio=2.0)], batch=2)
    assert "times" not in finding.message


def test_what_gets_none_and_what_is_off_are_said_apart() -> None:
    """Two findings; the code around the layers ends at the losses."""
    rows = [row("output", "", "net", none=True, apart=1.0), row("output", "", "other", rms=2.0, apart=1.0, ratio=2.0)]
    cut, off = gradient_findings(STEP, rows, batch=0)
    assert cut.message == "the losses are right, and so is every layer by itself; the output of net gets no gradient"
    assert off.message == "from the reference's gradients, the output of other gets 2 times the reference's"


def test_a_call_with_gradients_switched_off_is_said() -> None:
    """Of the code that makes the call."""
    rows = [
        PulledAt("net.stem", "call", "", exact=False, gradient=Pulled(mismatch="called with gradients switched off"))
    ]
    (finding,) = gradient_findings(Site("net"), rows, batch=0)
    assert (finding.check, finding.sites) == ("no_grad", ("net", "net.stem"))
