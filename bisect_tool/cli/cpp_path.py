"""``bisect cpp-path``: where CMake finds what a port in C++ needs."""

from __future__ import annotations

from pathlib import Path

import bisect_tool


def cpp_path() -> None:
    """Print the folder of the CMake package, for ports in C++ with a build of their own.

    It is for `cmake -Dbisect_DIR=$(bisect cpp-path)`; `find_package(bisect REQUIRED)` then gives `bisect_add_port(name sources...)`.
    """
    print(Path(bisect_tool.__file__).resolve().parent / "worker" / "cpp" / "cmake")
