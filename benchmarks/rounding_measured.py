"""How far each call is off by itself, in the faithful port and with each fault: what rounding.py prints."""

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bisect_tool import Capture, open_port
from bisect_tool.axes.calls.passes import Floors, Passes
from bisect_tool.axes.calls.regions import Pass
from bisect_tool.pairing.pair import Pair
from bisect_tool.pairing.trace import Trace, state_of, trace_of
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.port import WorkerPort
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.judging import call_floor, error_of, largest
from bisect_tool.questions.log import ProbeLog
from bisect_tool.questions.question import Question
from bisect_tool.questions.tolerance import UNCHECKED, Interval
from bisect_tool.recipes.load import Recipe, load_recipe
from bisect_tool.sites import Site, module_of

ROOT = Path(__file__).resolve().parent.parent
SIZES = {"yolo11n": (320, 256), "gold_yolo": (320, 500)}
BATCHES = range(3)
SHOWN_AT = {"pooling_of_jittor": 500}  # every other fault shows at the recipe's first size
OUTPUT, INPUTS = "output", "inputs"
LIST_FAULTS = """
import json
from bisect_tool.worker.adapters import jittor_setup
jittor_setup.import_jittor()
from faults import FAULTS
print(json.dumps({name: fault.sites for name, fault in FAULTS.items() if fault.kind == "code"}))
"""


@dataclass(frozen=True)
class OwnError:
    """How far a call is off, in units of its size, and what rounding explains.

    Attributes: ``error`` in float32, ``exact`` in float64 (None where its code does not run in it, or where it was not
    ``asked``, since others of its kind tell), ``floor``.
    """

    error: float
    exact: float | None
    floor: float
    asked: bool = True

    @property
    def share(self) -> float:
        """Return what the criterion looks at, in units of where suspicion begins: a suspect has more than 1."""
        if math.isinf(self.error):
            return self.error
        if self.exact is None:
            return self.error / (max(self.floor, UNCHECKED) if self.asked else self.floor)
        return min(self.error, self.exact) / self.floor


@dataclass(frozen=True)
class Row:
    """One call's error, the reference's own against float64, and whether its output or what it hands on is off."""

    site: Site
    kind: str
    own: OwnError
    reference: float
    where: str = OUTPUT

    @property
    def share(self) -> float:
        """Return what the criterion looks at, see ``OwnError``."""
        return self.own.error / self.own.floor if self.where == INPUTS else self.own.share


@dataclass
class Measured:
    """What was measured of one recipe.

    Attributes:
        honest: every call of the faithful port.
        inputs: how far the inputs are off that these calls are handed, everything around them being the reference's.
        free: how far these calls are off where nothing is replaced, as rows.
        faulty: the calls at fault, by fault.
        extra: what is suspected besides, by fault.
        off: how far every call is off where nothing is replaced, by fault.

    """

    honest: list[Row] = field(default_factory=list)
    inputs: list[float] = field(default_factory=list)
    free: list[Row] = field(default_factory=list)
    faulty: dict[str, list[Row]] = field(default_factory=dict)
    extra: dict[str, list[Site]] = field(default_factory=dict)
    off: dict[str, list[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Ready:
    """A port that is started, its trace, and a question to ask it with everything that it has in state patched."""

    trace: Trace
    question: Question


def measure(name: str) -> Measured:
    """Run the faithful port on every batch at every size, and each fault on the first batch."""
    recipe = load_recipe(ROOT / "recipes" / name)
    faults = faults_of(recipe)
    found, started = Measured(), time.monotonic()
    for size in SIZES[name]:
        for batch in BATCHES:
            options = {"size": size, "batch_seed": batch}
            with tempfile.TemporaryDirectory(prefix="bisect-benchmark-") as folder:
                note(started, f"{name}, batch {batch} at {size} px")
                capture = captured(recipe, Path(folder), options)
                add_honest(found, recipe, capture, options)
                shown = {f: s for f, s in faults.items() if not batch and SHOWN_AT.get(f, SIZES[name][0]) == size}
                for fault, sites in shown.items():
                    note(started, f"{name}, {fault}")
                    add_faulty(found, recipe, capture, {**options, "fault": fault}, sites)
    return found


def note(started: float, words: str) -> None:
    """Say what is done now."""
    print(f"{time.monotonic() - started:4.0f} s: {words}", file=sys.stderr)


def faults_of(recipe: Recipe) -> dict[str, list[str]]:
    """Return the recipe's faults of kind "code" and their sites, read in a process of its own: they import Jittor."""
    folders = [recipe.folder, *(recipe.folder / path for path in recipe.model("port").path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [ROOT, *folders]))}
    listing = [sys.executable, "-c", LIST_FAULTS]
    done = subprocess.run(listing, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def captured(recipe: Recipe, folder: Path, options: Mapping[str, int]) -> Capture:
    """Record the reference and return the capture."""
    words = ["--recipe", str(recipe.folder), "--captures", str(folder), "--seeds", "0"]
    words += [word for key, value in options.items() for word in ("--option", f"{key}={value}")]
    recording = [sys.executable, "-m", "bisect_tool", "capture", *words]
    done = subprocess.run(recording, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return Capture.open(folder / recipe.name / "ref")


def add_honest(found: Measured, recipe: Recipe, capture: Capture, options: Mapping) -> None:
    """Add every call of the faithful port, each computed in float64 too."""
    with open_port(recipe, capture, options=options) as port:
        ready = prepare(port, capture)
        sites = ready.trace.sites
        base = ready.question.base
        exactly = base.patching(sites).watching(sites).computing_exactly(sites)
        reading = usable(ready.question.run(exactly, "exact", "every call in float64 too", patched=len(sites)))
        free = usable(ready.question.run(base.watching(sites), "free", "nothing replaced", patched=0))
    found.honest += [honest_row(ready.trace, reading, site) for site in sites]
    found.inputs += [largest(reading.watched[site].inputs) for site in sites]
    found.free += [honest_row(ready.trace, free, site) for site in sites]


def add_faulty(found: Measured, recipe: Recipe, capture: Capture, options: Mapping, at_fault: Iterable[str]) -> None:
    """Add the calls that a fault makes wrong, as the tool's own forced pass sees them, and what it suspects besides."""
    with open_port(recipe, capture, options=options) as port:
        ready = prepare(port, capture)
        passes = Passes(ready.question, Floors(ready.trace, {}, {}))
        forced = passes.run()
        watching = ready.question.base.watching(ready.trace.sites)
        free = usable(ready.question.run(watching, "free", "nothing replaced", patched=0))
    sites = [Site(site) for site in at_fault]
    fault = str(options["fault"])
    found.faulty[fault] = [faulty_row(passes, forced, site) for site in sites]
    found.extra[fault] = sorted({region.root for region in forced.wrong()} - set(sites))
    found.off[fault] = [error_of(free, site) for site in ready.trace.sites]


def prepare(port: WorkerPort, capture: Capture) -> Ready:
    """Run the port once as it is, and pair its calls with the reference's as a session does."""
    own = usable(port.run(Intervention()))
    pair = Pair(capture.manifest, port.described, port.matching, dict(own.calls))
    target, value = next(iter(capture.manifest.targets.items()))
    anywhere = Interval(value, value, value, "the target is not judged here")
    base = Intervention(frozenset(state_of(pair)))
    return Ready(trace_of(pair, port.can_patch), Question("code", port, ProbeLog(), target, anywhere, base))


def usable(reading: Reading) -> Reading:
    """Return a reading that did not fail."""
    if reading.failure is not None:
        raise SystemExit(f"{reading.failure}\n{reading.detail}")
    return reading


def exact_error_of(reading: Reading, site: Site) -> float | None:
    """Return how far a call's output is off in float64, None where its code does not run in it, or was not asked to."""
    watched = reading.watched.get(site)
    return None if watched is None or watched.exact is None else largest(watched.exact)


def honest_row(trace: Trace, reading: Reading, site: Site) -> Row:
    """Return what a call of the faithful port is off by."""
    own = OwnError(error_of(reading, site), exact_error_of(reading, site), call_floor(trace, site))
    return Row(site, kind_of(trace, site), own, trace.exact.get(site, 0.0))


def faulty_row(passes: Passes, forced: Pass, site: Site) -> Row:
    """Return what a call at fault is off by: its output, or what its own code hands to a call inside it."""
    floors, region = passes.floors, forced.regions[site]
    kind, reference = kind_of(floors.trace, site), floors.trace.exact.get(site, 0.0)
    if region.handed_off and not region.output_off:
        error = max(largest(forced.rows[call].inputs) for call in region.handed_off)
        return Row(site, kind, OwnError(error, None, floors.inputs(region)), reference, INPUTS)
    exact = passes.exact(region)
    exactly = None if exact is None or exact.output is None else largest(exact.output)
    error = math.inf if region.failed is not None else largest(forced.rows[site].output)
    return Row(site, kind, OwnError(error, exactly, floors.output(region), asked=exact is not None), reference)


def kind_of(trace: Trace, site: Site) -> str:
    """Return the class of a call's module, as the reference has it."""
    return trace.classes[module_of(site)][0]
