"""`bisect compare` as a user runs it: equal captures, different ones, other recipes, and what is no capture."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from cli.desk import MODEL, TOML, Desk, Ended

REF, PORT = "captures/small/ref", "captures/small/port"
FAULT = ("torch.tanh(self.first(x))", "torch.sin(self.first(x))")


def two(recorded: Desk, *changes: tuple[str, str]) -> Desk:
    """Record the port too, with some words replaced."""
    recorded.port(*changes)
    assert recorded.capture("--model", "port").code == 0
    return recorded


def data_of(done: Ended) -> dict[str, Any]:
    """Return what --json printed."""
    data: dict[str, Any] = json.loads(done.out)
    return data


def test_equal_captures_agree(recorded: Desk) -> None:
    """The same model captured twice: all equal bit for bit, and nothing is said to be off."""
    done = two(recorded).bisect("compare", REF, PORT)
    assert done.code == 0, done.err
    assert "10 sites compared (10 values): 10 equal bit for bit, 0 within rounding (2e-05), 0 off" in done.out
    assert "ref of small, torch" in done.out
    assert "first off" not in done.out
    assert data_of(recorded.bisect("compare", REF, REF, "--json"))["agrees"] is True


def test_names_are_matched_by_the_recipe(recorded: Desk) -> None:
    """What the recipe renames is compared, and not on one side only."""
    two(recorded, ("self.first = ", "self.one = "), ("self.first(x)", "self.one(x)"))
    assert "only in A (3)" in recorded.bisect("compare", REF, PORT).out
    (recorded.recipe / "recipe.toml").write_text(f'{TOML}\n[names]\nrename = [["first", "one"]]\n')
    done = recorded.bisect("compare", REF, PORT)
    assert done.code == 0, done.out
    assert "10 sites compared (10 values): 10 equal bit for bit" in done.out


def test_the_first_call_that_is_off_is_named(recorded: Desk) -> None:
    """What comes before the fault is equal, what comes after it is in the table."""
    two(recorded, FAULT)
    done = recorded.bisect("compare", REF, PORT)
    assert done.code == 1, done.err
    assert "6 equal bit for bit, 0 within rounding (2e-05), 4 off, 0 of another shape" in done.out
    assert "first off, in execution order: output net.last: 0." in done.out
    assert "largest error: " in done.out
    rows = [line.split() for line in done.out.split("Off, in execution order")[1].splitlines()[2:]]
    assert [row[:2] for row in rows] == [
        ["output", "net.last"], ["output", "net"], ["target", "loss"], ["target", "size"],
    ]  # fmt: skip
    data = data_of(recorded.bisect("compare", REF, PORT, "--json"))
    assert (data["agrees"], data["rtol"], len(data["rows"])) == (False, 2e-5, 10)
    assert data["first_off"]["site"] == "net.last"
    assert data["largest"]["error"] == max(row["error"] for row in data["rows"])


def test_the_tolerance_decides(recorded: Desk) -> None:
    """The same two captures agree when they may be further apart."""
    two(recorded, FAULT)
    done = recorded.bisect("compare", REF, PORT, "--rtol", "10")
    assert done.code == 0, done.err
    assert "4 within rounding (10), 0 off" in done.out
    for word in ("nan", "-1", "much"):
        assert recorded.bisect("compare", REF, PORT, "--rtol", word).code == 2


def test_another_shape_and_another_module_are_told(recorded: Desk) -> None:
    """A wider layer and a module of another name: shapes in words, and what has no partner."""
    two(
        recorded,
        ("nn.Linear(4, 8)", "nn.Linear(4, 9)"), ("self.last = nn.Linear(8, 2)", "self.end = nn.Linear(9, 2)"),
        ("self.last(hidden)", "self.end(hidden)"),
    )  # fmt: skip
    done = recorded.bisect("compare", REF, PORT)
    assert done.code == 1, done.err
    assert "3 of another shape" in done.out
    assert "shape [9, 4], reference [8, 4]" in done.out
    assert "only in A (3): state net.last.weight, state net.last.bias and output net.last" in done.out
    assert "only in B (3): state net.end.weight" in done.out


def test_a_long_list_is_cut_and_json_has_all(recorded: Desk) -> None:
    """A table has at most 14 rows; --json has every one."""
    layers = MODEL.replace("nn.Linear(4, 8)", "nn.Sequential(*[nn.Linear(4, 4) for _ in range(9)], nn.Linear(4, 8))")
    recorded.write(reference=layers, port=layers.replace("seed=0", "seed=1"))
    assert recorded.capture().code == recorded.capture("--model", "port").code == 0
    done = recorded.bisect("compare", REF, PORT)
    assert done.code == 1
    rows = done.out.split("Off, in execution order")[1].splitlines()[2:]
    assert len(rows) == 14
    assert "... and 24 more (all of them with --json)" in rows[-1]
    assert len([row for row in data_of(recorded.bisect("compare", REF, PORT, "--json"))["rows"] if row["error"]]) == 37


def test_captures_of_other_recipes_compare_by_name(recorded: Desk) -> None:
    """Nothing need be the same but the names; without any, only the batch and the targets are left."""
    other = Desk(recorded.folder / "other").write(toml=TOML, reference=MODEL.replace('"net": net', '"model": net'))
    other.recipe.rename(other.recipe.parent / "large")
    assert other.bisect("capture", "--seeds", "0").code == 0
    done = recorded.bisect("compare", REF, "other/captures/large/ref")
    assert done.code == 1, done.err
    assert "3 sites compared (3 values): 3 equal bit for bit" in done.out
    assert "only in A (7): state net.first.weight" in done.out
    assert "ref of large" in done.out


def test_what_is_not_finite_is_a_word_in_json(recorded: Desk) -> None:
    """JSON has no NaN: the answer stays JSON, and the same NaN is no difference."""
    nan = ("(out**2).mean()", '(out**2).mean() * float("nan")')
    recorded.write(reference=MODEL.replace(*nan))
    assert recorded.capture().code == 0
    same = recorded.bisect("compare", REF, REF, "--json")
    assert (same.code, data_of(same)["agrees"]) == (0, True)
    two(recorded)
    done = recorded.bisect("compare", REF, PORT, "--json")
    assert done.code == 1
    assert "NaN" not in done.out.replace("NaN or infinity in other places", "")
    assert data_of(done)["first_off"]["site"] == "loss"


@pytest.mark.parametrize("words", [("captures/small/nosuch", REF), (REF, "captures/small/nosuch"), (REF, "captures")])
def test_a_folder_that_is_no_capture_is_refused(recorded: Desk, words: tuple[str, str]) -> None:
    """Whichever of the two it is, the folder is named."""
    error = recorded.bisect("compare", *words).error(2)
    assert f"no capture in {recorded.folder}" in error
    assert "next: record one with `bisect capture`, or give the folder of one" in error


def test_two_captures_are_needed(recorded: Desk) -> None:
    """One folder is a mistake in the command."""
    assert recorded.bisect("compare", REF).code == 2


def _cut(folder: Path) -> None:
    shard = folder / "shard-0000.safetensors"
    shard.write_bytes(shard.read_bytes()[:-100])


def _lost(folder: Path) -> None:
    (folder / "shard-0000.safetensors").unlink()


def _edited(folder: Path) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["targets"]["loss"] = 3.0
    path.write_text(json.dumps(manifest))


def _no_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text("{")


@pytest.mark.parametrize("damage", [_cut, _lost, _edited, _no_manifest])
def test_a_damaged_capture_is_refused(recorded: Desk, damage: Callable[[Path], None]) -> None:
    """Nothing is compared with a capture that is not whole."""
    shutil.copytree(recorded.captures / "ref", recorded.captures / "port")
    damage(recorded.captures / "port")
    error = recorded.bisect("compare", REF, PORT).error(2)
    assert str(recorded.captures / "port") in error
    assert "next: record it again with `bisect capture --recipe small --model " in error


def test_a_changed_value_accuses_no_model(recorded: Desk) -> None:
    """A shard whose bytes were changed, under a hash that says that they differ anyway, is refused when it is read."""
    two(recorded, FAULT)
    shard = recorded.captures / "port" / "shard-0000.safetensors"
    tensors = load_file(shard)
    save_file({key: np.asarray(value + np.float32(0.5)) for key, value in tensors.items()}, shard)
    error = recorded.bisect("compare", REF, PORT).error(2)
    assert f"in {shard}: the bytes are not those that were recorded" in error


def test_nothing_is_unpickled(recorded: Desk) -> None:
    """A shard that is a pickle is no shard, and what it would do does not happen."""
    two(recorded, FAULT)
    shard = recorded.captures / "port" / "shard-0000.safetensors"
    shard.write_bytes(b"cos\nsystem\n(S'touch pwned'\ntR.")
    assert "damaged capture" in recorded.bisect("compare", REF, PORT).error(2)
    assert not (recorded.folder / "pwned").exists()
