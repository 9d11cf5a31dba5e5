"""How far honest calls and faulty calls are off by themselves: what the forced pass has to tell apart.

    python benchmarks/rounding.py [RECIPE ...]

Computes every call of the faithful port from the reference's inputs, in float32 and in float64, for three batches at
two image sizes, and prints how far the calls of each class are off. Then switches on each fault of kind "code" and
prints how far the calls at fault are off, and what lies between the largest honest and the smallest faulty error.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bisect_tool.axes.calls.forced_pass import Forced, OwnError, force
from bisect_tool.captures.reader import Capture
from bisect_tool.cli import run as command
from bisect_tool.cli.progress import Progress
from bisect_tool.pairing.pair import Pair
from bisect_tool.pairing.trace import Trace, state_of, trace_of
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.port import WorkerPort
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.judging import call_floor, error_of, exact_error_of, largest
from bisect_tool.questions.question import ProbeLog, Question
from bisect_tool.questions.tolerance import SAFETY, UNCHECKED, Interval
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
class Row:
    """One call's error, the reference's own against float64, and whether its output or what it hands on is off."""

    site: Site
    kind: str
    own: OwnError
    reference: float
    where: str = OUTPUT

    @property
    def share(self) -> float:
        """Return what the criterion looks at, in units of where suspicion begins: a suspect has more than 1."""
        if self.where == INPUTS:
            return self.own.error / self.own.floor
        if self.own.exact is None:
            return self.own.error / max(self.own.floor, UNCHECKED)
        return min(self.own.error, self.own.exact) / self.own.floor


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


def main() -> None:
    """Measure and print the tables of the recipes that were named, or of both."""
    with Progress() as progress:
        measured = {name: measure(name, progress) for name in sys.argv[1:] or SIZES}
        progress.note(f"{progress.seconds:.0f} s")
    console = Console(width=120, highlight=False, soft_wrap=True)
    for name, found in measured.items():
        show(console, name, found)


def measure(name: str, progress: Progress) -> Measured:
    """Run the faithful port on every batch at every size, and each fault on the first batch."""
    recipe = load_recipe(ROOT / "recipes" / name)
    faults = faults_of(recipe)
    found = Measured()
    for size in SIZES[name]:
        for batch in BATCHES:
            options = {"size": size, "batch_seed": batch}
            with tempfile.TemporaryDirectory(prefix="bisect-benchmark-") as folder:
                progress.note(f"{progress.seconds:4.0f} s: {name}, batch {batch} at {size} px")
                capture = captured(recipe, Path(folder), options)
                add_honest(found, recipe, capture, options, progress)
                shown = {f: s for f, s in faults.items() if not batch and SHOWN_AT.get(f, SIZES[name][0]) == size}
                for fault, sites in shown.items():
                    progress.note(f"{progress.seconds:4.0f} s: {name}, {fault}")
                    add_faulty(found, recipe, capture, {**options, "fault": fault}, sites, progress)
    return found


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


def add_honest(found: Measured, recipe: Recipe, capture: Capture, options: Mapping, progress: Progress) -> None:
    """Add every call of the faithful port, each computed in float64 too."""
    with tempfile.TemporaryDirectory(prefix="bisect-benchmark-") as cache:
        port = command._start_port(recipe, "port", dict(options), capture, Path(cache), 600, progress)
        try:
            ready = prepare(port, capture)
            sites = ready.trace.sites
            reading = usable(ready.question.ask("exact", "every call in float64 too", sites, sites, exact=sites))
            free = usable(ready.question.ask("free", "nothing replaced", (), sites))
        finally:
            port.close()
    found.honest += [honest_row(ready.trace, reading, site) for site in sites]
    found.inputs += [largest(reading.watched[site].inputs) for site in sites]
    found.free += [honest_row(ready.trace, free, site) for site in sites]


def add_faulty(
    found: Measured, recipe: Recipe, capture: Capture, options: Mapping, at_fault: Iterable[str], progress: Progress
) -> None:
    """Add the calls that a fault makes wrong, as the tool's own forced pass sees them, and what it suspects besides."""
    with tempfile.TemporaryDirectory(prefix="bisect-benchmark-") as cache:
        port = command._start_port(recipe, "port", dict(options), capture, Path(cache), 600, progress)
        try:
            ready = prepare(port, capture)
            forced = force(ready.question, ready.trace)
            usable(forced.reading)
            free = usable(ready.question.ask("free", "nothing replaced", (), ready.trace.sites))
        finally:
            port.close()
    sites = [Site(site) for site in at_fault]
    fault = str(options["fault"])
    found.faulty[fault] = [faulty_row(ready.trace, forced, site) for site in sites]
    accused = [*forced.suspects, *forced.fed_wrong.values()]
    found.extra[fault] = sorted(set(accused) - set(sites))
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


def honest_row(trace: Trace, reading: Reading, site: Site) -> Row:
    """Return what a call of the faithful port is off by."""
    own = OwnError(error_of(reading, site), exact_error_of(reading, site), call_floor(trace, site))
    return Row(site, kind_of(trace, site), own, trace.exact.get(site, 0.0))


def faulty_row(trace: Trace, forced: Forced, site: Site) -> Row:
    """Return what a call at fault is off by: its output, or what its own code hands to a call inside it."""
    kind, reference = kind_of(trace, site), trace.exact.get(site, 0.0)
    fed = [call for call, culprit in forced.fed_wrong.items() if culprit == site]
    if site not in forced.off and fed:
        error = max(largest(forced.reading.watched[call].inputs) for call in fed)
        return Row(site, kind, OwnError(error, None, SAFETY * trace.rounding), reference, INPUTS)
    below = OwnError(error_of(forced.reading, site), 0.0, call_floor(trace, site))
    return Row(site, kind, forced.off.get(site, below), reference)


def kind_of(trace: Trace, site: Site) -> str:
    """Return the class of a call's module, as the reference has it."""
    return trace.classes[module_of(site)][0]


def show(console: Console, name: str, found: Measured) -> None:
    """Print one recipe's two tables and what lies between them."""
    sizes = " and ".join(str(size) for size in SIZES[name])
    console.print(f"\n{name}, faithful port, {len(BATCHES)} batches at {sizes} px\n")
    console.print(honest_table(found.honest))
    console.print(f"\n{name}, each fault of a call, batch 0\n")
    console.print(faulty_table(found))
    console.print()
    for line in gap_lines(found):
        console.print(line)


def honest_table(rows: list[Row]) -> Table:
    """Return one line per class of module, the largest error last; classes that are never off are one line."""
    headings = ("class", "calls", "f32 median", "f32 max", "f64 max", "not in f64", "reference max", "floors")
    table = new_table(headings)
    groups = defaultdict(list)
    off = {row.kind for row in rows if row.own.error}
    same = f"{len({row.kind for row in rows} - off)} others"
    for row in rows:
        groups[row.kind if row.kind in off else same].append(row)
    for kind, group in sorted(groups.items(), key=lambda item: max(r.own.error for r in item[1])):
        errors = [row.own.error for row in group]
        exact = exact_of(group)
        table.add_row(
            kind,
            str(len(group)),
            f"{statistics.median(errors):.1e}",
            f"{max(errors):.1e}",
            f"{max(exact):.1e}" if exact else "-",
            str(len(group) - len(exact)),
            f"{max(row.reference for row in group):.1e}",
            f"{max(row.share for row in group):.2f}",
        )
    return table


def faulty_table(found: Measured) -> Table:
    """Return one line per fault, and per what shows it: its calls' outputs, or what they hand to calls inside them.

    "floors" is the smallest share, "others" what is suspected besides, "free run" how many calls are off by more than
    any honest one where nothing is replaced.
    """
    headings = (
        "fault", "calls", "by", "f32 min", "f32 max", "f64 min", "f64 max", "floors", "others", "free run",
    )  # fmt: skip
    table = new_table(headings)
    most = max(row.own.error for row in found.free)
    for fault, where, group in by_fault(found):
        errors, exact = [row.own.error for row in group], exact_of(group)
        table.add_row(
            fault,
            str(len(group)),
            where,
            worded(min(errors)),
            worded(max(errors)),
            worded(min(exact)) if exact else "-",
            worded(max(exact)) if exact else "-",
            worded(min(row.share for row in group)),
            str(len(found.extra[fault])),
            f"{sum(error > most for error in found.off[fault])} of {len(found.off[fault])}",
        )
    return table


def by_fault(found: Measured) -> Iterator[tuple[str, str, list[Row]]]:
    """Yield (fault, what shows it, calls)."""
    for fault, rows in found.faulty.items():
        for where in (OUTPUT, INPUTS):
            group = [row for row in rows if row.where == where]
            if group:
                yield fault, where, group


def gap_lines(found: Measured) -> Iterator[str]:
    """Yield the largest honest and the smallest faulty error, and their ratio, in three ways of measuring."""
    faulty = [(fault, row) for fault, rows in found.faulty.items() for row in rows if row.where == OUTPUT]
    for words, value in (
        ("float32", lambda row: row.own.error),
        ("float64", lambda row: -1.0 if row.own.exact is None else row.own.exact),
        ("the smaller of both, in floors", lambda row: row.share),
    ):
        honest = max(found.honest, key=value)
        of_faults = [pair for pair in faulty if value(pair[1]) >= 0]
        fault, least = min(of_faults, key=lambda pair, value=value: value(pair[1]))
        ratio = value(least) / value(honest)
        yield (
            f"{words}: honest at most {value(honest):.2g} ({honest.site}), "
            f"faulty at least {value(least):.2g} ({fault}, {least.site}): {ratio:.2g} times"
        )
    handed = [
        (row.own.error, fault, row) for fault, rows in found.faulty.items() for row in rows if row.where == INPUTS
    ]
    yield f"inputs of a call, from perfect values around it: honest at most {max(found.inputs):.1e}"
    if handed:
        error, fault, row = min(handed, key=lambda item: item[0])
        yield f"and faulty at least {error:.1e} ({fault}, {row.site}): {error / max(found.inputs):.2g} times"
    free = max(found.free, key=lambda row: row.own.error)
    above = sum(row.own.error > row.own.floor for row in found.free)
    yield (
        f"where nothing is replaced: honest at most {free.own.error:.1e} ({free.site}), "
        f"{above} of {len(found.free)} calls above their floor"
    )
    suspects = sum(row.own.suspect for row in found.honest)
    above = sum(row.own.error > row.own.floor for row in found.honest)
    yield f"of {len(found.honest)} honest calls {above} are above their floor in float32, and {suspects} are suspect"
    missed = [f"{fault} {row.site}" for fault, rows in found.faulty.items() for row in rows if not row.share > 1]
    yield f"calls at fault that are not suspect: {', '.join(missed) or 'none'}"


def exact_of(rows: Iterable[Row]) -> list[float]:
    """Return the errors in float64 of the calls that run in it."""
    return [row.own.exact for row in rows if row.own.exact is not None]


def worded(error: float) -> str:
    """Return an error in two digits, or that the shapes differ."""
    return "shape" if error == float("inf") else f"{error:.2g}"


def new_table(headings: Iterable[str]) -> Table:
    """Return an empty table whose numbers are to the right."""
    table = Table(box=None, pad_edge=False)
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="right" if index else "left", no_wrap=True)
    return table


if __name__ == "__main__":
    main()
