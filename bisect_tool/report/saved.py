"""Reports on disk: written whole, and checked field by field when they are read."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bisect_tool.errors import BisectError
from bisect_tool.report.data import FORMAT, Report
from bisect_tool.validation import explain

MAKE_ONE = "make one with `bisect run`"


def save_report(report: Report, path: Path) -> None:
    """Write a report. Raises BisectError when the disk does not take it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".partial")
        temporary.write_text(report.model_dump_json(indent=1), encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise BisectError(f"cannot save the report {path}: {error.strerror or error}") from error


def load_report(path: Path) -> Report:
    """Read a saved report. Raises BisectError when it is none, of another version, or damaged."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BisectError(f"cannot read {path}: {error.strerror}", hint=MAKE_ONE) from error
    except (ValueError, RecursionError) as error:
        raise BisectError(f"{path}: not valid JSON: {error}", hint=MAKE_ONE) from error
    found = data.get("format") if isinstance(data, dict) else None
    if found != FORMAT:
        raise BisectError(f"{path}: no report of this version: format {found!r}, expected {FORMAT}", hint=MAKE_ONE)
    try:
        return Report.model_validate(data)
    except ValidationError as error:
        raise BisectError(f"{path}: damaged report: {explain(error)}", hint=MAKE_ONE) from error
    except RecursionError as error:
        raise BisectError(f"{path}: damaged report: nested too deeply", hint=MAKE_ONE) from error


def plain_data(data: dict[str, Any]) -> dict[str, Any]:
    """Return data with NaN and infinity as the words "nan" and "inf": JSON has no such numbers."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list):
            return [plain(item) for item in value]
        return str(value) if isinstance(value, float) and not math.isfinite(value) else value

    return {key: plain(value) for key, value in data.items()}
