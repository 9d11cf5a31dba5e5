"""Start a worker: ``python bisect_tool/worker --socket FD --framework NAME``."""

import argparse
import importlib.util
import os
import socket
import sys

NAME = "bisect_worker"  # not ``bisect_tool.worker``: the tool itself is not importable here


def load_package(folder):
    """Import this folder as a package, and take it off the import path where it would shadow user modules."""
    sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry or ".") != folder]
    spec = importlib.util.spec_from_file_location(
        NAME, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    package = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = package
    spec.loader.exec_module(package)


def main():
    """Read the arguments and serve until the parent closes its end."""
    parser = argparse.ArgumentParser(prog="bisect worker")
    parser.add_argument("--socket", type=int, required=True)
    parser.add_argument("--framework", required=True)
    parser.add_argument("--path", action="append", default=[])
    arguments = parser.parse_args()
    load_package(os.path.dirname(os.path.realpath(__file__)))
    sys.path[:0] = arguments.path
    serve = importlib.import_module(NAME + ".serve")
    serve.serve(socket.socket(fileno=arguments.socket), arguments.framework)


if __name__ == "__main__":
    main()
