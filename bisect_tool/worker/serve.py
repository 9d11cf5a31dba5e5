"""Answer the parent's requests, one after the other, until it says stop."""

import os
import sys
import traceback

import numpy as np
from safetensors.numpy import save_file

from . import wire
from .adapters.adapter import adapter_of
from .arrays import shards
from .code import lines
from .model import build, optimizer
from .probing import backward, probe, pullback, statements, survey
from .probing.reference import Reference
from .recording import record


def serve(sock, framework, path):
    """Prepare the framework, then answer ``build``, ``record``, ``attach``, ``run`` and ``stop``.

    ``path`` is the recipe's import path. It comes last until the framework is there, then first: a recipe's own
    ``bisect.py`` or ``torch.py`` must not take the place of what the framework imports.
    """
    line = wire.Wire(sock)
    line.watch_parent()
    try:
        sys.path += path
        adapter = adapter_of(framework)
        adapter.prepare()
    except BaseException as error:
        line.send({"event": "ready", "error": _failure("import", error)})
        return
    sys.path[:] = path + [entry for entry in sys.path if entry not in path]
    line.send({"event": "ready", "version": adapter.version()})
    session = Session(adapter, framework, line, path)
    for request in line.requests():
        operation = request.pop("op")
        if operation == "stop":
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)  # taking a framework down piece by piece lasts a second, and nobody needs it any more
        try:
            reply = {"ok": getattr(session, operation)(**request)}
        except BaseException as error:  # SystemExit too: a script's own exit is no reason to lose its message
            reply = {"error": _failure(operation, error)}
        line.send(reply)


LARGEST_SUM = 1 << 24  # numbers


class Session:
    """What a worker keeps between requests: the built model and the reference's values. Methods are the requests."""

    def __init__(self, adapter, framework, line, path):
        self._adapter = adapter
        self._framework = framework
        self._line = line
        self._path = path
        self._model = None
        self._reference = None
        self._memory = {}

    def build(self, folder, entry, options, watch):
        """Build the model and describe it; ``watch`` are patterns of functions whose variables are sites."""
        function = build.load_entry(folder, entry)
        self._rebuild = lambda seed: build.build(self._adapter, function, dict(options, seed=seed))
        self._memory = {}
        self._model, seconds = build.timed(build.build, self._adapter, function, options)
        self._lines = lines.Lines(self._adapter, [folder] + self._path, watch)
        described = build.describe(self._model, self._framework, seconds, [folder] + self._path)
        return dict(described, options=build.accepted_options(function))

    def record(self, folder, **how):
        """Record one run of the built model into a folder."""
        manifest = record.record(self._model, self._rebuild, self._lines, self._line, folder, **how)
        return {"sites": len(manifest["sites"]), "bytes": manifest["bytes"], "seconds": manifest["seconds"]}

    def attach(self, folder, sites, state, batch, tensors, gradients, largest):
        """Take the reference's values to patch with; answer how well the framework sums ``largest`` numbers."""
        self._reference = Reference(folder, sites, state, batch, tensors, gradients)
        numbers = np.random.default_rng(0).standard_normal(min(largest, LARGEST_SUM), dtype=np.float32) ** 2
        total = float(self._adapter.to_numpy(self._adapter.from_numpy(numbers).sum()).reshape(-1)[0])
        exact = float(numbers.sum(dtype=np.float64))
        return {"sum_error": abs(total - exact) / max(exact, 1e-30)}

    def step(self):
        """Run one step of the model as it is; return its targets, and what is no scalar among them."""
        values, problems = self._model.read_targets(self._model.run_step(self._model.fresh_batch()))
        self._model.restore()
        return {"targets": values, "not_scalar": problems}

    def remember(self, patch, sites):
        """Run once with the model's own parameters and keep some calls' values for later runs."""
        self._memory = {}
        self._probe(patch, remember=sites).run()

    def run(self, patch, **how):
        """Run one probe and return its reading."""
        return self._probe(patch, **how).run()

    def pull(self, patch, **how):
        """Run one probe whose backward pass is a whole one, and return its reading."""
        return self._probe(patch, backward.Backward, **how).run()

    def pull_pieces(self, patch, **how):
        """Run one probe whose backward pass is in pieces, and return its reading."""
        return self._probe(patch, pullback.Pullback, **how).run()

    def values(self, patch, hand, file, **how):
        """Run one probe and write some calls' own inputs and outputs into a file; return {site: {part: [[path, key]]}}."""
        run = self._probe(patch, hand=hand, **how)
        run.run()
        arrays = {}
        found = {}
        for site, parts in run.handed.items():
            for part, pairs in parts.items():
                for path, array in pairs:
                    key = "t%d" % len(arrays)
                    arrays[key] = array
                    found.setdefault(site, {"inputs": [], "output": []})[part].append([path, key])
        with shards.writing(os.path.dirname(file)):
            save_file(arrays, file)
        return found

    def pull_statements(self, patch, **how):
        """Run one probe that is pulled back statement by statement; return what each contributes, and the lines of calls."""
        run = self._probe(patch, statements.Statements, **how)
        run.run()
        return {"edges": run.edges, "places": run.places, "excerpts": run.excerpts, "stopped": run.stopped()}

    def take_steps(self, patch, file):
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
            save_file(arrays, file)
        keys = {name: ["%d|%s" % (step, name) for step in range(len(found))] for name, found in after.items()}
        return {"groups": optimizer.describe(model), "after": keys}

    def _probe(self, patch, kind=probe.Probe, **how):
        return kind(self._model, self._reference, self._line, self._memory, patch, lines=self._lines, **how)

    def survey(self, patch, **how):
        """Run one probe and return every variable that was assigned, in order, and the exceptions that were caught."""
        how["variables"] = True
        seen = survey.Survey(self._model.adapter, self._lines)
        self._probe(patch, on_assigned=seen.on_assigned, on_caught=seen.on_caught, **how).run()
        return {
            "variables": seen.assigned,
            "excerpts": seen.excerpts,
            "caught": seen.caught,
            "skipped": self._lines.watcher.skipped,
            "cut": sorted(self._lines.cut),
            "functions": sorted(self._lines.functions()),
            "conditions": seen.conditions,
        }

    def identify(self, patch, names, candidates, **how):
        """Run one probe and return {the reference's variable: the model's} for those that have the same values."""
        how["variables"] = True
        seen = survey.Namesakes(self._model.adapter, self._reference, names, candidates)
        self._probe(patch, on_assigned=seen.on_assigned, **how).run()
        return seen.found

    def attach_variables(self, sites):
        """Take the reference's values of variables: {the model's own site: tree}."""
        self._reference.sites.update(
            {site: {"inputs": {"list": []}, "output": tree, "inside": {}} for site, tree in sites.items()}
        )


def _failure(phase, error):
    """Return what the user needs of an exception: the last frame in their own code, and the traceback for --debug."""
    frames = [(f.filename, f.lineno) for f in traceback.extract_tb(error.__traceback__)]
    message = str(error)
    if isinstance(error, SyntaxError) and error.filename:
        frames.append((error.filename, error.lineno or 0))
        message = error.msg
    own = [(name, number) for name, number in frames if _is_own(name)]
    return {
        "phase": phase,
        "type": type(error).__name__,
        "message": message,
        "where": "%s:%d" % own[-1] if own else None,
        "traceback": "".join(traceback.format_exception(type(error), error, error.__traceback__)),
    }


def _is_own(name):
    real = os.path.realpath(name)
    folders = (os.path.dirname(os.path.realpath(__file__)), os.path.dirname(os.path.realpath(os.__file__)))
    return not (name.startswith("<") or "site-packages" in real or real.startswith(folders))
