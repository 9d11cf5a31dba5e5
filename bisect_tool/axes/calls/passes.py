"""Forced passes, judged: which regions are off by more than rounding explains."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from bisect_tool.axes.calls.exactly import Exact, Key, exact_of, is_off, key_of
from bisect_tool.axes.calls.regions import Pass, Region, Rows, around, cut
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.reading import Reading, Watched
from bisect_tool.questions.judging import call_floor, largest
from bisect_tool.questions.question import Question
from bisect_tool.questions.tolerance import SAFETY, Interval
from bisect_tool.sentences import calls as sentences
from bisect_tool.sentences import labels, names
from bisect_tool.sites import STEP, Site, buffer_of, module_of

AMBIGUOUS = 1e-2  # relative; code that is further off in float32, from the right inputs, does not merely round
LEAST = 2  # calls of one kind that are asked about in float64: the least wrong, and the worst
CLEARLY = 10  # times what rounding explains: what moves by so much does not do so by chance
MOST_PASSES = 36  # at one point
MOST_AT_BOTH = 48  # at the stirred weights and at the reference's own
FOR_EXCUSES = 20  # of a point's, that are kept for what is asked last: whether a wrong region is another way of writing
FOR_SHARPENING = 6  # of these, where they are needed before
FOR_LEAKS = 8  # beside all these, at one point: whether who is suspected goes on with what nobody gives


class SpentError(Exception):
    """No more passes may be run."""


class PassError(Exception):
    """The port fails in a forced pass; what it says."""


@dataclass(frozen=True)
class Floors:
    """What rounding explains at one point.

    Attributes: ``trace`` (with each call's own), where a target may lie once all layers are perfect (``tight``) and once some of
    them were computed by the port (``wide``).
    """

    trace: Trace
    tight: Mapping[str, Interval]
    wide: Mapping[str, Interval]

    def output(self, region: Region) -> float:
        """Return how far the output of a region may be off: by what its pieces round together."""
        return max(call_floor(self.trace, region.root), SAFETY * self.rounds(region))

    def inputs(self, region: Region) -> float:
        """Return how far off may be what a region hands on."""
        return max(SAFETY * self.trace.rounding, SAFETY * self.rounds(region))

    def rounds(self, region: Region) -> float:
        """Return by how much the reference rounds the pieces of a region together."""
        return sum(self.trace.exact.get(piece, 0.0) for piece in region.pieces)

    def off_by(self, targets: Mapping[str, float]) -> float:
        """Return how far the worst target is off, over what the loss alone rounds; infinity where there is none."""
        return max((i.off(targets.get(name, math.nan)) for name, i in self.tight.items()), default=0.0)

    def targets(self, region: Region) -> Mapping[str, Interval]:
        """Return where the targets may lie that a region which is ``step`` gives."""
        return self.tight if len(region.pieces) == 1 else self.wide

    def off_target(self, region: Region, targets: Mapping[str, float], times: float) -> bool:
        """Tell whether a target is off that ``step`` makes of what it was given."""
        return any(not i.off(targets.get(name, math.nan)) <= times for name, i in self.targets(region).items())


@dataclass
class Passes:
    """The forced passes about one port at one point.

    Attributes: ``question`` (whose base gives the weights), ``unknown`` (what of a module's own, or of ``step``'s, could not be
    given the reference's value, in words), ``guessed`` (modules whose partner is a guess), ``alike`` (sets of modules that drawn numbers alone tell apart), ``whole_is_wrong`` (the port as a whole is known to give other targets), ``made``
    (how many were run, of ``most``).
    """

    question: Question
    floors: Floors
    unknown: Mapping[Site, tuple[str, ...]] = field(default_factory=dict)
    whole_is_wrong: bool = False
    guessed: Collection[str] = frozenset()
    alike: Collection[frozenset[str]] = ()
    made: int = 0
    most: int = MOST_PASSES
    _runs_exactly: bool = True
    _rows: Rows = field(default_factory=dict)  # of the last pass
    _masks: set[str] = field(default_factory=set)  # that some call came out right with: it shows how they are read
    _exact: dict[Key, Exact] = field(default_factory=dict)

    def run(
        self,
        dissolved: Collection[Site] = (),
        *,
        disturbed: Mapping[Site, float] | None = None,
        aimed: Collection[Site] = (),
        about: Collection[Site] | None = None,
    ) -> Pass:
        """Run one pass, and once more in float64 where that alone can tell; a disturbed one is judged clearly wrong or not.

        ``about``: float64 is asked for these regions alone. Raises PassError where the port does
        not run through, SpentError where no more may be run.
        """
        loose = frozenset(dissolved)
        wanted = [] if disturbed else [s for s in self._unknown_exactly(loose) if about is None or s in about]
        stirred = self.question.base.point == "stirred"
        what = labels.forced(len(loose), len(disturbed or {}), stirred=stirred)
        reading = self._observed(what, loose, exact=wanted, disturbed=disturbed, aimed=aimed)
        if wanted and _failures(reading) and not _failures(plain := self._observed(what, loose)):
            reading, self._runs_exactly = plain, False  # what code keeps elsewhere is spoilt by running it in float64
        self._rows = self._known(reading)
        regions = cut(self._rows, loose)
        if disturbed:
            return self._judged(reading, regions, loose, times=CLEARLY)
        self._learn(reading, regions)
        found = self._judged(reading, regions, loose)
        asked = self._to_ask(found, about) if self._runs_exactly else ()
        if asked:
            self._learn(self._observed(labels.some_exact(len(asked)), loose, exact=asked), regions, asked)
            found = self._judged(reading, regions, loose)
        return found

    def shaken(self, found: Pass, calls: Collection[Site]) -> Pass:
        """Run a pass again in which some calls in place, and all that lies in them, compute from noise; judged by float32 alone.

        Raises SpentError where no more may be run.
        """
        what = labels.shaken(len(calls), stirred=self.question.base.point == "stirred")
        reading = self._observed(what, found.dissolved, shaken=calls)
        return Pass(self._known(reading), found.dissolved, found.regions, reading)

    def regions_of(self, reading: Reading, dissolved: frozenset[Site]) -> Mapping[Site, Region]:
        """Return the regions of a pass that somebody else ran, judged by float32 alone."""
        alone = Passes(self.question, self.floors)
        rows = alone._known(reading)
        return alone._judged(reading, cut(rows, dissolved), dissolved).regions

    def cut_anew(self, found: Pass, dissolved: Collection[Site]) -> Pass:
        """Return a pass as it would be with calls in place again that are handed and give the reference's values in it."""
        loose = frozenset(dissolved)
        return self._judged(found.reading, cut(found.rows, loose), loose)

    def part_of(self, found: Pass, region: Region, part: Region) -> Region:
        """Return a part of a wrong region, with the calls that it makes and what is unknown in it."""
        calls = tuple(site for site in region.frontier if around(found.rows, site) in part.pieces)
        part = dataclasses.replace(part, frontier=calls)
        return dataclasses.replace(part, unknown=tuple(self._unknown(part, found.rows)))

    @functools.cached_property
    def _each(self) -> list[Site]:
        """Return the calls to compute in float64, each by itself.

        Not those of a kind whose settings differ alike, where there are many: a few of them tell.
        """
        trace = self.floors.trace
        calls = [Site(call) for call in trace.parents]
        kinds = [k for k in trace.kinds(calls) if len(k) > LEAST and module_of(k[0]) in trace.differences]
        many = {site for kind in kinds for site in kind}
        return [call for call in calls if call not in many]

    def _unknown_exactly(self, loose: frozenset[Site]) -> list[Site]:
        """Return the calls to compute in float64 too, at once where they are off: those of which it is not known yet."""
        regions = {root: region for root, region in cut(self._rows, loose).items() if root != STEP}
        known = {root for root, region in regions.items() if key_of(region) in self._exact}
        return [] if not self._runs_exactly else [call for call in self._each if call not in known]

    def _learn(self, reading: Reading, regions: Mapping[Site, Region], asked: Collection[Site] = ()) -> None:
        """Keep what regions are in float64: those that were ``asked``, though their code does not run in it, and all that told."""
        for root, region in regions.items():
            if root in asked or (root != STEP and reading.watched[root].exact is not None):
                self._exact[key_of(region)] = exact_of(reading, region)

    def others_targets(self) -> bool:
        """Tell whether the port as a whole, with these weights, gives other targets than the reference."""
        if self.whole_is_wrong:
            return True
        reading = self.question.run(self.question.base, "split", labels.REFERENCE_WEIGHTS, patched=0)
        whole = Region(STEP, frozenset({STEP, *self._rows}))
        return reading.failure is None and self.floors.off_target(whole, reading.targets, 1.0)

    def exact(self, region: Region) -> Exact | None:
        """Return what a region gives and hands on in float64, None where that is not known."""
        return self._exact.get(key_of(region))

    def off_at(self, found: Pass, site: Site) -> list[Site | None]:
        """Return the buffers that a call in place leaves off by more than rounding, in float64 too; None for a value that is."""
        region = found.regions[site]
        floor, exact = self.floors.output(region), self.exact(region)
        fine = {row.path for row in (exact and exact.output) or () if not row.exceeds(floor)}
        off = [row.path for row in found.rows[site].output if row.exceeds(floor) and row.path not in fine]
        return [buffer_of(path) for path in off]

    @property
    def drifting(self) -> frozenset[Site]:
        """Return the buffers that are left to the port: no boundaries of regions."""
        return self.question.base.drifting

    def let_drift(self, buffers: Collection[Site], *, felt: bool) -> None:
        """Leave buffers to the port from now on, and no others; ``felt``: what was computed in float64 may be another value then."""
        self.question = dataclasses.replace(self.question, base=self.question.base.letting_drift(buffers))
        known = {} if felt else self._exact
        self._exact = {key: exact.without(buffers) for key, exact in known.items()}

    def _observed(
        self,
        what: str,
        dissolved: frozenset[Site],
        *,
        exact: Iterable[Site] = (),
        disturbed: Mapping[Site, float] | None = None,
        aimed: Collection[Site] = (),
        shaken: Collection[Site] = (),
    ) -> Reading:
        forced = self.question.base.forcing(dissolved)
        intervention = forced.computing_exactly(exact).disturbing(disturbed or {}, aimed).shaking(shaken)
        if intervention not in self.question.log.readings:
            if self.made >= self.most:
                raise SpentError
            self.made += 1
        reading = self.question.run(intervention, "forced", what, patched=len(self.floors.trace.given))
        if reading.failure is not None and reading.failed is None:  # where the port itself raised, step is what failed
            raise PassError(reading.failure)
        return reading

    def _judged(
        self, reading: Reading, regions: Mapping[Site, Region], dissolved: frozenset[Site], times: float = 1.0
    ) -> Pass:
        moved = self._moved(reading, dissolved)
        reading = reading.without_buffers(moved)
        rows = self._known(reading)
        judged = {root: self._judge(region, rows, reading, times, moved) for root, region in regions.items()}
        return Pass(rows, dissolved, judged, reading)

    def _moved(self, reading: Reading, dissolved: Collection[Site]) -> frozenset[Site]:
        """Return the buffers of dissolved calls that are handed something else: what they hold then means something else too."""
        below = self.floors.inputs(Region(STEP, frozenset()))
        handed = {
            f"{module_of(site)}."
            for site in dissolved
            if site in reading.watched
            and any(row.exceeds(below) for row in reading.watched[site].inputs if buffer_of(row.path) is None)
        }
        return frozenset(name for name in reading.buffers if any(map(name.startswith, handed)))

    def _judge(self, region: Region, rows: Rows, reading: Reading, times: float, moved: Collection[Site]) -> Region:
        known = self._exact.get(key_of(region))
        exact = known and known.without(moved)
        below, asked = times * self.floors.inputs(region), exact is not None
        handed = tuple(
            site
            for site in region.frontier
            if is_off(
                rows[site].inputs, exact and exact.handed.get(site), below, unchecked=asked and len(region.pieces) > 1
            )
        )
        if region.root == STEP:
            failed = None if reading.failed is None else reading.failed.message
            left = is_off(reading.left, None, times * self.floors.output(region), unchecked=False)
            off = failed is None and (left or self.floors.off_target(region, reading.targets, times))
        else:
            row, failed = rows[region.root], rows[region.root].failed
            off = is_off(row.output, exact and exact.output, times * self.floors.output(region), unchecked=asked)
        region = dataclasses.replace(region, output_off=off, handed_off=handed, failed=failed)
        return dataclasses.replace(region, unknown=tuple(self._unknown(region, rows)))

    def _unknown(self, region: Region, rows: Rows) -> Iterable[str]:
        if region.root != STEP:
            yield from (sentences.input_unknown(region.root, part) for part in rows[region.root].unknown_inputs)
        for site in region.frontier:
            yield from (sentences.output_unknown(site, part) for part in rows[site].unknown_output)
        if any(module_of(site) in self.guessed for site in (*region.frontier, *region.pieces)):
            yield names.RESTS_ON_A_GUESS
        called = {module_of(site) for site in region.frontier}
        yield from (names.alike(sorted(sisters & called)) for sisters in self.alike if len(sisters & called) > 1)
        gives = rows[region.root].output if region.output_off and region.root != STEP else ()
        shaped = any(c.mismatch and not c.misplaced for c in gives)
        if not shaped:  # no weight changes a shape
            for piece in sorted(region.pieces):
                yield from self.unknown.get(Site(module_of(piece)), ())

    def _to_ask(self, found: Pass, about: Collection[Site] | None) -> tuple[Site, ...]:
        """Return the calls to compute in float64 too: those that are off, of a kind whose settings differ alike a few."""
        off: dict[Site, float] = {}
        for region in found.wrong():
            if region.root == STEP or region.failed is not None or key_of(region) in self._exact:
                continue
            handed = [largest(found.rows[site].inputs) for site in region.handed_off]
            errors = [e for e in (largest(found.rows[region.root].output), *handed) if math.isfinite(e)]
            far = len(region.pieces) > 1 and max(errors, default=0.0) > AMBIGUOUS
            far = far or (about is not None and region.root not in about)
            if errors and not far:
                off[region.root] = max(errors)
        return self._sample(off, found.regions)

    def _sample(self, errors: Mapping[Site, float], regions: Mapping[Site, Region]) -> tuple[Site, ...]:
        trace, found = self.floors.trace, set[Site]()
        for kin in trace.kinds(errors):
            ordered = sorted(kin, key=lambda site: errors[site])
            alike = trace.differences.get(module_of(ordered[0])) and all(len(regions[s].pieces) == 1 for s in kin)
            found |= {*ordered[:LEAST], ordered[-1]} if alike else set(kin)
        return tuple(site for site in errors if site in found)

    def _known(self, reading: Reading) -> dict[Site, Watched]:
        """Return the rows of a pass; what a mask means is known of it wherever it is handed on, once some call showed it."""
        for row in reading.watched.values():
            self._masks.update(mask for path, mask in row.masks.items() if path not in row.unknown_inputs)
        return {Site(site): row.knowing(self._masks) for site, row in reading.watched.items()}


def _failures(reading: Reading) -> set[str]:
    """Return the calls of a pass that raised."""
    return {site for site, row in reading.watched.items() if row.failed is not None}
