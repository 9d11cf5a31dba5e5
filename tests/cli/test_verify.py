"""``bisect verify`` reads all that is kept, and says what is damaged and how to mend it."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from cli.desk import Desk


def flip(desk: Desk, *names: str) -> None:
    """Flip one bit in the recorded tensors of some parameters."""
    folder = desk.captures / "ref"
    state = json.loads((folder / "manifest.json").read_text())["state"]
    tensors = load_file(folder / "shard-0000.safetensors")
    for name in names:
        tensors[state[name]].reshape(-1).view(np.uint8)[0] ^= 1
    save_file(tensors, folder / "shard-0000.safetensors")


def test_a_capture_that_is_whole_is_said_to_be(recorded: Desk) -> None:
    """By its folder, or all that is there."""
    for words in (("captures/small/ref",), ()):
        done = recorded.bisect("verify", *words)
        assert done.code == 0
        assert done.out.startswith("captures/small/ref: whole: ")


def test_every_damaged_tensor_is_named_with_how_to_mend_it(recorded: Desk) -> None:
    """And with the options that it was recorded with."""
    assert recorded.capture("--option", "seed=3", "--option", "fault=a b").code == 0
    flip(recorded, "net.first.bias", "net.last.weight")
    done = recorded.bisect("verify", "captures/small/ref")
    assert done.code == 2
    assert "captures/small/ref: DAMAGED\n" in done.out
    assert done.out.count("the bytes are not those that were recorded") == 2
    assert "(net.first.bias) in " in done.out
    assert "(net.last.weight) in " in done.out
    again = "bisect capture --recipe small --model ref --option seed=3 --option 'fault=a b' --seeds 0"
    assert f"next: record it again with `{again}`" in done.out
    (one,) = json.loads(recorded.bisect("verify", "--json").out)
    assert (one["ok"], one["holds"], len(one["problems"])) == (False, "", 2)


def test_kept_probes_and_reports_are_verified_too(recorded: Desk) -> None:
    """A line of a probe that is damaged is asked again, so that it is no failure; a damaged report is one."""
    assert recorded.run().code == 0
    (probes,) = (recorded.captures / "probes").glob("*.jsonl")
    lines = probes.read_text().splitlines(keepends=True)
    probes.write_text("".join(lines).replace('"loss": 0.0', '"loss": 0.1', 1).replace('"loss": 0.1', '"loss": 0.2', 1))
    done = recorded.bisect("verify")
    assert done.code == 0
    assert "1 of " in done.out
    assert "damaged: what they answered is asked again" in done.out
    assert "reports/port-loss.json: whole: a report, agrees" in done.out
    report = recorded.captures / "reports" / "port-loss.json"
    report.write_text(report.read_text().replace('"agrees"', '"diverges"', 1))
    done = recorded.bisect("verify")
    assert done.code == 2
    assert "port-loss.json: DAMAGED\n" in done.out
    again = recorded.run("--json")
    assert again.code == 0
    assert json.loads(again.out)["probes"]["cached"] == json.loads(again.out)["probes"]["count"] - 1


def test_the_whole_command_is_advised_wherever_it_is(recorded: Desk) -> None:
    """With the options, the gradients, the seeds, what was left out and the place; by every command, and where the manifest went."""
    of = ("--grads-of", "size", "--include", "net*", "--exclude", "net.first")
    words = (*of, "--option", "fault=a b", "--captures", "other")
    assert recorded.capture(*words).code == 0
    folder = recorded.folder / "other" / "small" / "ref"
    option = "--captures other --option 'fault=a b' --seeds 0 --include 'net*' --exclude net.first --grads-of size"
    again = f"bisect capture --recipe small --model ref {option}"
    assert recorded.run("--captures", "other", "--option", "fault=a b").code == 0
    source = recorded.recipe / "reference.py"
    source.write_text(source.read_text() + "\n# more\n")
    assert f"record it again with `{again}`" in recorded.run("--captures", "other").err
    shard = min(folder.glob("shard-*"))
    shard.write_bytes(shard.read_bytes()[:-4])
    for command in (("run", "--captures", "other"), ("compare", str(folder), str(folder))):
        assert f"next: record it again with `{again}`" in recorded.bisect(*command).error(2)
    assert f"next: record it again with `{again}`" in recorded.bisect("verify", str(folder)).out
    recorded.recipe.rename(recorded.folder / "moved")
    (folder / "manifest.json").unlink()
    done = recorded.bisect("verify", "--captures", "other")
    assert done.code == 2
    assert "its manifest.json is gone" in done.out
    assert "`bisect capture --recipe small --model ref --captures other`, and the options that it" in done.out


def test_what_would_not_be_replaced_is_a_note(recorded: Desk) -> None:
    """A lost marker, or a file of the user's: the capture itself is whole."""
    for spoil, word in (("notes.txt", "notes.txt"), (".made-by-bisect", "bisect did not make it")):
        path = recorded.captures / "ref" / spoil
        path.unlink() if path.exists() else path.write_text("mine")
        done = recorded.bisect("verify", "captures/small/ref")
        assert done.code == 0
        assert "captures/small/ref: whole: " in done.out
        assert "  note: `bisect capture` would refuse to replace it: " in done.out
        assert word in done.out
        path.unlink(missing_ok=True)


def test_what_is_damaged_comes_first_and_is_counted_last(recorded: Desk) -> None:
    """Any of the files can be named by itself, and the folders that they are in."""
    assert recorded.run().code == 0
    (recorded.captures / "ref" / "manifest.json").unlink()
    (probes,) = (recorded.captures / "probes").glob("*.jsonl")
    for words in ((), ("captures",), ("captures/small",)):
        lines = recorded.bisect("verify", *words).out.splitlines()
        assert lines[0] == "captures/small/ref: DAMAGED"
        assert lines[-1] == "2 whole, 1 damaged: captures/small/ref"
    for path, holds in (("reports/port-loss.json", "a report, agrees"), (f"probes/{probes.name}", "5 kept probes")):
        done = recorded.bisect("verify", f"captures/small/{path}")
        assert (done.code, done.out) == (0, f"captures/small/{path}: whole: {holds}\n")


@pytest.mark.parametrize("path", ["captures/small/reff", "recipes/small/port.py", "recipes"])
def test_a_path_without_a_capture_is_not_damaged(recorded: Desk, path: str) -> None:
    """It is said what is there, and what could be named."""
    error = recorded.bisect("verify", path).error(2)
    assert f"nothing to verify in {path}: " in error
    assert "next: name a capture that is there: captures/small/ref" in error


@pytest.mark.parametrize("words", [("nowhere",), ("--captures", "nowhere")])
def test_what_is_not_there_is_said(desk: Desk, words: tuple[str, ...]) -> None:
    """A folder without a capture, and a place without any."""
    done = desk.bisect("verify", *words)
    assert done.code == 2
    assert "next: record" in done.out + done.err
    assert "Traceback" not in done.err


def test_a_fifo_blocks_nobody(recorded: Desk) -> None:
    """In a shard's place, or in that of kept probes: it is named, and not opened."""
    (recorded.captures / "ref" / "shard-0000.safetensors").unlink()
    os.mkfifo(recorded.captures / "ref" / "shard-0000.safetensors")
    (recorded.captures / "probes").mkdir()
    os.mkfifo(recorded.captures / "probes" / "a.jsonl")
    done = recorded.bisect("verify", timeout=20)
    assert done.code == 2
    assert done.out.count("it is a FIFO, expected a plain file") == 2
    shutil.rmtree(recorded.captures / "probes")
    assert "it is a FIFO, expected a plain file" in recorded.run().error(2)


def test_a_name_that_steers_the_terminal_is_shown_plainly(recorded: Desk) -> None:
    """Whoever unpacked a folder of captures did not choose its names."""
    strange = recorded.captures / "reports" / "a\x1b[2Jb.json"
    strange.parent.mkdir(exist_ok=True)
    strange.write_text("{}")
    done = recorded.bisect("verify")
    assert done.code == 2
    assert "a [2Jb.json: DAMAGED" in done.out
    assert "\x1b" not in done.out
