"""Answer the parent's requests, one after the other, until it says stop."""

import importlib
import os
import sys
import traceback

from . import build, probe, record, wire


def serve(sock, framework, path):
    """Prepare the framework, then answer ``build``, ``record``, ``attach``, ``run`` and ``stop``.

    ``path`` is the recipe's import path. It comes last until the framework is there, then first: a recipe's own
    ``bisect.py`` or ``torch.py`` must not take the place of what the framework imports.
    """
    line = wire.Wire(sock)
    line.watch_parent()
    try:
        sys.path += path
        adapter = importlib.import_module("%s.%s_adapter" % (__package__, framework))
        adapter.prepare()
    except BaseException as error:
        line.send({"event": "ready", "error": _failure("import", error)})
        return
    sys.path[:] = path + [entry for entry in sys.path if entry not in path]
    line.send({"event": "ready", "version": adapter.version()})
    session = Session(adapter, framework, line)
    for request in line.requests():
        operation = request.pop("op")
        if operation == "stop":
            return
        try:
            reply = {"ok": getattr(session, operation)(**request)}
        except BaseException as error:  # SystemExit too: a script's own exit is no reason to lose its message
            reply = {"error": _failure(operation, error)}
        line.send(reply)


class Session:
    """What a worker keeps between requests: the built model and the reference's values. Methods are the requests."""

    def __init__(self, adapter, framework, line):
        self._adapter = adapter
        self._framework = framework
        self._line = line
        self._model = None
        self._reference = None
        self._memory = {}

    def build(self, folder, entry, options):
        """Build the model and describe it."""
        function = build.load_entry(folder, entry)
        self._rebuild = lambda seed: build.build(self._adapter, function, dict(options, seed=seed))
        self._memory = {}
        self._model, seconds = build.timed(build.build, self._adapter, function, options)
        return dict(build.describe(self._model, self._framework, seconds), options=build.accepted_options(function))

    def record(self, folder, include, exclude, seeds):
        """Record one run of the built model into a folder."""
        manifest = record.record(self._model, self._rebuild, self._line, folder, include, exclude, seeds)
        return {"sites": len(manifest["sites"]), "bytes": manifest["bytes"], "seconds": manifest["seconds"]}

    def attach(self, folder, sites, state, batch, tensors):
        """Take the reference's values to patch with."""
        self._reference = probe.Reference(folder, sites, state, batch, tensors)

    def remember(self, patch, sites):
        """Run once with the model's own parameters and keep some calls' values for later runs."""
        self._memory = {}
        self._probe(patch, remember=sites).run()

    def run(self, patch, watch, keep, echo):
        """Run one probe and return its reading."""
        return self._probe(patch, watch=watch, keep=keep, echo=echo).run()

    def _probe(self, patch, **how):
        return probe.Probe(self._model, self._reference, self._line, self._memory, patch, **how)


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
