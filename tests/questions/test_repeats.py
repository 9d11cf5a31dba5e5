"""Two runs of a port that are not alike are told apart, to the bit, wherever they differ first."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import pytest
from answering import run_of

from bisect_tool.errors import InconclusiveError
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Failed, Pulled, Reading
from bisect_tool.questions.ends import ends
from bisect_tool.questions.repeats import WHO, difference

PLAIN = Reading(
    {"size": 2.0, "loss": math.nan},
    calls=(("net.a", ()), ("net.b", ()), ("net", ())),
    digests={"net.a": "1", "net.b": "2", "net": "3"},
    gradients={"net.a.weight": Pulled(rms=1.0), "net.b.weight": Pulled(rms=math.nan)},
)
FAILED = Failed("run", "ValueError", "no", "port.py:3", "")


def test_runs_that_are_alike_differ_in_nothing() -> None:
    """Neither seconds nor kernels count, and NaN is like NaN."""
    assert difference(PLAIN, dataclasses.replace(PLAIN, seconds=9.0, kernels=4), "loss") is None
    assert difference(Reading(), Reading(), "loss") is None


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"digests": {**PLAIN.digests, "net.b": "9", "net": "9"}},
            f"the first call whose output differs is net.b{WHO}",
        ),
        (
            {"targets": {**PLAIN.targets, "size": 2.0000000000000004}},
            "size 2.0, then 2.0000000000000004; all 3 module calls give the same in both",
        ),
        (
            {"targets": {"size": 1.0, "loss": 1.0}, "digests": {**PLAIN.digests, "net": "9"}},
            f"loss nan, then 1.0; the first call whose output differs is net{WHO}",
        ),
        ({"gradients": {"net.a.weight": Pulled(rms=2.0)}}, "the gradient of net.a.weight is another one"),
        ({"calls": (("net.a", ()), ("net", ()))}, "the first call that differs is net.b, then net"),
        ({"calls": PLAIN.calls[:1]}, "net.b is called in one of them alone"),
        ({"failed": FAILED}, "it raises nothing, then it raises ValueError at port.py:3"),
    ],
)
def test_what_differs_first_is_said(fields: dict[str, object], said: str) -> None:
    """The target that is asked about, then the first call, whichever of both has more."""
    assert difference(PLAIN, dataclasses.replace(PLAIN, **fields), "loss") == said


def test_a_worker_that_hashes_nothing_has_its_targets_compared() -> None:
    """Of calls nothing is said then."""
    bare = dataclasses.replace(PLAIN, digests={})
    assert difference(bare, bare, "loss") is None
    assert difference(bare, dataclasses.replace(bare, targets={"loss": 1.0}), "loss") == "loss nan, then 1.0"


@pytest.mark.parametrize("wrong", [1, 7, 12])
def test_a_port_that_is_wrong_now_and_then_is_found_by_more_runs(wrong: int) -> None:
    """In whichever of them it is; a run before that one says nothing."""

    def answer(asked: Intervention) -> Reading:
        return dataclasses.replace(PLAIN, digests={**PLAIN.digests, "net.a": str(asked.repeat == wrong)})

    run = run_of(answer)
    if wrong > 1:
        assert ends(run).targets["size"] == 2.0
    run = run_of(answer)
    run.repeat = 11
    with pytest.raises(
        InconclusiveError, match=r"differ, in 1 of 13: the first call whose output differs is net\.a \("
    ) as raised:
        ends(run)
    assert "threads that race" in raised.value.hint
    assert "--repeat" not in raised.value.hint
    assert len(run.log.rows) == 13


def test_a_first_run_that_is_not_as_the_others_is_said_to_be_the_odd_one() -> None:
    """Not all the others; where these differ too, they are counted."""
    for odd, said in ((lambda _n: 2.0, "the first of 5 is not as all others: "), (float, "in 4 of 5: ")):

        def answer(asked: Intervention, odd: Callable[[int], float] = odd) -> Reading:
            return dataclasses.replace(PLAIN, targets={"loss": odd(asked.repeat) if asked.repeat else 7.0})

        run = run_of(answer)
        run.repeat = 3
        with pytest.raises(InconclusiveError, match=said):
            ends(run)


def test_gradients_are_repeated_where_there_are_any() -> None:
    """As often as more runs are asked for, beside the first; a port whose backward pass fails is told by others."""

    def answer(asked: Intervention) -> Reading:
        off = asked.backward == "own" and asked.repeat == 3
        return dataclasses.replace(PLAIN, gradients={"net.a.weight": Pulled(rms=2.0)} if off else PLAIN.gradients)

    gradients = {"of": "loss", "parameters": {}, "sites": {}, "pieces": {}, "norm": 1.0, "sum_error": 0.0}
    for repeat, fields in ((2, {}), (1, {"gradients": gradients}), (2, {"gradients": gradients})):
        run = run_of(answer)
        run.repeat = repeat
        if fields:
            object.__setattr__(run.capture, "manifest", run.capture.manifest.model_copy(update=fields))
        if repeat == 2 and fields:
            with pytest.raises(InconclusiveError, match=r"the gradient of net\.a\.weight is another one"):
                ends(run)
        else:
            ends(run)
