"""Every renderer draws the saved sessions as it should, and lets no string of a report command the terminal."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bisect_tool.renderers import text
from bisect_tool.renderers.renderer import Render
from bisect_tool.report.data import Report

SESSIONS = Path(__file__).parent / "sessions"
NAMES = sorted(path.stem for path in SESSIONS.glob("*.json"))
RENDERERS: dict[str, Render] = {"text": text.draw}
HOSTILE = "[bold]x[/] [/] [link=file:///etc/passwd]y[/link] \x1b[2J\x1b]0;title\x07\x9b31m\u202e\x00\rz"
both = [pytest.mark.parametrize("renderer", RENDERERS), pytest.mark.parametrize("name", NAMES)]


def loaded(name: str) -> dict[str, Any]:
    """Return a session as plain data."""
    data: dict[str, Any] = json.loads((SESSIONS / f"{name}.json").read_text(encoding="utf-8"))
    return data


def drawn(render: Render, data: dict[str, Any], width: int = 100) -> str:
    """Return what a renderer draws of a report on a terminal without colours."""
    file = io.StringIO()
    render(Report.model_validate(data), Console(file=file, width=width, highlight=False))
    return file.getvalue()


def mapped(change: Callable[[str], str], data: Any) -> Any:
    """Return data with every string changed."""
    if isinstance(data, dict):
        return {key: mapped(change, value) for key, value in data.items()}
    if isinstance(data, list):
        return [mapped(change, value) for value in data]
    return change(data) if isinstance(data, str) else data


def steered(data: dict[str, Any]) -> dict[str, Any]:
    """Return a report with hostile strings wherever any string may stand."""
    hostile: dict[str, Any] = mapped(lambda word: f"{word}{HOSTILE}", data)
    fixed = {"format": data["format"], "verdict": data["verdict"], "options": {}, "target": data["target"]}
    hostile.update(fixed, targets={f"{name}{HOSTILE}": row for name, row in data["targets"].items()})
    for row, old in zip(hostile["probes"]["log"], data["probes"]["log"], strict=True):
        row["verdict"] = old["verdict"]
    for row, old in zip(hostile["census"], data["census"], strict=True):
        row["row"] = old["row"]
    for culprit, old in zip(hostile["culprits"], data["culprits"], strict=True):
        culprit["kind"] = old["kind"]
        for proof in ("sufficient", "necessary"):
            if old[proof] is not None:
                culprit[proof]["verdict"] = old[proof]["verdict"]
    return hostile


@both[0]
@both[1]
def test_a_session_is_drawn_as_expected(renderer: str, name: str, check_transcript: Callable[..., None]) -> None:
    """Line by line as in the file beside it."""
    check_transcript(f"{name}.{renderer}", drawn(RENDERERS[renderer], loaded(name)), SESSIONS)


@both[0]
@both[1]
@pytest.mark.parametrize("width", [100, 40])
def test_no_string_of_a_report_commands_the_terminal(renderer: str, name: str, width: int) -> None:
    """Markup is drawn as it stands, and control characters are not drawn at all."""
    printed = drawn(RENDERERS[renderer], steered(loaded(name)), width)
    assert not [c for c in printed if c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160 or c == "\u202e")]
    if width == 100:
        assert "[bold]x[/]" in printed


@both[0]
def test_numbers_that_are_none_are_drawn(renderer: str) -> None:
    """NaN, infinity and values that were not measured."""
    data = loaded("code")
    for value in (None, "nan", "inf"):
        data["targets"]["reg_loss"]["port"] = value
        data["culprits"][0]["sufficient"]["value"] = value
        for row in data["probes"]["log"]:
            row["value"] = value
        assert (value or "-") in drawn(RENDERERS[renderer], data)


@both[0]
def test_a_report_without_tables_is_drawn(renderer: str) -> None:
    """What is empty has no heading."""
    data = {**loaded("agrees"), "census": [], "sizes": [], "preflight": [], "notes": [], "ruled_out": [], "targets": {}}
    data["probes"]["log"] = []
    printed = drawn(RENDERERS[renderer], data)
    assert "AGREES" in printed
    assert not [heading for heading in ("Parameters", "Sizes", "Differs", "Notes", "Ruled out") if heading in printed]


@both[0]
def test_a_long_string_is_cut(renderer: str) -> None:
    """A string of a megabyte does not fill the terminal."""
    printed = drawn(RENDERERS[renderer], {**loaded("agrees"), "sentence": "x " * 500_000})
    assert len(printed) < 20_000
    assert "(cut; all of it with" in printed


def test_a_probe_that_only_observes_has_an_empty_cell() -> None:
    """Its value stands in the column of its own quantity, and no verdict beside it."""
    lines = drawn(text.draw, loaded("gradient"), 140).splitlines()
    assert next(line for line in lines if "as it is  " in line).split() == ["ends", "as", "it", "is", "0", "0.9149797"]
    assert any(line.split()[-2:] == ["6256", "diverges"] for line in lines)


def test_a_quantity_has_a_column_of_its_own() -> None:
    """Its heading says what the numbers below it are."""
    printed = drawn(text.draw, loaded("gradient"))
    assert "cls_loss" in printed
    assert "worst gradient error 6256 times what rounding allows: diverges" in " ".join(printed.split())


def test_forced_passes_that_only_observe_share_a_row() -> None:
    """Thirty rows of them tell nothing; how many calls they left to the port is said once, and other phases keep their rows."""
    data = loaded("code")
    log = data["probes"]["log"]
    at = next(index for index, row in enumerate(log) if row["phase"] == "forced")
    log[at:at] = [{**log[at], "what": f"every call, {left} calls left to the port", "left": left} for left in range(30)]
    rows = drawn(text.draw, data, 140).split("Probes")[1].splitlines()
    forced = [line.split() for line in rows if line.startswith("forced")]
    words = "forced 32 passes: every call given the reference's inputs, 0 to 29 calls left to the port 18"
    assert forced == [words.split()]
    assert len([line for line in rows if line.startswith("ends")]) == 3


def test_a_forced_pass_by_itself_keeps_its_row() -> None:
    """Its label and its value."""
    printed = drawn(text.draw, loaded("line"), 140)
    assert "every call given the reference's inputs" in printed
    assert "passes: every call" not in printed
