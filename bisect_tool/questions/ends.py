"""Whether the port can be asked at all: it has the targets and the batch, and two plain runs of it are alike."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bisect_tool.checks.preflight.sizes import explained_text, row_counts
from bisect_tool.errors import BisectError, InconclusiveError
from bisect_tool.probes.intervention import REPEATED, Intervention
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.ranges import Run
from bisect_tool.questions.repeats import difference
from bisect_tool.sentences.spelling import listed


def check_target(run: Run) -> None:
    """Raise BisectError unless the reference has the target, as a finite scalar."""
    manifest = run.capture.manifest
    if run.target in manifest.not_scalar:
        raise BisectError(f"target {run.target!r} of the reference {manifest.not_scalar[run.target]}")
    if run.target not in manifest.targets:
        raise BisectError(f"no target {run.target!r}: step of the reference returned {', '.join(manifest.targets)}")
    if not math.isfinite(manifest.targets[run.target]):
        raise BisectError(
            f"target {run.target!r} of the reference is {manifest.targets[run.target]}: there is nothing to compare with",
            hint="mend the reference, or let step return another target",
        )


def check_batch(run: Run) -> None:
    """Raise BisectError unless the port's batch has all that the reference's has."""
    theirs = {entry.path for entry in run.port.described.batch}
    missing = [entry.path for entry in run.capture.manifest.described.batch if entry.path not in theirs]
    if missing:
        raise BisectError(
            f"the port's batch has no {listed([repr(path) for path in missing])}, as the reference's has; "
            f"it has {listed([repr(path) for path in sorted(theirs)]) or 'no arrays'}",
            hint="return a batch of the same structure from both builds: the port is given the reference's values",
        )


def ends(run: Run) -> Reading:
    """Run the port as it is, twice and as often as ``run.repeat`` has it, and once with every output replaced by its own copy.

    All must be alike: the first ones bit for bit, gradients too where more are asked for and the reference has them.
    """
    first = _observed(run, Intervention(), "as it is")
    if first.failed is not None:
        first = run.log.ask_as_far_as_it_runs(Intervention(), first)
    elif run.free:
        run.target = next((name for name in _finite(run) if name in first.targets), run.target)
    _check_runs(run, first)
    again = [_observed(run, Intervention(repeat=number), "as it is, again") for number in range(1, 2 + run.repeat)]
    _check_identical(run, first, again, first)
    if run.repeat and first.failed is None and _has_gradients(run):
        _check_gradients(run, first)
    inert = _observed(run, Intervention(echo=True), "every output replaced by a copy of itself")
    changed = "replacing outputs by copies of themselves changes the port"
    _check_same(run, first, inert, changed, "it shares or overwrites tensors")
    return first


def _has_gradients(run: Run) -> bool:
    return run.capture.manifest.gradients is not None and "gradients" in run.port.capabilities


def _check_gradients(run: Run, first: Reading) -> None:
    """Pull the port's own gradients as often as more runs are asked for, beside the first; all must be alike."""
    pulled = [
        _observed(run, Intervention(backward="own", repeat=number), "as it is, with its gradients")
        for number in (0, *range(REPEATED, REPEATED + run.repeat))
    ]
    if pulled[0].failure is None:  # else whoever asks about gradients says so
        _check_identical(run, pulled[0], pulled[1:], first)


def _check_identical(run: Run, first: Reading, others: Sequence[Reading], plain: Reading) -> None:
    """Raise InconclusiveError that says in how many of all runs the port gave something else, and what, the first time."""
    said = [f"it fails: {other.failure}" if other.failure else difference(first, other, run.target) for other in others]
    unlike = [words for words in said if words is not None]
    if not unlike:
        return
    count, runs = len(unlike), 1 + len(others)
    alone = 1 < count == len(others) and not any(difference(others[0], other, run.target) for other in others)
    where = f"the first of {runs} is not as all others" if alone else f"in {count} of {runs}"
    more = "" if run.repeat else "; --repeat 60 tells how often it is so"
    raise InconclusiveError(
        f"identical runs of the port differ, {where}: {unlike[0]}", hint=_what_to_do(run, plain) + more
    )


def _finite(run: Run) -> list[str]:
    """Return the reference's targets that can be compared."""
    return [name for name, value in run.capture.manifest.targets.items() if math.isfinite(value)]


def _observed(run: Run, intervention: Intervention, what: str) -> Reading:
    return run.log.run(
        run.port,
        intervention,
        phase="ends",
        what=what,
        patched=0,
        quantity=run.target,
        value=lambda reading: reading.targets.get(run.target),
    )


def _check_runs(run: Run, reading: Reading) -> None:
    if reading.failure is not None:
        why = explained_text(reading.failure, row_counts(run.capture.manifest))
        raise InconclusiveError(
            f"the port does not run as it is: {reading.failure}",
            hint=f"mend that first{f': {why}' if why else ''}; --debug shows all that the port said",
            detail=reading.detail,
        )
    if reading.failed is not None:
        return
    if run.target in reading.not_scalar:
        raise BisectError(f"target {run.target!r} of the port {reading.not_scalar[run.target]}")
    if run.target not in reading.targets:
        raise BisectError(f"no target {run.target!r} in the port: its step returned {', '.join(reading.targets)}")


def _what_to_do(run: Run, reading: Reading) -> str:
    """Say what to do about a port that differs from run to run: it draws random numbers, or an optimizer keeps something."""
    kept = [f"{draw.site} draws {draw.own}" for draw in reading.draws.kept]
    also = f"; the reference does not draw the same where {listed(kept)}" if kept else ""
    trained = {entry.name for entry in run.capture.manifest.described.state if entry.kind == "parameter"}
    stepped = not trained.isdisjoint(run.capture.manifest.left)
    kept_by = ", and return its optimizer from build if step changes weights by one" if stepped else ""
    attributes = ", and keep nothing in Python attributes from one step to the next (a counter, a list)"
    unwritten = "; memory that nothing wrote (torch.empty) and threads that race differ too"
    return f"switch dropout and other randomness off in build{attributes}{kept_by}{also}{unwritten}"


def _check_same(run: Run, first: Reading, other: Reading, what: str, hint: str) -> None:
    if first.failed is not None and other.failed is not None and other.failed.same_place(first.failed):
        return
    if other.failure is not None:
        raise InconclusiveError(f"{what}: the second one failed: {other.failure}")
    left, right = first.targets.get(run.target), other.targets.get(run.target)
    if left is None or right is None or (left != right and not (math.isnan(left) and math.isnan(right))):
        raise InconclusiveError(f"{what}: {run.target} {left!r}, then {right!r}", hint=hint)
