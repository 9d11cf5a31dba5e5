"""What a worker does when it is asked: each operation of the protocol is one method of the session."""

from __future__ import annotations

import os
import sys
from typing import Any, Callable, Dict, List, NoReturn, Optional, Sequence, Tuple

import numpy as np

from . import wire
from .adapters.adapter import Adapter
from .adapters.entry import Compiling
from .arrays import files, measure, shards
from .code import lines
from .failures import RecipeError, failure
from .model import build, calls, describe, optimizer, reads
from .model.draws import Giving
from .probing import compared, expressions, forced, forward, own, statements, survey, whole
from .probing.corrections import corrections
from .probing.intervention import Intervention
from .probing.probe import Probe
from .probing.reference import Reference
from .recording import record

STIRRED = "stirred"  # the point of the reference's second run
LARGEST_SUM = 1 << 24  # numbers
Data = Dict[str, Any]  # as JSON has it


class Session:
    """What a worker keeps between requests: the built model and the reference's values. See OPERATIONS."""

    def __init__(self, adapter: Adapter, line: wire.Wire, path: List[str]) -> None:
        self._adapter = adapter
        self._line = line
        self._path = path
        self._model: build.Model  # from ``build`` on
        self._rebuild: Callable[[int], build.Model]
        self._lines: lines.Lines
        self._reads: reads.Reads
        self._stored: Optional[shards.OpenShards] = None  # from ``attach`` on, as all that follows
        self._reference: Reference
        self._stirred: Optional[Reference]  # its values at stirred weights
        self._memory: Dict[str, Any] = {}

    def stop(self) -> NoReturn:
        """End this process at once: taking a framework down piece by piece lasts a second, and nobody needs it any more."""
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)

    @property
    def damage(self) -> Optional[shards.DamagedError]:
        """What is damaged of the recorded values that were read, whoever caught the error where they were."""
        return None if self._stored is None else self._stored.damage

    def build(self, folder: str, entry: str, options: Data, watch: List[str], sources: Sequence[str] = ()) -> Data:
        """Build the model and describe it; ``watch`` are patterns of functions whose variables are sites.

        ``sources`` are patterns of more files of an entry that is compiled.
        """
        compiling = Compiling(sources, self._path, lambda name: self._line.event("compiling", file=name))
        self._reads = reads.Reads([folder, *self._path])
        with self._reads.noted():
            function = self._adapter.load_entry(folder, entry, compiling)
        self._rebuild = lambda seed: build.build(self._adapter, function, dict(options, seed=seed), self._model.held)
        self._memory = {}
        with self._reads.noted():
            self._model, seconds = build.timed(build.build, self._adapter, function, options)
        adapter, folders = self._adapter, [folder, *self._path]
        self._lines = lines.Lines(folders, watch, adapter.in_backward, adapter.in_transform, adapter.watcher)
        described = describe.describe(self._model, seconds, [folder] + self._path)
        read = described["sources"] + self._reads.digest()
        return dict(described, sources=read, options=build.accepted_options(function))

    def record(self, folder: str, **how: Any) -> Data:
        """Record one run of the built model into a folder."""
        sources = self._reads.described
        manifest = record.record(self._model, self._rebuild, self._lines, self._line, folder, sources=sources, **how)
        return {"sites": len(manifest["sites"]), "bytes": manifest["bytes"], "seconds": manifest["seconds"]}

    def attach(
        self,
        folder: str,
        sites: Data,
        state: Data,
        batch: Data,
        draws: Data,
        tensors: Data,
        gradients: Optional[Data],
        left: Data,
        stirred: Optional[Data],
        largest: int,
    ) -> Data:
        """Take the reference's values to patch with; answer how well the framework sums ``largest`` numbers."""
        self._stored = shards.OpenShards(folder, tensors)
        self._reference = Reference(self._stored, sites, state, batch, gradients, left)
        self._model.draws = Giving(self._adapter, draws, self._reference.read, {*sites, *draws})
        self._stirred = None
        if stirred is not None:
            run, left = (stirred["sites"], stirred["state"]), stirred["left"]
            self._stirred = Reference(self._stored, *run, batch, left=left)
        numbers = np.random.default_rng(0).standard_normal(min(largest, LARGEST_SUM), dtype=np.float32) ** 2
        total = float(self._adapter.to_numpy(self._adapter.from_numpy(numbers).sum()).reshape(-1)[0])
        exact = float(numbers.sum(dtype=np.float64))
        return {"sum_error": abs(total - exact) / max(exact, 1e-30)}

    def compare_state(self, names: List[str]) -> Data:
        """Return how far some parameters and buffers, as ``build`` left them, are off from the reference's, by name."""
        reference, own = self._reference, self._model.own
        return {
            name: measure.difference(*(measure.shut(a) for a in (own[name], reference.read(reference.state[name]))))
            for name in names
        }

    def step(self) -> Data:
        """Run one step of the model as it is; return its targets, what is no scalar among them, and the modules it calls.

        ``hidden`` says in sentences what of its calls nobody can see, and how they can be shown.
        """
        model = self._model
        hidden = self._adapter.hidden(model.tree)
        with calls.wrapped(
            self._adapter, model.tree, lambda _call, compute, args, kwargs: compute(*args, **kwargs)
        ) as called:
            values, problems = model.read_targets(model.run_step(model.fresh_batch()))
        model.restore()
        return {"targets": values, "not_scalar": problems, "called": list(called), "hidden": hidden(called)}

    def remember(self, patch: List[str], sites: List[str]) -> None:
        """Run once with the model's own parameters and keep some calls' values for later runs."""
        self._memory = {}
        forward.read(self._probe(patch, remember=sites))

    def run(self, patch: List[str], **how: Any) -> Data:
        """Run one probe and return its reading; of a run that raises, what there is of it up to there."""
        probe = self._probe(patch, **how)
        error, reading = _tried(lambda: _read(probe))
        return reading if error is None else dict(probe.broken_off(), failed=failure("run", error))

    def pull(
        self,
        patch: List[str],
        straight: Sequence[str] = (),
        pulled: Sequence[str] = (),
        severed: Sequence[str] = (),
        corrected: Sequence[str] = (),
        thawed: Sequence[str] = (),
        tied: Optional[Dict[str, str]] = None,
        **how: Any,
    ) -> Data:
        """Run one probe whose backward pass is a whole one, and return its reading."""
        added = corrections(self._probe(patch, **dict(how, watch=list(straight))), corrected) if corrected else {}
        return whole.read(self._probe(patch, **how), straight, pulled, severed, thawed, tied or {}, added)

    def pull_pieces(self, patch: List[str], **how: Any) -> Data:
        """Run one probe whose backward pass is in pieces, and return its reading."""
        return compared.compare(self._probe(patch, **how))

    def values(self, patch: List[str], hand: List[str], file: str, **how: Any) -> Data:
        """Run one probe and write some calls' own inputs and outputs into a file; return {site: {part: [[path, key]]}}."""
        run = self._probe(patch, hand=hand, **how)
        error, _ = _tried(lambda: _read(run))  # of a run that raises, what was handed over up to there
        arrays: Data = {}
        found: Data = {}
        for site, parts in run.handed.items():
            if "output" not in parts:
                continue
            for part, pairs in parts.items():
                for path, array in pairs:
                    key = "t%d" % len(arrays)
                    arrays[key] = array
                    found.setdefault(site, {"inputs": [], "output": []})[part].append([path, key])
        if error is not None and not found:
            raise error
        with shards.writing(os.path.dirname(file)):
            files.save(arrays, file)
        return found

    def pull_statements(
        self, patch: List[str], owners: List[str], named: List[str], given: Dict[str, str], **how: Any
    ) -> Data:
        """Run one probe that is pulled back statement by statement; return what each contributes, and the lines of calls."""
        run = statements.Statements(self._probe(patch, **how), self._lines, named, owners, given)
        run.read()
        return {
            "edges": run.edges,
            "places": run.places,
            "excerpts": run.excerpts,
            "stopped": run.stopped(),
            "backward": run.backward,
        }

    def take_steps(self, patch: List[str], file: str) -> Data:
        """Let the optimizer take its steps from the reference's parameters and gradients; write what comes out into a file.

        Returns {"groups": its groups, "after": {parameter: [key after step 1, ...]}}.
        """
        model, reference = self._model, self._reference
        for name in patch:
            model.adapter.write(model.state[name][0], reference.read(reference.state[name]))
        known = reference.gradients["parameters"]
        gradients = {name: reference.read(key) for name, key in known.items() if key is not None}
        try:
            after = optimizer.steps(model, gradients)
        finally:
            model.restore()
        arrays = {"%d|%s" % (step, name): a for name, found in after.items() for step, a in enumerate(found)}
        with shards.writing(os.path.dirname(file)):
            files.save(arrays, file)
        keys = {name: ["%d|%s" % (step, name) for step in range(len(found))] for name, found in after.items()}
        return {"groups": optimizer.describe(model), "after": keys}

    def _probe(self, patch: List[str], **how: Any) -> Probe:
        asked = Intervention(patch, **how)
        reference = self._reference if asked.point != STIRRED else self._stirred
        if reference is None:
            raise ValueError("the reference was not recorded at stirred weights")
        if not self._model.templates and any(site in reference.sites for site in patch):
            own.learn_structures(self._model)
        return Probe(self._model, reference, self._line, asked, self._memory, self._lines)

    def survey(self, patch: List[str], **how: Any) -> Data:
        """Run one probe and return every variable that was assigned, in order, and the exceptions that were caught.

        The first one runs the model once more, as it is, to learn which functions it calls.
        """
        self._learn()
        seen = survey.Survey(self._model, self._lines)
        probe = self._probe(patch, variables=True, **how)
        error, _ = _tried(lambda: _read(probe, seen.on_assigned, seen.on_caught))
        raised = None if error is None else seen.raised(error)  # first: it notes the lines around
        found = {
            "variables": seen.assigned,
            "excerpts": seen.excerpts,
            "caught": seen.caught,
            "skipped": self._lines.watcher.skipped,
            "cut": sorted(self._lines.cut),
            "functions": sorted(self._lines.functions()),
            "conditions": seen.conditions,
            "ended": list(calls.ended()),
        }
        found.update((name, names) for name, names in self._lines.chosen().items() if names)
        return found if error is None else dict(found, failed=failure("survey", error), raised=raised)

    def identify(self, patch: List[str], names: List[str], candidates: Data, **how: Any) -> Data:
        """Run one probe, as far as it runs; return {the reference's variable: the model's} for those that have the same values."""
        seen = survey.Namesakes(self._model.adapter, self._reference, names, candidates)
        probe = self._probe(patch, variables=True, **how)
        _tried(lambda: _read(probe, seen.on_assigned))  # who asks knows from the survey whether it raises
        return seen.found

    def expressions(self, patch: List[str], lines: List[str], file: str, **how: Any) -> Data:
        """Run one probe, as far as it runs, and write what the expressions on some lines give into a file; return them in order."""
        self._learn()
        self._lines.mark(lines)
        seen = expressions.Expressions(self._adapter, self._lines)
        probe = self._probe(patch, variables=True, expressions=True, **how)
        _tried(lambda: _read(probe, seen.on_assigned))
        with shards.writing(os.path.dirname(file)):
            files.save(seen.arrays, file)
        return {"rows": seen.rows, "cut": seen.cut}

    def _learn(self) -> None:
        """Run the model once as it is, to learn which functions it calls, unless that is known."""
        if not self._lines.learnt:
            plain = self._probe([])
            with self._lines.learning():
                _tried(lambda: _read(plain))

    def attach_variables(self, sites: Data) -> None:
        """Take the reference's values of variables: {the model's own site: tree}."""
        self._reference.sites.update(
            {site: {"inputs": {"list": []}, "output": tree, "inside": {}} for site, tree in sites.items()}
        )


def _read(probe: Probe, *seeing: Callable[..., None]) -> Data:
    """Run a probe and return its reading; who looks at variables and exceptions beside it, see ``survey``."""
    return forward.read(probe, *seeing) if probe.asked.dissolved is None else forced.read(probe, *seeing)


def _tried(run: Callable[[], Data]) -> Tuple[Optional[Exception], Data]:
    """Return the exception that the model's own code raised, if it did, and else what a run gave."""
    try:
        return None, run()
    except (RecipeError, shards.DiskError, shards.DamagedError):
        raise
    except Exception as error:
        return error, {}


OPERATIONS: Dict[str, Callable[..., Any]] = {
    "build": Session.build,
    "stop": Session.stop,
    "step": Session.step,
    "record": Session.record,
    "attach": Session.attach,
    "compare_state": Session.compare_state,
    "remember": Session.remember,
    "run": Session.run,
    "values": Session.values,
    "survey": Session.survey,
    "identify": Session.identify,
    "attach_variables": Session.attach_variables,
    "expressions": Session.expressions,
    "pull": Session.pull,
    "pull_pieces": Session.pull_pieces,
    "pull_statements": Session.pull_statements,
    "take_steps": Session.take_steps,
}
