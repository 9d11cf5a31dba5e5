"""Seal the manifest of a capture that was just recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bisect_tool.sealed import seal


def seal_manifest(folder: Path, **fields: Any) -> None:
    """Add what only the parent knows (recipe, model name, options) to a worker's manifest, and its checksum."""
    path = folder / "manifest.json"
    data = {**json.loads(path.read_text(encoding="utf-8")), **fields}
    path.write_text(seal(json.dumps(data)), encoding="utf-8")
