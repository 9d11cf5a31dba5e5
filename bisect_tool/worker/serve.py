"""Answer the parent's requests, one after the other, until it says stop."""

import importlib
import os
import traceback

from . import build, probe, record, wire


def serve(sock, framework):
    """Prepare the framework, then answer ``build``, ``record``, ``attach``, ``run`` and ``stop``."""
    line = wire.Wire(sock)
    try:
        adapter = importlib.import_module("%s.%s_adapter" % (__package__, framework))
        adapter.prepare()
    except BaseException as error:
        line.send({"event": "ready", "error": _failure("import", error)})
        return
    line.send({"event": "ready", "version": adapter.version()})
    session = Session(adapter, framework, line)
    for request in line.requests():
        operation = request.pop("op")
        if operation == "stop":
            return
        try:
            reply = {"ok": getattr(session, operation)(**request)}
        except (KeyboardInterrupt, SystemExit) as error:
            line.send({"error": _failure(operation, error)})
            return
        except BaseException as error:
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

    def build(self, folder, entry, options):
        """Build the model and describe it."""
        function = build.load_entry(folder, entry)
        self._rebuild = lambda seed: build.build(self._adapter, function, dict(options, seed=seed))
        self._model, seconds = build.timed(build.build, self._adapter, function, options)
        return dict(build.describe(self._model, self._framework, seconds), options=build.accepted_options(function))

    def record(self, folder, include, exclude, seeds):
        """Record one run of the built model into a folder."""
        manifest = record.record(self._model, self._rebuild, self._line, folder, include, exclude, seeds)
        return {"sites": len(manifest["sites"]), "bytes": manifest["bytes"], "seconds": manifest["seconds"]}

    def attach(self, folder, sites, state, batch, tensors):
        """Take the reference's values to patch with."""
        self._reference = probe.Reference(folder, sites, state, batch, tensors)

    def run(self, patch, watch, echo):
        """Run one probe and return its reading."""
        return probe.Probe(self._model, self._reference, self._line, patch, watch, echo).run()


def _failure(phase, error):
    """Return what the user needs of an exception: the last frame in their own code, and the traceback for --debug."""
    here = os.path.dirname(os.path.realpath(__file__))
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not os.path.realpath(f.filename).startswith(here)]
    own = [f for f in frames if "site-packages" not in f.filename]
    last = (own or frames)[-1] if frames else None
    return {
        "phase": phase,
        "type": type(error).__name__,
        "message": str(error),
        "where": "%s:%d" % (last.filename, last.lineno) if last else None,
        "traceback": "".join(traceback.format_exception(type(error), error, error.__traceback__)),
    }
