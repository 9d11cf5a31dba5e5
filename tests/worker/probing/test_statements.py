"""Statements are pulled back one by one: what each contributes to whatever it reads."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pytest
from small_model import SITES, Small, record_small

from bisect_tool.worker.probing.statements import Statements

NAMED = ("step:out", "step:square", "step:loss", "net.block:hidden", "net.block:hidden#2")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """One recorded reference for the module."""
    return record_small(tmp_path_factory.mktemp("small"))


def pulled(small: Small, fault: str = "", named: Collection[str] = NAMED, **how: object) -> Statements:
    probe = small.probe(*small.manifest["state"], seed=1, fault=fault, watch=SITES, variables=True)
    assert probe.lines is not None
    statements = Statements(probe, probe.lines, named, **how)  # type: ignore[arg-type]
    statements.read()
    return statements


def test_each_statement_has_edges_to_what_it_reads(small: Small) -> None:
    """The last first; the line of every call is known."""
    found = pulled(small)
    rows = dict(found.edges["step"])
    assert list(rows) == ["targets", "step:loss|value", "step:square|value", "step:out|value", "net|inputs"]
    assert set(rows["step:square|value"]) == {"step:out|value|"}
    assert set(rows["step:out|value"]) == {"net|output|"}
    block = dict(found.edges["net.block"])
    assert set(block["net.block|output"]) == {"net.block|inputs|0.0", "net.block:hidden#2|value|"}
    assert found.places["net"] == "small.py:36"
    assert "out = net(" in "".join(found.excerpts["small.py:36"]["text"])


def test_gradients_of_variables_are_summed_up_on_the_way(small: Small) -> None:
    """Of the square's mean each element has the same; of what is squared it is twice the value."""
    gradients = pulled(small).gradients
    np.testing.assert_allclose(gradients["step:square", "value", ""], np.full((5, 2), 0.1), rtol=1e-6)
    out = small.reference().read(
        next(e["value"]["tensor"] for e in small.manifest["variables"] if e["site"] == "step:out")
    )
    np.testing.assert_allclose(gradients["step:out", "value", ""], 0.2 * out, rtol=1e-5)


def test_only_the_owners_that_are_asked_for_are_pulled_back(small: Small) -> None:
    """The others are computed, and nothing is said of them."""
    assert list(pulled(small, owners=["net.block"]).edges) == ["net.block"]


def test_a_statement_is_pulled_back_from_the_references_gradient(small: Small) -> None:
    """Where it is given; a variable without one contributes nothing."""
    keys = {
        f"{site}|{path}": key
        for site, of in small.manifest["gradients"]["variables"].items()
        for path, key in of.items()
    }
    gradients = small.manifest["gradients"]
    assert pulled(small, named=gradients["connected"], given=keys).edges["step"] == gradients["statements"]["step"]
    del keys["step:square|"]
    assert dict(pulled(small, given=keys).edges["step"])["step:square|value"] == {}


def test_what_the_code_detaches_passes_nothing_on(small: Small) -> None:
    """The statement that stops a gradient has no edge to what it reads, and its neighbours have theirs."""
    block = dict(pulled(small, fault="detach").edges["net.block"])
    assert block["net.block|output"]
    assert {s: set(edges) for s, edges in block.items() if s.startswith("net.block:hidden#3")} == {}
