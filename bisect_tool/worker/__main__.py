"""Start a worker: ``python bisect_tool/worker --socket FD --framework NAME``."""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import importlib.util
import json
import os
import signal
import socket
import sys
import traceback

NAME = "bisect_worker"  # not ``bisect_tool.worker``: the tool itself is not importable here


def load_package(folder: str) -> None:
    """Import this folder as a package, and take it off the import path where it would shadow user modules."""
    sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry or ".") != folder]
    spec = importlib.util.spec_from_file_location(
        NAME, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = package
    spec.loader.exec_module(package)


def main() -> None:
    """Read the arguments and serve until the parent closes its end."""
    parser = argparse.ArgumentParser(prog="bisect worker")
    parser.add_argument("--socket", type=int, required=True)
    parser.add_argument("--framework", required=True)
    parser.add_argument("--path", action="append", default=[])
    parser.add_argument("--parent", type=int, help="a pipe whose other end the parent holds as long as it lives")
    arguments = parser.parse_args()
    sock = socket.socket(fileno=arguments.socket)
    sock.set_inheritable(False)
    faulthandler.enable(all_threads=False)
    faulthandler.register(signal.SIGUSR1, all_threads=False)  # the parent asks so where a silent model is
    load_package(os.path.dirname(os.path.realpath(__file__)))
    if arguments.parent is not None:
        importlib.import_module(NAME + ".guard").end_with(arguments.parent)
    try:
        serve = importlib.import_module(NAME + ".serve")
    except ImportError as error:  # numpy or safetensors
        failure = {"phase": "import", "type": "ModuleNotFoundError", "message": str(error), "where": None}
        message = {"event": "ready", "error": dict(failure, traceback=traceback.format_exc())}
        sock.sendall((json.dumps(message) + "\n").encode("utf-8"))
        return
    serve.serve(sock, arguments.framework, arguments.path)


if __name__ == "__main__":
    main()
