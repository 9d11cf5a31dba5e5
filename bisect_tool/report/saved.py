"""Reports on disk: written whole, and checked field by field, with their checksum, when they are read."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from bisect_tool.captures.owned import write_whole
from bisect_tool.errors import BisectError
from bisect_tool.report.data import FORMAT, Report
from bisect_tool.sealed import FIELD, fits, seal
from bisect_tool.validation import explain
from bisect_tool.worker import plain_files

MOST_BYTES = 64 * 1024 * 1024  # of a report: the largest are a few
BEGIN = b'{\n "format": '
MAKE_ONE = "make one with `bisect run`"
NO_ASCII = re.compile("[^\n -~]")


def as_json(report: Report) -> str:
    """Return a report as JSON text with its checksum that is safe to print anywhere: ASCII alone, no character commands a terminal."""
    return seal(NO_ASCII.sub(lambda found: "".join(_escapes(found[0])), report.model_dump_json(indent=1)))


def _escapes(character: str) -> Iterator[str]:
    units = character.encode("utf-16-be")
    return (f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


def save_report(report: Report, path: Path) -> None:
    """Write a report. Raises BisectError when the disk does not take it, or where the file is there and is no report."""
    try:
        if os.path.lexists(path) and not plain_files.content(path, MOST_BYTES).startswith(BEGIN):
            raise BisectError(
                f"{path} is there already, and is no report of bisect's: it would be lost",
                hint="choose another place with --captures, or move it away",
            )
        write_whole(path, as_json(report).encode())
    except OSError as error:
        raise BisectError(f"cannot save the report {path}: {error.strerror or error}") from error


def load_report(path: Path) -> Report:
    """Read a saved report. Raises BisectError when it is none, of another version, or damaged."""
    content = _content(path)
    data = _parsed(path, content)
    found = data.get("format") if isinstance(data, dict) else None
    if found != FORMAT:
        shown = repr(found) if isinstance(found, (int, str, float)) else "missing"
        raise BisectError(f"{path}: no report of this version: format {shown}, expected {FORMAT}", hint=MAKE_ONE)
    try:
        data.pop(FIELD, None)
        report = Report.model_validate(data)
        as_json(report)
    except ValidationError as error:
        raise BisectError(f"{path}: damaged report: {explain(error)}", hint=MAKE_ONE) from error
    except (PydanticSerializationError, RecursionError) as error:
        raise BisectError(f"{path}: damaged report: nested too deeply", hint=MAKE_ONE) from error
    if not fits(content):
        raise BisectError(f"{path}: changed after it was saved (its checksum does not fit)", hint=MAKE_ONE)
    return report


def _content(path: Path) -> bytes:
    try:
        return plain_files.content(path, MOST_BYTES, links=True)
    except OSError as error:
        raise BisectError(f"cannot read {path}: {error.strerror}", hint=MAKE_ONE) from error


def _parsed(path: Path, content: bytes) -> Any:
    try:
        data = json.loads(content.decode("utf-8"))
        json.dumps(data, ensure_ascii=False).encode()  # half characters ("\\ud800") can be neither drawn nor written
    except (ValueError, RecursionError) as error:
        raise BisectError(f"{path}: not valid JSON: {error}", hint=MAKE_ONE) from error
    return data


def plain_data(data: dict[str, Any]) -> dict[str, Any]:
    """Return data with NaN and infinity as the words "nan" and "inf": JSON has no such numbers."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list):
            return [plain(item) for item in value]
        return str(value) if isinstance(value, float) and not math.isfinite(value) else value

    return {key: plain(value) for key, value in data.items()}
