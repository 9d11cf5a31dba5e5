"""A saved report comes back as it was; one that is another's, cut, edited or hostile is refused in one clear line."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bisect_tool.errors import BisectError
from bisect_tool.report import saved
from bisect_tool.report.data import FORMAT, Report
from bisect_tool.report.saved import as_json, load_report, save_report

SESSION = Path(__file__).parent.parent / "renderers" / "sessions" / "gradient.json"
Data = dict[str, Any]


@pytest.fixture
def data() -> Data:
    """Return a report as plain data."""
    return dict(json.loads(SESSION.read_text(encoding="utf-8")))


def refused(path: Path) -> str:
    """Return why a report is refused; assert all that holds for every refusal."""
    with pytest.raises(BisectError) as caught:
        load_report(path)
    assert caught.value.hint == "make one with `bisect run`"
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert len(message) < 2000
    message.encode()  # no half characters, which a terminal could not take
    return message


def test_a_report_comes_back_as_it_was(data: Data, tmp_path: Path) -> None:
    """NaN and infinity included, which JSON does not have."""
    data["targets"]["reg_loss"].update(port="nan", reference="-inf", port_with_reference_weights=None)
    report = Report.model_validate(data)
    save_report(report, tmp_path / "new" / "report.json")
    again = load_report(tmp_path / "new" / "report.json")
    assert as_json(again) == as_json(report)
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["report.json"]


def test_what_commands_a_terminal_is_escaped_in_json(data: Data) -> None:
    """JSON that is printed has the characters, but not raw."""
    words = "\x1b[2J \x9b31m \u202e \u2028 ± ²"
    printed = as_json(Report.model_validate({**data, "sentence": words}))
    assert not set(printed) & set("\x1b\x9b\u202e\u2028")
    assert json.loads(printed)["sentence"] == words
    assert printed.isascii()


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        (1, "format 1,"),
        ("2", "format '2',"),
        (None, "format missing,"),
        ([[]], "format missing,"),
        ("\x1b[2J\n" * 9999, "format"),
    ],
)
def test_another_version_is_said(data: Data, tmp_path: Path, found: object, shown: str) -> None:
    """With the version that it has, and the one that is expected."""
    path = tmp_path / "report.json"
    path.write_text(json.dumps({**data, "format": found}))
    assert f"no report of this version: {shown}" in refused(path)


def test_the_expected_version_is_said(tmp_path: Path) -> None:
    """Whatever JSON it is."""
    (tmp_path / "list.json").write_text("[]")
    assert refused(tmp_path / "list.json").endswith(f"format missing, expected {FORMAT}")


CHANGES: dict[str, Callable[[Data], object]] = {
    "probes: missing": lambda d: d.pop("probes"),
    "extra: unknown key": lambda d: d.update(extra=1),
    "verdict: ": lambda d: d.update(verdict=["agrees"]),
    "sentence: ": lambda d: d.update(sentence={"a": 1}),
    "targets.cls_loss: ": lambda d: d["targets"].update(cls_loss=3),
    "targets.cls_loss.port: ": lambda d: d["targets"]["cls_loss"].update(port=[1]),
    "questions.other": lambda d: d["questions"].update(other={}),
    "culprits.0.kind: ": lambda d: d["culprits"][0].update(kind="[bold]"),
    "culprits.0.sites: ": lambda d: d["culprits"][0].update(sites="net"),
    "culprits.0.sufficient.verdict: ": lambda d: d["culprits"][0]["sufficient"].update(verdict="maybe"),
    "culprits.0.line.port.first: ": lambda d: d["culprits"][0]["line"]["port"].update(first=-1),
    "census.0.depth: ": lambda d: d.update(census=[_row(depth=10**9)]),
    "census.0.parameters.port: ": lambda d: d.update(census=[_row(port=10**100)]),
    "census.0.row: ": lambda d: d.update(census=[_row(row="top")]),
    "gradients.by_module.0.port.none: ": lambda d: d["gradients"]["by_module"][0]["port"].update(none="many"),
    "probes.log.0.patched: ": lambda d: d["probes"]["log"][0].update(patched=-1),
    "probes.log: ": lambda d: d["probes"].update(log={}),
}


def _row(depth: int = 0, port: int = 1, row: str = "module") -> Data:
    counts = {"reference": 1, "port": port, "difference": 0}
    return {"name": "net", "depth": depth, "row": row, "renamed": None, "parameters": counts, "buffers": counts}


@pytest.mark.parametrize("words", CHANGES)
def test_an_edited_report_says_where(data: Data, tmp_path: Path, words: str) -> None:
    """Missing, unknown, of a wrong type, negative, too large: the place is named."""
    CHANGES[words](data)
    path = tmp_path / "report.json"
    path.write_text(json.dumps(data))
    assert f"damaged report: {words}" in refused(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"format": 4, "options": ' + b'{"a":' * 100_000,
        b'{"format": ' + b"9" * 100_000 + b"}",
        b'{"format": 4}',
        b'{"format": 4, "\\ud800\\u001b[2J": 1}',
        SESSION.read_bytes().replace(b'"net.', b'"\\ud800net.'),
        SESSION.read_bytes()[:-50],
    ],
)
def test_what_is_no_report_is_refused(tmp_path: Path, content: bytes) -> None:
    """Empty, binary, nested without end, a number without end, cut short."""
    path = tmp_path / "report.json"
    path.write_bytes(content)
    refused(path)


def test_many_mistakes_are_one_line(data: Data, tmp_path: Path) -> None:
    """A list of a thousand wrong parts is not told in full."""
    path = tmp_path / "report.json"
    path.write_text(json.dumps({**data, "culprits": [{"\x1b[2J": "x" * 1000}] * 1000}))
    assert "damaged report: culprits.0" in refused(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """None there, or a folder."""
    assert "cannot read" in refused(tmp_path / "nosuch.json")
    assert "cannot read" in refused(tmp_path)


def test_a_file_that_is_too_large_or_has_no_end_is_not_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nor is one opened that would block, or is no file."""
    monkeypatch.setattr(saved, "MOST_BYTES", 1024**2)
    assert "it is a device, expected a plain file" in refused(Path("/dev/zero"))
    path = tmp_path / "report.json"
    path.write_bytes(b" " * (1024**2 + 1))
    assert "it is larger than 1 MiB" in refused(path)
    os.mkfifo(tmp_path / "fifo")
    assert "it is a FIFO, expected a plain file" in refused(tmp_path / "fifo")


def test_a_number_changed_by_hand_is_refused(data: Data, tmp_path: Path) -> None:
    """A report that is well formed and says something else than what was found."""
    path = tmp_path / "report.json"
    save_report(Report.model_validate(data), path)
    said = path.read_text()
    path.write_text(said.replace('"confirmed": true', '"confirmed": false', 1))
    assert "changed after it was saved" in refused(path)
    path.write_text(re.sub(r', "checksum": "\w+"', "", said))
    assert "changed after it was saved" in refused(path)


@pytest.mark.parametrize("words", ["mine", "", "{}"])
def test_a_file_of_the_users_is_not_replaced(data: Data, tmp_path: Path, words: str) -> None:
    """Where a report would be saved; an older report is."""
    path = tmp_path / "report.json"
    path.write_text(words)
    with pytest.raises(BisectError, match="is no report of bisect's: it would be lost"):
        save_report(Report.model_validate(data), path)
    assert path.read_text() == words
    path.unlink()
    for _ in range(2):
        save_report(Report.model_validate(data), path)


def test_a_full_disk_is_said(data: Data, tmp_path: Path) -> None:
    """The path that could not be written is named."""
    (tmp_path / "file").touch()
    with pytest.raises(BisectError, match="cannot save the report"):
        save_report(Report.model_validate(data), tmp_path / "file" / "report.json")


def test_what_is_nested_too_deeply_to_be_written_is_refused(data: Data, tmp_path: Path) -> None:
    """It could be read, and not printed as JSON."""
    deep: list[Any] = []
    for _ in range(300):
        deep = [deep]
    path = tmp_path / "report.json"
    path.write_text(json.dumps({**data, "options": {"x": deep}}))
    assert "damaged report: nested too deeply" in refused(path)
