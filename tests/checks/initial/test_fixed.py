"""Tensors that are the same at every seed of the reference: which the port has otherwise, and which of these prove anything."""

import math

import numpy as np
import pytest
from manifests import described, module, pair_of, tensor

from bisect_tool.checks.initial.fixed import initial_values
from bisect_tool.checks.initial.seeds import fixed, otherwise, same_values, seed_reaches, told_by_name
from bisect_tool.checks.initial.start import initialisation
from bisect_tool.worker.arrays import measure

DRAWN = np.random.default_rng(0)


def entry(name, array, **more):
    return tensor(
        name, array.shape, dtype=array.dtype.name, hash=measure.digest(array), **measure.initial(array), **more
    )


def pair(ours, theirs, *, seeds=8, others=None, drawn=True, **more):
    """Return a table on both sides beside a weight that is drawn at every seed, or never."""
    weights = [DRAWN.standard_normal((4, 4)).astype(np.float32) for _ in range(1 + seeds)]
    rows = {"m.weight": weights[1:] if drawn else weights[:1] * seeds, "m.table": [ours] * seeds}
    rows.update(others or {})
    spread = {
        name: [{**measure.initial(a), "hash": measure.digest(a)} for a in arrays] for name, arrays in rows.items()
    }
    more = {"kind": "buffer", **more}
    return pair_of(
        described([module("m")], [entry("m.weight", weights[0]), entry("m.table", ours, **more)]),
        described([module("m")], [entry("m.weight", weights[0]), entry("m.table", theirs, **more)]),
        spread={"seeds": list(range(seeds)), "targets": [{"loss": 1.0}] * seeds, "state": spread if seeds else {}},
    )  # fmt: skip


def found(ours, theirs, **options):
    """Return the kinds of what is said of the table, compared as a worker does."""
    made = pair(ours, theirs, **options)
    row = measure.difference(measure.shut(theirs), measure.shut(ours))
    errors = {site: row.get("error", math.inf) for site in otherwise(made)}
    return [(finding.site, finding.kind) for finding in initial_values(made, errors)]


ANCHORS = np.array([[10, 13, 16, 30], [116, 90, 156, 198]], np.float32)
ANGLES = np.arange(4096, dtype=np.float64)[:, None] * 1e4 ** -(np.arange(8) / 8)
SINES = np.sin(ANGLES.astype(np.float32))
RANDOM = DRAWN.standard_normal((64, 64)).astype(np.float32)
OTHER = DRAWN.standard_normal((64, 64)).astype(np.float32)
MASK = np.triu(np.full((4, 4), -np.inf, np.float32), 1)


@pytest.mark.parametrize(
    ("ours", "theirs", "options"),
    [
        (ANCHORS, ANCHORS[::-1].copy(), {}),
        (ANCHORS, ANCHORS / 8, {}),
        (np.ones(8, np.float32), np.zeros(8, np.float32), {}),
        (np.arange(9), np.arange(9) + 1, {}),
        (np.linspace(1e-4, 0.02, 1000, dtype=np.float32), np.linspace(1e-4, 0.0204, 1000, dtype=np.float32), {}),
        (ANCHORS, ANCHORS / 8, {"kind": "parameter", "trainable": False}),
        (ANCHORS, ANCHORS[::-1].copy(), {"kind": "parameter"}),
        (MASK, MASK.T.copy(), {}),
        (SINES, np.cos(ANGLES).astype(np.float32), {}),
        (RANDOM, OTHER**3, {"kind": "parameter", "trainable": False, "drawn": False}),  # no draw of any usual law
    ],
)
def test_a_table_that_is_otherwise_is_found(ours, theirs, options):
    """In another order, in other units, another constant, another function."""
    assert found(ours, theirs, **options) == [("m.table", "fixed")]


@pytest.mark.parametrize(
    ("ours", "theirs", "options"),
    [
        (ANCHORS, ANCHORS, {}),
        (SINES, np.sin(ANGLES).astype(np.float32), {}),  # computed in float64
        (MASK, np.maximum(MASK, -1e9), {}),
        (MASK, np.maximum(MASK, -100), {}),
        (RANDOM, OTHER, {}),  # by a seed of its own, which no other framework repeats
        (RANDOM, OTHER, {"kind": "parameter"}),  # loaded or seeded: ``not_loaded`` tells
        (ANCHORS, ANCHORS / 8, {"seeds": 2}),  # too few to know
        (ANCHORS, ANCHORS / 8, {"others": {"m.table": [ANCHORS] * 7 + [ANCHORS + 1]}}),
        (ANCHORS, (ANCHORS / 8).astype(np.int64), {}),  # another kind of number is another convention
        (np.random.default_rng(1).random(4096, np.float32), np.random.default_rng(2).random(4096, np.float32), {"drawn": False}),
    ],
)  # fmt: skip
def test_a_table_that_may_be_the_same_is_not_accused(ours, theirs, options):
    """It rounds otherwise, shuts a mask by another number, or is drawn."""
    assert found(ours, theirs, **options) == []


def test_without_the_worker_s_comparison_nothing_is_said_of_a_table():
    """Its bytes alone may be off by rounding."""
    made = pair(ANCHORS, ANCHORS[::-1].copy())
    assert otherwise(made) == ["m.table"]
    assert initial_values(made, {}) == []


def test_whether_the_seed_reaches_the_weights_is_read_off_them():
    """Where none varies, build ignores it or loads them all."""
    assert seed_reaches(pair(ANCHORS, ANCHORS).reference)
    assert not seed_reaches(pair(ANCHORS, ANCHORS, drawn=False).reference)
    assert not seed_reaches(pair(ANCHORS, ANCHORS, seeds=0).reference)
    assert set(fixed(pair(ANCHORS, ANCHORS).reference)) == {"m.table"}


def test_the_very_values_are_recognised():
    """By the hash of every parameter."""
    assert same_values(pair(ANCHORS, ANCHORS / 8))  # a buffer beside them
    assert not same_values(pair(ANCHORS, ANCHORS / 8, kind="parameter"))


def test_one_number_is_no_constant_where_the_seed_is_ignored():
    """It may be a draw like any other."""
    one, other = np.full(1, 0.3, np.float32), np.full(1, 0.7, np.float32)
    assert len(initialisation(pair(one, other, kind="parameter"))) == 1
    assert initialisation(pair(one, other, kind="parameter", drawn=False)) == []


def test_a_partner_is_sure_by_its_name_its_shape_and_its_class():
    """What is matched by order alone proves nothing."""
    assert told_by_name(pair(ANCHORS, ANCHORS)) == {"m.weight", "m.table"}
