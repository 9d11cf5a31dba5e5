"""A capture or report that is missing, foreign, old, cut short or edited is refused before or when it is used."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from manifests import checksum
from safetensors.numpy import load_file, save_file

from bisect_tool.captures.manifest import FORMAT
from cli.desk import Desk, changed

AGAIN = "next: record it again with `bisect capture --recipe "


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            'out = net(batch["x"])',
            'out = net(batch["x"]); out.sum().backward(); net.last.bias.data.sub_(net.last.bias.grad)',
        ),
        ("(out**2).mean()", "torch.autograd.grad(out.sum(), net.first.weight, create_graph=True)[0].norm()"),
        ("(out**2).mean()", "(out**2).mean().detach()"),
    ],
)
def test_gradients_that_cannot_be_recorded_are_answered_with_what_can_be(desk: Desk, old: str, new: str) -> None:
    """Whatever the reason: layers can be judged without."""
    reference = changed((old, new), ("out.abs().sum()", "out.abs().sum().item()"))
    desk.write(reference=reference)
    assert "next: record without --grads: " in desk.capture("--grads").error(2)
    assert desk.capture().code == 0


def test_a_missing_capture_is_answered_with_how_to_record_it(desk: Desk) -> None:
    """The folder that was looked in is named."""
    error = desk.run().error(2)
    assert f"no capture in {desk.captures / 'ref'}" in error
    assert "next: record one with `bisect capture --recipe small --model ref`" in error


def test_a_capture_of_another_recipe_or_model_is_refused(recorded: Desk) -> None:
    """A capture that was copied to another place says whose it is."""
    shutil.copytree(recorded.captures / "ref", recorded.captures / "port")
    error = recorded.run("--reference", "port").error(2)
    assert "is of model 'ref' of recipe 'small', not of 'port' of 'small'" in error
    recorded.recipe.rename(recorded.recipe.parent / "large")
    recorded.captures.rename(recorded.captures.parent / "large")
    error = recorded.run().error(2)
    assert "is of model 'ref' of recipe 'small', not of 'ref' of 'large'" in error
    assert AGAIN in error


def test_a_folder_of_the_users_is_never_replaced_by_a_capture(desk: Desk) -> None:
    """The recipe's own folder as the place of captures: the user's ``small/ref`` stays, and no model is started."""
    code = desk.recipe / "ref" / "train.py"
    code.parent.mkdir()
    code.write_text("mine")
    error = desk.capture("--captures", "recipes").error(2)
    assert "recipes/small/ref is there already, and bisect did not make it" in error
    assert "next: choose another place with --captures" in error
    assert code.read_text() == "mine"
    assert not list(desk.recipe.glob(".*"))


def test_a_cut_shard_is_refused(recorded: Desk) -> None:
    """A shard that lost its end is named."""
    shard = recorded.captures / "ref" / "shard-0000.safetensors"
    shard.write_bytes(shard.read_bytes()[:-100])
    error = recorded.run().error(2)
    assert "damaged capture" in error
    size = shard.stat().st_size
    assert f"shard-0000.safetensors: is {size} bytes, recorded were {size + 100}" in error
    assert f"{AGAIN}small --model ref --seeds 4`" in error
    shard.write_bytes(shard.read_bytes()[:100])
    assert "shard-0000.safetensors: is 100 bytes, its header alone was " in recorded.run().error(2)
    shard.write_bytes(b"")
    assert "shard-0000.safetensors: is empty" in recorded.run().error(2)


def test_a_lost_shard_is_refused(recorded: Desk) -> None:
    """A manifest whose shard is gone is no capture."""
    (recorded.captures / "ref" / "shard-0000.safetensors").unlink()
    assert "shard-0000.safetensors" in recorded.run().error(2)


def test_a_changed_value_is_caught_when_it_is_used(recorded: Desk) -> None:
    """Whichever tensor was edited, in parameters, batch or sites, every run says so: no reading of it is kept."""
    shard = recorded.captures / "ref" / "shard-0000.safetensors"
    whole = shard.read_bytes()
    manifest = json.loads((recorded.captures / "ref" / "manifest.json").read_text())
    sites = {entry["site"]: entry["output"]["tensor"] for entry in manifest["sites"]}
    ((_, batch),) = manifest["batch"]["dict"]
    recorded.port(("torch.tanh(self.first(x))", "torch.sin(self.first(x))"))
    keys = {"net.last.bias": manifest["state"]["net.last.bias"], "net.first output": sites["net.first"]}
    for what, key in {**keys, "batch": batch["tensor"]}.items():
        tensors = load_file(shard)
        tensors[key].reshape(-1)[0] += np.float32(0.5)
        save_file(tensors, shard)
        for _ in range(2):
            error = recorded.run().error(2)
            assert (
                f"damaged capture: tensor {key} ({what}) in {shard}: the bytes are not those that were recorded"
                in error
            )
            assert AGAIN in error
        shard.write_bytes(whole)
    assert recorded.run().code == 1


Manifest = dict[str, Any]


def _inside_itself(manifest: Manifest) -> None:
    manifest["calls"]["net"] = "net.first"
    manifest["calls"]["net.first"] = "net"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m.update(format=0), f"format 0, this version reads {FORMAT}"),
        (lambda m: m.pop("format"), f"format None, this version reads {FORMAT}"),
        (lambda m: (m.pop("noise"), m.update(targets=[])), "targets: expected a table"),
        (lambda m: m["tensors"]["t000000"].update(file="../../secret"), "tensors.t000000.file"),
        (lambda m: m["tensors"]["t000000"].update(shape=[-1]), "tensors.t000000.shape.0"),
        (lambda m: m["tensors"]["t000000"].update(shape=[7]), "t000000 is float32"),
        (lambda m: m["tensors"]["t000000"].update(dtype="float64"), "the manifest says float64"),
        (lambda m: m["tensors"].pop("t000000"), "names tensor 't000000', which is not in the manifest"),
        (lambda m: m["sites"][0].update(output={"list": 3}), "sites.0.output: not a recorded list"),
        (lambda m: m["sites"][0].update(output={"tensor": {}}), "sites.0.output: a recorded tensor without a name"),
        (lambda m: m["sites"][0].update(site="net.first#x"), "site 'net.first#x' is no call of a module"),
        (lambda m: m["sites"].append(m["sites"][0]), "site 'net.first' is no call of a module that is described"),
        (lambda m: m["state"].pop("net.last.bias"), "the parameters described and stored differ: net.last.bias"),
        (lambda m: m["described"]["state"][0].update(shape=[2]), "net.first.weight has shape [2], its tensor [8, 4]"),
        (lambda m: m["calls"].pop("net"), "lies in no call that was recorded, or in itself"),
        (_inside_itself, "lies in no call that was recorded, or in itself"),
    ],
)
def test_an_edited_manifest_is_refused(recorded: Desk, change: Callable[[Manifest], object], words: str) -> None:
    """The place in the manifest is named, before any model is started."""
    path = recorded.captures / "ref" / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))
    done = recorded.run()
    error = done.error(2)
    assert words in error
    assert AGAIN in error
    assert "starting" not in done.err


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"format": 1}', b"[" * 100000])
def test_a_manifest_that_is_none_is_refused(recorded: Desk, content: bytes) -> None:
    """Anything but a whole manifest is refused with its path."""
    path = recorded.captures / "ref" / "manifest.json"
    path.write_bytes(content)
    assert str(path) in recorded.run().error(2)


def test_a_damaged_report_is_refused_with_nothing_drawn(recorded: Desk, tmp_path: Path) -> None:
    """A report with a part missing, another version's, no JSON or no file gives one line and no half drawing."""
    assert recorded.run().code == 0
    path = recorded.captures / "reports" / "port-loss.json"
    report = json.loads(path.read_text())
    damaged = tmp_path / "damaged.json"
    for content in (
        json.dumps({k: v for k, v in report.items() if k != "probes"}),
        json.dumps({**report, "culprits": [{}]}),
        json.dumps({**report, "targets": {"loss": 3}}),
        json.dumps({**report, "format": 0}),
        json.dumps({**report, "sentence": "\ud800"}),
        json.dumps({**report, "\x1b[2J[bold]\n": 1}),
        json.dumps({**report, "census": [{"depth": 10**12}]}),
        '{"format": 4, "options": ' + '{"a":' * 100000,
        json.dumps({**report, "verdict": ["agrees"]}),
        "[" * 100000,
        path.read_text()[:-50],
        "[]",
        "\x00",
    ):
        damaged.write_text(content)
        for words in ((), ("--json",)):
            error = recorded.bisect("report", str(damaged), *words).error(2)
            assert str(damaged) in error
            assert "next: make one with `bisect run`" in error
    assert "cannot read" in recorded.bisect("report", str(tmp_path / "nosuch.json")).error(2)
    assert "cannot read" in recorded.bisect("report", str(tmp_path)).error(2)


def test_strings_of_a_report_command_nothing(recorded: Desk) -> None:
    """Markup is drawn as it stands; escape sequences reach the terminal neither drawn nor as JSON, nor in an error."""
    recorded.run()
    path = recorded.captures / "reports" / "port-loss.json"
    report = json.loads(path.read_text())
    words = "[bold]x[/] [/] \x1b[2J\x9b31m\x07"
    (values,) = [report["targets"]["loss"]]
    changed = {**report, "recipe": words, "sentence": words, "targets": {words: values}}
    path.write_text(json.dumps({**changed, "checksum": checksum(changed)}))
    drawn, printed = recorded.bisect("report", str(path)), recorded.bisect("report", str(path), "--json")
    assert (drawn.code, printed.code) == (0, 0)
    assert drawn.out.count("[bold]x[/]") == 3
    assert not set(drawn.out + printed.out) & set("\x1b\x9b\x07")
    assert json.loads(printed.out)["sentence"] == words
    path.write_text(json.dumps({**report, "verdict": words}))
    assert not set(recorded.bisect("report", str(path)).error(2)) & set("\x1b\x9b\x07")
