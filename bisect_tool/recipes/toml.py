"""Files of settings, in TOML."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from bisect_tool.worker import plain_files

if sys.version_info >= (3, 11):
    import tomllib
else:  # pragma: no cover
    import tomli as tomllib

MOST_BYTES = 1 << 24


def read_toml(path: Path) -> dict[str, Any]:
    """Return what a file of settings says. Raises OSError, and ValueError or RecursionError where it is no valid TOML."""
    return tomllib.loads(plain_files.content(path, MOST_BYTES, links=True).decode("utf-8"))
