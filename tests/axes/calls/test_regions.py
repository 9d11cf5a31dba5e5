"""Who is innocent by a forced pass: whoever is right, and makes nothing unknown for a call that is not."""

import pytest

from bisect_tool.axes.calls.regions import Pass, cut, maker
from bisect_tool.probes.reading import Watched
from bisect_tool.sites import STEP, Site


def rows(*, handed_on):
    """Return a net, a block in it and a layer in that; both of the last are handed something without a partner."""
    unknown = {"unknown_inputs": ("angles",)}
    return {
        Site("net"): Watched(),
        Site("net.block"): Watched(around="net", **unknown),
        Site("net.block.layer"): Watched(around="net.block", handed_on=handed_on, **unknown),
    }


def judged(found, dissolved=(), failed=()):
    """Return a pass in which some regions raised and all others are right."""
    regions = cut(found, dissolved)
    for site in failed:
        object.__setattr__(regions[site], "failed", "raised")
    return Pass(found, frozenset(dissolved), regions)


@pytest.mark.parametrize(("handed_on", "guilty"), [(True, "net"), (False, "net.block")])
def test_who_makes_what_is_unknown_is_as_right_as_who_takes_it(handed_on, guilty):
    """Not who was handed it as well, and hands it on as it is."""
    found = rows(handed_on=handed_on)
    assert maker(found, Site("net.block.layer")) == guilty
    innocent = judged(found, failed=["net.block.layer"]).innocent()
    # With the block's own doing unknown, so is that of the net that makes what the block is handed.
    assert innocent == ({STEP, "net.block"} if handed_on else {STEP})


def test_all_are_innocent_where_all_are_right():
    """Something unknown that leads to nothing wrong is no reason to doubt anybody."""
    assert judged(rows(handed_on=True)).innocent() == {STEP, "net", "net.block", "net.block.layer"}


def test_who_makes_it_in_a_region_answers_for_it():
    """What is made in a dissolved call and handed on by it is the doing of the region."""
    found = rows(handed_on=True)
    assert judged(found, dissolved=["net.block"], failed=["net.block.layer"]).innocent() == {STEP}
