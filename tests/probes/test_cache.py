"""Readings on disk."""

import json
import math
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bisect_tool.errors import BisectError
from bisect_tool.probes.cache import ProbeCache
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Comparison, Reading, Watched
from bisect_tool.sites import Site

FULL = Reading(
    targets={"loss": 1.25},
    not_scalar={"boxes": "has 12 elements"},
    receipts={"m.0": ["00", "01"]},
    watched={
        "m.1": Watched(
            (Comparison("0.0", error=0.5), Comparison("0.1", missing=True)),
            (Comparison("", mismatch="shape [1], reference [2]", variation=0.0),),
        )
    },
    calls=(("m.0", (("", (2, 3)), ("a.0", ()))), ("m.1", ())),
    kernels=3,
    seconds=0.25,
)
SITES = st.frozensets(st.sampled_from([Site("a"), Site("b"), Site("a.b"), Site("a#2")]))
INTERVENTIONS = st.builds(Intervention, SITES, SITES, echo=st.booleans(), repeat=st.integers(0, 1))


@pytest.mark.parametrize("reading", [FULL, Reading(failure="killed"), Reading(targets={"loss": math.inf})])
def test_a_reading_survives_the_disk(tmp_path, reading):
    """A reading is the same in the next process, failures and infinities too."""
    ProbeCache(tmp_path / "deep" / "probes.jsonl").put(Intervention(), reading)
    assert ProbeCache(tmp_path / "deep" / "probes.jsonl").get(Intervention()) == reading


def test_a_nan_survives_the_disk(tmp_path):
    """A target that is NaN is NaN again."""
    ProbeCache(tmp_path / "p.jsonl").put(Intervention(), Reading(targets={"loss": math.nan}))
    assert math.isnan(ProbeCache(tmp_path / "p.jsonl").get(Intervention()).targets["loss"])


def test_what_was_not_asked_is_not_known(tmp_path):
    """Only the very same intervention finds its reading."""
    cache = ProbeCache(tmp_path / "p.jsonl")
    cache.put(Intervention(frozenset({Site("a")})), FULL)
    assert cache.get(Intervention(frozenset({Site("b")}))) is None
    assert cache.get(Intervention(frozenset({Site("a")}), echo=True)) is None
    assert cache.get(Intervention(frozenset({Site("a")}), repeat=1)) is None
    assert cache.get(Intervention(frozenset({Site("a")}))) == FULL


@settings(deadline=None)
@given(INTERVENTIONS, INTERVENTIONS)
def test_keys_are_equal_for_equal_interventions_only(left, right):
    """The key in the cache stands for all of an intervention, in whatever order its sites were given."""
    assert (left.key == right.key) == (left == right)


def test_every_cut_of_the_last_line_is_survived(tmp_path):
    """A line that a crash cut short anywhere is passed over; those before it, and those written after, are read."""
    path = tmp_path / "p.jsonl"
    first, second, third = (Intervention(frozenset({Site(n)})) for n in "abc")
    cache = ProbeCache(path)
    cache.put(first, FULL)
    whole = path.stat().st_size
    cache.put(second, FULL)
    data = path.read_bytes()
    for length in range(whole, len(data) - 2):
        path.write_bytes(data[:length])
        again = ProbeCache(path)
        assert again.get(first) == FULL
        assert again.get(second) is None
        again.put(third, FULL)
        assert ProbeCache(path).get(third) == FULL


@pytest.mark.parametrize(
    "line", ["[]", "3", '{"key": "k"}', '{"key": "k", "reading": 4}', '{"key": [], "reading": {}}']
)
def test_lines_that_are_no_readings_are_passed_over(tmp_path, line):
    """Whatever else stands in the file does not keep the rest from being read."""
    path = tmp_path / "p.jsonl"
    path.write_text(line + "\n")
    ProbeCache(path).put(Intervention(), FULL)
    assert ProbeCache(path).get(Intervention()) == FULL


def test_every_bit_of_a_line_counts(tmp_path):
    """A line in which any one bit is another is passed over, and asked again: it is never another reading."""
    path = tmp_path / "p.jsonl"
    ProbeCache(path).put(Intervention(), FULL)
    data = path.read_bytes()
    for place in range(1, len(data) - 1):
        for bit in (1, 16, 128):
            path.write_bytes(data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :])
            again = ProbeCache(path)
            assert again.get(Intervention()) is None
            assert again.passed_over


def test_what_is_no_plain_file_is_refused_before_it_is_opened(tmp_path):
    """A FIFO would block for ever; a link may lead anywhere."""
    os.mkfifo(tmp_path / "p.jsonl")
    with pytest.raises(BisectError, match=r"cannot read the kept probes .*p\.jsonl: it is a FIFO"):
        ProbeCache(tmp_path / "p.jsonl")
    (tmp_path / "q.jsonl").symlink_to("/dev/zero")
    with pytest.raises(BisectError, match="it is a link"):
        ProbeCache(tmp_path / "q.jsonl")


def test_each_reading_is_one_line_of_json(tmp_path):
    """The file can be read line by line by anything that reads JSON. What is to be run anew each time is not kept."""
    path = tmp_path / "p.jsonl"
    cache = ProbeCache(path)
    for number in range(4):
        cache.put(Intervention(repeat=number), FULL)
    rows = [json.loads(line) for line in path.read_text().splitlines() if line]
    assert [row["key"] for row in rows] == [Intervention(repeat=n).key for n in range(2)]


def test_a_disk_that_takes_nothing_is_said(tmp_path):
    """A probe that cannot be kept is an error that names the file."""
    (tmp_path / "taken").touch()
    with pytest.raises(BisectError, match=r"cannot keep the probe in .*taken.p\.jsonl"):
        ProbeCache(tmp_path / "taken" / "p.jsonl").put(Intervention(), FULL)
