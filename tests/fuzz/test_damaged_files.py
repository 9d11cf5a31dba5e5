"""Files that were damaged, or written by one who means harm: refused in words, never believed, never a traceback or a hang.

Cases are drawn by their number, so that each can be had again: ``BISECT_FUZZ=10000 pytest tests/fuzz`` (``make fuzz``) draws more.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from small_model import record_small

from bisect_tool.captures.again import command_again
from bisect_tool.captures.comparing import compare_captures
from bisect_tool.captures.reader import Capture
from bisect_tool.captures.verifying import damage_of
from bisect_tool.captures.writer import seal_manifest
from bisect_tool.cli.beforehand import beforehand
from bisect_tool.errors import BisectError
from bisect_tool.pairing.names import match_described
from bisect_tool.pairing.pair import Pair
from bisect_tool.pairing.trace import state_of, trace_of
from bisect_tool.probes.attachment import attach_request, port_names
from bisect_tool.probes.cache import ProbeCache
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Comparison, Reading, Watched
from bisect_tool.renderers import text
from bisect_tool.report.data import Report
from bisect_tool.report.saved import as_json, load_report, save_report
from bisect_tool.sealed import seal
from bisect_tool.sites import Site
from fuzz import damage

CASES = int(os.environ.get("BISECT_FUZZ", "240"))  # of each kind
LONGEST = 20  # seconds of one case: what takes so long hangs
COMMANDS = set("\n\x1b\x9b\x07")
SESSIONS = sorted((Path(__file__).parent.parent / "renderers" / "sessions").glob("*.json"))
PARTS = range(4)  # so that several processes share them


@contextlib.contextmanager
def case(name: str) -> Iterator[None]:
    """Say of which case an error is; one that does not end is an error."""

    def late(*_signal: object) -> None:
        raise AssertionError("hangs")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(LONGEST)
    try:
        yield
    except BisectError as error:
        if set(str(error)) & COMMANDS:
            raise AssertionError(f"{name}: what is said commands the terminal") from error
        str(error).encode()
    except BaseException as error:
        raise AssertionError(f"{name}: {type(error).__name__}: {error}") from error
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def numbers(kind: str, part: int) -> Iterator[tuple[str, random.Random]]:
    """Yield the cases of one part: a name, and what draws it."""
    for number in range(part, CASES, len(PARTS)):
        yield f"{kind} {number}", random.Random(f"{kind} {number}")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Capture:
    """A capture with gradients and variables."""
    folder = record_small(tmp_path_factory.mktemp("small")).folder / "capture"
    seal_manifest(folder, recipe="small", model="ref", model_options={"seed": 0}, recipe_folder="..", spec={})
    return Capture.open(folder)


@pytest.fixture
def copied(sound: Capture, tmp_path: Path) -> Path:
    """A copy of it to damage."""
    return Path(shutil.copytree(sound.folder, tmp_path / "ref"))


def used(capture: Capture, sound: Capture) -> list[str]:
    """Do with a capture what the commands do with it; return which tensors are damaged."""
    found = list(damage_of(capture))
    assert command_again(capture.folder, capture.manifest)
    matching = match_described(capture.manifest, sound.manifest.described, ())
    json.dumps(attach_request(capture.folder, capture.manifest, matching, port_names(capture.manifest, matching)))
    compare_captures(sound, capture, 1e-5)
    compare_captures(capture, sound, 1e-5)
    for pair in (
        Pair(capture.manifest, sound.manifest.described, matching, {}),
        Pair(sound.manifest, capture.manifest.described, matching, {}),
    ):
        assert list(beforehand(pair))
        trace_of(pair, lambda _site: True)
        state_of(pair)
    return found


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", ["manifest.json", "shard-0000.safetensors"])
def test_a_capture_with_other_bytes_is_never_believed(sound: Capture, copied: Path, name: str, part: int) -> None:
    """Where a capture opens all the same, it says what was recorded, and every tensor is the recorded one or refused."""
    whole = (copied / name).read_bytes()
    believed = 0
    for words, draw in numbers(name, part):
        (copied / name).write_bytes(damage.in_bytes(draw, whole))
        with case(words):
            opened = Capture.open(copied)
            assert opened.manifest == sound.manifest
            for key in sound.manifest.tensors:
                with contextlib.suppress(BisectError):
                    found = opened.read(key)
                    assert found.tobytes() == sound.read(key).tobytes()
            believed += not used(opened, sound)
    assert believed <= CASES / 4  # bytes that nobody reads, such as blanks


@pytest.mark.parametrize("part", PARTS)
def test_a_manifest_of_one_who_means_harm_breaks_nothing(sound: Capture, copied: Path, part: int) -> None:
    """It is refused, or used, as it is said: its checksum fits."""
    data = json.loads((copied / "manifest.json").read_text())
    del data["checksum"]
    for words, draw in numbers("sealed manifest", part):
        (copied / "manifest.json").write_text(seal(json.dumps(damage.in_data(draw, data))))
        with case(words):
            used(Capture.open(copied), sound)


READINGS = {
    Intervention(frozenset({Site("net.out")}), repeat=number): Reading(
        targets={"loss": number / 3},
        receipts={"net.out": ["00"]},
        watched={
            "net": Watched((Comparison("0.0", error=0.5),), (Comparison("", mismatch="shape [1], reference [2]"),))
        },
        calls=(("net.out", (("", (5, 2)),)),),
        seconds=0.25,
    )
    for number in range(3)
}


@pytest.mark.parametrize("part", PARTS)
def test_a_damaged_kept_probe_is_asked_again(tmp_path: Path, part: int) -> None:
    """What is read of a damaged file is what was written, or nothing."""
    path = tmp_path / "probes.jsonl"
    for intervention, reading in READINGS.items():
        ProbeCache(path).put(intervention, reading)
    whole = path.read_bytes()
    for words, draw in numbers("probes", part):
        path.write_bytes(damage.in_bytes(draw, whole))
        with case(words):
            kept = ProbeCache(path)
            assert all(kept.get(asked) in (None, reading) for asked, reading in READINGS.items())
            assert len(kept) <= len(READINGS)


@pytest.mark.parametrize("part", PARTS)
def test_a_kept_probe_of_one_who_means_harm_breaks_nothing(tmp_path: Path, part: int) -> None:
    """A line that is no reading is passed over, whatever it says."""
    path = tmp_path / "probes.jsonl"
    ProbeCache(path).put(*next(iter(READINGS.items())))
    data = json.loads(path.read_text())
    del data["checksum"]
    for words, draw in numbers("sealed probes", part):
        path.write_text(seal(json.dumps(damage.in_data(draw, data))) + "\n")
        with case(words):
            ProbeCache(path)


@pytest.mark.parametrize("part", PARTS)
def test_a_report_with_other_bytes_is_never_believed(tmp_path: Path, part: int) -> None:
    """It is refused, or it is the very report that was saved."""
    path = tmp_path / "report.json"
    report = Report.model_validate_json(SESSIONS[part].read_text())
    save_report(report, path)
    whole = path.read_bytes()
    for words, draw in numbers("report", part):
        path.write_bytes(damage.in_bytes(draw, whole))
        with case(words):
            assert as_json(load_report(path)) == as_json(report)


@pytest.mark.parametrize("part", PARTS)
def test_a_report_of_one_who_means_harm_is_refused_or_drawn(tmp_path: Path, part: int) -> None:
    """On a terminal it commands nothing."""
    path = tmp_path / "report.json"
    datas: list[Any] = [json.loads(session.read_text()) for session in SESSIONS]
    for words, draw in numbers("sealed report", part):
        path.write_text(seal(json.dumps(damage.in_data(draw, draw.choice(datas)))))
        with case(words):
            loaded = load_report(path)
            drawn = io.StringIO()
            text.draw(loaded, Console(file=drawn, width=draw.choice((20, 80, 200)), highlight=False))
            assert not set(drawn.getvalue() + as_json(loaded)) & (COMMANDS - {"\n"})
            assert loaded.exit_code in (0, 1, 3)
