"""Opening a capture: whatever is wrong with it is an error in words, before anything is used."""

import json
import os
import socket

import numpy as np
import pytest
from manifests import SHARD, TENSORS, checksum, site, small_capture, small_point
from safetensors.numpy import save_file

from bisect_tool.captures.manifest import FORMAT
from bisect_tool.captures.reader import Capture, has_opaque, tensor_keys
from bisect_tool.errors import BisectError


@pytest.fixture
def capture(tmp_path):
    """A folder with a small capture, and its manifest as data."""
    data = small_capture(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps(data))
    return tmp_path, data


def refused(folder, data):
    """Return what opening says about a manifest; it must name the capture and say what to do."""
    (folder / "manifest.json").write_text(data if isinstance(data, str) else json.dumps(data))
    with pytest.raises(BisectError) as caught:
        Capture.open(folder)
    assert str(folder) in str(caught.value)
    assert caught.value.hint.startswith("record it again with `bisect capture --recipe ")
    return str(caught.value)


def changed(data, path, value):
    """Return the manifest with one place changed; DELETE takes it out."""
    data = json.loads(json.dumps(data))
    place = data
    for key in path[:-1]:
        place = place[key]
    if value is DELETE:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return data


DELETE = object()


def test_a_sound_capture_opens(capture):
    """What was written is read, and the key stands for the manifest."""
    folder, data = capture
    opened = Capture.open(folder)
    assert opened.manifest.targets == {"loss": 1.0}
    assert opened.manifest.described.state[0].size == 9
    assert opened.key == Capture.open(folder).key
    other = changed(data, ["targets", "loss"], 2.0)
    (folder / "manifest.json").write_text(json.dumps({**other, "checksum": checksum(other)}))
    assert Capture.open(folder).key != opened.key


def test_a_number_changed_by_hand_is_refused(capture):
    """A manifest that is well formed and fits its files, but is not the one that was written, is refused."""
    folder, data = capture
    assert "changed after it was recorded" in refused(folder, changed(data, ["targets", "loss"], 2.0))


def test_no_capture_is_said(tmp_path):
    """An absent capture names the folder, and what its reader says makes one; one that lost its manifest is damaged."""
    with pytest.raises(BisectError, match=r"no capture in .*ref: nothing is there") as caught:
        Capture.open(tmp_path / "ref", "do this")
    assert caught.value.hint == "do this"
    (tmp_path / "ref").mkdir()
    (tmp_path / "ref" / "shard-0000.safetensors").write_bytes(b"")
    with pytest.raises(BisectError, match=r"damaged capture .*ref: its manifest.json is gone"):
        Capture.open(tmp_path / "ref")


def test_a_manifest_that_is_a_folder_is_said(tmp_path):
    """A manifest that cannot be read is named."""
    (tmp_path / "manifest.json").mkdir()
    with pytest.raises(BisectError, match=r"cannot read .*manifest\.json"):
        Capture.open(tmp_path)


@pytest.mark.parametrize("part", [0.0, 0.3, 0.999])
def test_a_manifest_cut_short_is_no_json(capture, part):
    """A manifest of which only part was written is refused by name."""
    folder, data = capture
    text = json.dumps(data)
    assert "manifest.json: not valid JSON" in refused(folder, text[: int(part * len(text))])


@pytest.mark.parametrize("text", ["[]", "null", "{}", '{"format": 0}', '{"format": "1"}'])
def test_another_format_is_refused(capture, text):
    """An older or newer format, or none, is said with the one that is read."""
    message = refused(capture[0], text)
    assert "manifest.json: format" in message
    assert f"this version reads {FORMAT}" in message


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (["sites"], DELETE, "sites: missing"),
        (["colour"], "red", "colour: unknown key"),
        (["tensors", "t000000", "shape"], [2, -3], "tensors.t000000.shape.1"),
        (["tensors", "t000000", "shape"], "23", "tensors.t000000.shape"),
        (["targets", "loss"], "low", "targets.loss"),
        (["described", "state", 0, "kind"], "thing", "described.state.0.kind"),
        (["batch"], {"pickle": "x"}, "batch: not a recorded value"),
        (["batch"], {"tensor": "t000000", "list": []}, "batch: not a recorded value"),
        (["batch"], {"dict": [["img"]]}, "batch: not a recorded dict"),
        (["batch"], {"named": [["img"]]}, "batch: not a recorded named"),
        (["batch"], {"object": [["img", {"tensor": "t000000"}]]}, "batch: not a recorded object"),
        (["batch"], {"object": ["Output", [["img", {}]]]}, "batch: not a recorded value"),
        (["batch"], {"setting": 3}, "batch: a recorded setting without a name"),
        (["batch"], {"list": 5}, "batch: not a recorded list"),
        (["batch"], {"tensor": ["t000000"]}, "batch: a recorded tensor without a name"),
        (["sites", 0, "output"], {"list": [{"tuple": [None]}]}, "sites.0.output: not a recorded value"),
    ],
)
def test_a_field_that_is_wrong_is_named(capture, path, value, words):
    """Each field is checked for its kind, and the message says which one."""
    folder, data = capture
    message = refused(folder, changed(data, path, value))
    assert "manifest.json" in message
    assert words in message


@pytest.mark.parametrize(
    "name", ["../x", "../shard-0000.safetensors", "/etc/passwd", "shard-0000.safetensors\n", "shard-0.safetensors", ""]
)
def test_only_the_capture_s_own_shards_are_read(capture, name):
    """A file name that leads anywhere else is refused before it is opened."""
    folder, data = capture
    save_file(TENSORS, folder.parent / SHARD)
    assert "tensors.t000000.file" in refused(folder, changed(data, ["tensors", "t000000", "file"], name))


@pytest.mark.parametrize(
    ("path", "where"),
    [
        (["batch"], "batch"),
        (["sites", 0, "inputs"], "m inputs"),
        (["sites", 0, "output"], "m output"),
    ],
)
def test_a_tensor_that_is_not_there_is_named(capture, path, where):
    """A key without a tensor is refused with the place that names it."""
    folder, data = capture
    message = refused(folder, changed(data, path, {"list": [{"tensor": "t999999"}]}))
    assert f"{where} names tensor 't999999', which is not in the manifest" in message


def test_a_buffer_that_calls_write_is_one_and_is_there_in_the_end(capture):
    """Its keys lead to tensors; what is written is one that is described, and is known after the step."""
    folder, data = capture
    written = {"m.mean": ["t000000", "t999999"]}
    message = refused(folder, changed(data, ["sites", 0, "state"], written))
    assert "m.mean in m names tensor 't999999'" in message
    assert "m writes m.mean, of which nothing is known after the step" in message
    message = refused(folder, changed(data, ["left"], {"m.weight": "t999999", "m.other": "t000000"}))
    assert "m.weight after the step names tensor 't999999'" in message
    assert "m.other was written, and is no parameter or buffer that is described" in message


def test_a_parameter_without_a_tensor_is_named(capture):
    """A parameter whose key leads nowhere is refused by name."""
    folder, data = capture
    assert "m.weight names tensor 'gone'" in refused(folder, changed(data, ["state", "m.weight"], "gone"))


@pytest.mark.parametrize(("field", "value"), [("shape", [3, 2]), ("dtype", "float64")])
def test_a_tensor_of_another_kind_is_refused(capture, field, value):
    """Shape and dtype in the manifest must be those in the file."""
    folder, data = capture
    message = refused(folder, changed(data, ["tensors", "t000000", field], value))
    assert f"{SHARD}: t000000 is float32 [2, 3], the manifest says" in message


def test_a_shard_that_was_removed_is_named(capture):
    """A missing shard is named."""
    folder, data = capture
    (folder / SHARD).unlink()
    assert f"{SHARD}: " in refused(folder, data)


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.99])
def test_a_shard_cut_short_is_named(capture, part):
    """A shard of which only part was written is named."""
    folder, data = capture
    content = (folder / SHARD).read_bytes()
    (folder / SHARD).write_bytes(content[: int(part * len(content))])
    assert f"{SHARD}: " in refused(folder, data)


def test_a_shard_without_a_tensor_is_named(capture):
    """A shard that was written by another run is told by the tensors that it lacks."""
    folder, data = capture
    save_file({"t000000": np.zeros((2, 3), np.float32)}, folder / SHARD)
    assert f"{SHARD} does not hold tensor t000001" in refused(folder, data)


def test_many_problems_are_told_in_one_short_message(capture):
    """Several problems share a message, and very many do not flood the terminal."""
    folder, data = capture
    data["state"].update({f"m.extra{n}": "gone" for n in range(100)})
    message = refused(folder, data)
    assert "m.extra0" in message
    assert "m.extra1" in message
    assert len(message) < 600


@pytest.mark.parametrize("calls", [{"m": "m"}, {"m": "a", "a": "m"}, {"m": "nowhere"}, {}, {"n": None}], ids=str)
def test_calls_that_lie_in_no_order_are_refused(capture, calls):
    """A call inside itself, inside nothing that was recorded, or not recorded at all is refused."""
    folder, data = capture
    assert "'m'" in refused(folder, changed(data, ["calls"], calls))


@pytest.mark.parametrize("name", ["m", "other", "m#x", "m#01"])
def test_a_site_that_is_no_call_is_refused(capture, name):
    """A site must be a call of a described module, and there once."""
    folder, data = capture
    data["sites"].append({**site(name, {"scalar": 1}), "module": "m"})
    data["calls"][name] = None
    assert f"site {name!r} is no call" in refused(folder, data)


def variable(name, **fields):
    """Return the entry of an assignment in step, of a tensor that is there."""
    return {
        "site": name, "kind": "assigned", "around": None, "after": 1, "place": "loss.py:3",
        "value": {"tensor": "t000001"}, **fields,
    }  # fmt: skip


EXCERPT = {"file": "loss.py", "line": 3, "first": 2, "text": ["def f(x):", "    y = x", "    return y"]}
CAUGHT = {"function": "f", "type": "KeyError", "message": "'a'", "raised": "loss.py:2", "place": "loss.py:3"}


def test_variables_are_read_with_their_lines(capture):
    """Assignments, in step and in a module's call, come with the text around them and the exceptions caught."""
    folder, data = capture
    variables = [variable("f:x", kind="parameter"), variable("f:x#2"), variable("m:y", around="m", kind="changed")]
    data |= {"variables": variables, "excerpts": {"loss.py:3": EXCERPT}, "caught": [CAUGHT]}
    (folder / "manifest.json").write_text(json.dumps({**data, "checksum": checksum(data)}))
    manifest = Capture.open(folder).manifest
    assert [(entry.site, entry.around, entry.after) for entry in manifest.variables] == [
        ("f:x", None, 1), ("f:x#2", None, 1), ("m:y", "m", 1),
    ]  # fmt: skip
    assert manifest.excerpts[manifest.variables[0].place].text[1] == "    y = x"
    assert manifest.caught[0].raised == "loss.py:2"


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ([variable("f:x", value={"list": [{"tensor": "t9"}]})], "f:x names tensor 't9', which is not in the manifest"),
        ([variable("f:x"), variable("f:y"), variable("f:x")], "variable 'f:x' is there twice, or is none"),
        ([variable("fx")], "variable 'fx' is there twice, or is none"),
        ([variable("m")], "variable 'm' is there twice, or is none"),
        ([variable("f:x:y")], "variable 'f:x:y' is there twice, or is none"),
        ([variable("f:x", around="n")], "variable 'f:x' lies in a call that is not among the calls"),
        ([variable("f:x", around="")], "variable 'f:x' lies in a call that is not among the calls"),
    ],
)
def test_a_variable_that_does_not_fit_is_named(capture, variables, words):
    """Its tensors, its name and the call around it must be there, each variable once."""
    folder, data = capture
    assert words in refused(folder, changed(data, ["variables"], variables))


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("kind", "caught", "variables.0.kind"),
        ("kind", None, "variables.0.kind"),
        ("around", 3, "variables.0.around"),
        ("after", -1, "variables.0.after"),
        ("place", None, "variables.0.place"),
        ("value", {"pickle": "x"}, "variables.0.value: not a recorded value"),
        ("colour", "red", "variables.0.colour: unknown key"),
    ],
)
def test_a_field_of_a_variable_that_is_wrong_is_named(capture, field, value, words):
    """A variable's entry is checked field by field."""
    folder, data = capture
    assert words in refused(folder, changed(data, ["variables"], [variable("f:x", **{field: value})]))


@pytest.mark.parametrize(
    ("part", "value", "words"),
    [
        ("excerpts", {"loss.py:3": {**EXCERPT, "line": "third"}}, "excerpts.loss.py:3.line"),
        ("excerpts", {"loss.py:3": {**EXCERPT, "text": "y = x"}}, "excerpts.loss.py:3.text"),
        ("caught", [{"function": "f"}], "caught.0.type: missing"),
        ("skipped", {"f": None}, "skipped.f"),
        ("variables", DELETE, "variables: missing"),
    ],
)
def test_what_is_known_of_lines_is_checked_too(capture, part, value, words):
    """Excerpts, exceptions and what could not be watched have their kinds."""
    folder, data = capture
    assert words in refused(folder, changed(data, [part], value))


def test_a_run_at_stirred_weights_is_read(capture):
    """Its calls and weights are those of another run of the same model."""
    folder, data = capture
    data |= {"stirred": small_point(), "not_stirred": None}
    (folder / "manifest.json").write_text(json.dumps({**data, "checksum": checksum(data)}))
    point = Capture.open(folder).manifest.stirred
    assert (point.strength, point.stirred, point.targets) == (1.0, ("m.weight",), {"loss": 2.0})
    assert point.sites[0].output == {"tensor": "t000000"}
    assert point.noise.exact == {"m": 1e-7}


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (["strength"], DELETE, "stirred.strength: missing"),
        (["strength"], 0.0, "stirred.strength"),
        (["colour"], "red", "stirred.colour: unknown key"),
        (["sites", 0, "output"], {"pickle": "x"}, "stirred.sites.0.output: not a recorded value"),
        (["noise", "exact", "m"], "low", "stirred.noise.exact.m"),
        (["noise", "sites"], {}, "stirred.noise.sites: unknown key"),
        (["sites", 0, "output"], {"tensor": "t9"}, "m output at stirred weights names tensor 't9', which is not in"),
        (["sites", 0, "inputs"], {"tensor": "t9"}, "m inputs at stirred weights names tensor 't9', which is not in"),
        (["state", "m.weight"], "t9", "m.weight at stirred weights names tensor 't9', which is not in"),
        (["state", "m.weight"], "t000000", "m.weight has shape [3, 3], its tensor [2, 3] at stirred weights"),
        (["state"], {}, "the parameters described and stored differ: m.weight at stirred weights"),
        (["state", "m.weight"], "t000001", "the parameters stirred are others than those said to be: m.weight"),
        (["stirred"], [], "the parameters stirred are others than those said to be: m.weight"),
        (["stirred"], ["m.weight", "n"], "the parameters stirred are others than those said to be: n"),
        (["sites", 0, "module"], "n", "site 'm' is no call of a module that is described"),
        (["calls"], {}, "site 'm' is not among the calls at stirred weights"),
        (["calls", "m"], "m", "call 'm' lies in no call that was recorded, or in itself at stirred weights"),
        (["targets"], {}, "the targets of step at stirred weights are others: loss"),
        (["noise", "targets", "size"], 1.0, "the targets of rounding at stirred weights are others: size"),
        (["noise", "loss"], {}, "the targets of rounding at stirred weights are others: loss"),
        (["noise", "exact", "n"], 1.0, "the rounding of n at stirred weights is that of no site"),
    ],
)
def test_a_run_at_stirred_weights_that_does_not_fit_is_named(capture, path, value, words):
    """It is checked as everything else is, and the message says that it is this run."""
    folder, data = capture
    point = changed(small_point(), path, value)
    assert words in refused(folder, {**data, "stirred": point, "not_stirred": None})


@pytest.mark.parametrize("fields", [{"stirred": small_point()}, {"not_stirred": None}], ids=["both", "neither"])
def test_either_the_run_is_there_or_a_reason(capture, fields):
    """Never both, never neither."""
    folder, data = capture
    assert "a run at stirred weights, or a reason why there is none" in refused(folder, {**data, **fields})


def test_the_tensors_of_a_value_have_paths():
    """Every tensor inside a recorded value is found with the way to it, and what cannot be rebuilt is seen."""
    tree = {"dict": [["a", {"list": [{"tensor": "x"}, {"scalar": 1}]}], [3, {"tuple": [{"tensor": "y"}]}]]}
    assert list(tensor_keys(tree)) == [("a.0", "x"), ("3.0", "y")]
    assert list(tensor_keys({"tensor": "x"})) == [("", "x")]
    assert not has_opaque(tree)
    assert has_opaque({"list": [tree, {"dict": [["a", {"opaque": "Thing"}]]}]})


def test_who_calls_whom_is_looked_at_once(capture):
    """A chain of 30,000 calls is refused as too deep, in one pass and in few words."""
    folder, data = capture
    names = ["m", *(f"m#{number}" for number in range(2, 30_001))]
    calls = dict(zip(names, [*names[1:], None], strict=True))
    message = refused(folder, changed(data, ["calls"], calls))
    assert "call 'm' lies in more than 1000 others" in message
    assert len(message) < 600


@pytest.mark.parametrize("name", ["manifest.json", SHARD])
@pytest.mark.parametrize("kind", ["FIFO", "socket", "link", "device", "folder"])
def test_what_is_no_plain_file_is_refused_before_it_is_opened(capture, monkeypatch, name, kind):
    """A FIFO would block for ever, a device may have no end, a link leads out of the capture."""
    folder, _ = capture
    path = folder / name
    path.unlink()
    if kind == "FIFO":
        os.mkfifo(path)
    elif kind == "socket":
        monkeypatch.chdir(folder)  # its path may not be long
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(name)
    elif kind == "link":
        path.symlink_to("/etc/hostname")
    elif kind == "device":
        monkeypatch.setattr(
            os, "lstat", lambda path, lstat=os.lstat: lstat("/dev/zero" if str(path).endswith(name) else path)
        )
        path.touch()
    else:
        path.mkdir()
    with pytest.raises(BisectError, match=f"{name}: it is a {kind}, expected a plain file"):
        Capture.open(folder)


def test_a_manifest_that_is_too_large_is_not_read(capture, monkeypatch):
    """Its size is known before memory is taken; a file without data on the disk counts in full."""
    folder, _ = capture
    os.truncate(folder / "manifest.json", 1 << 40)
    with pytest.raises(BisectError, match=r"cannot read .*manifest\.json: it is larger than 1024 MiB"):
        Capture.open(folder)


def test_a_shard_that_is_no_data_is_not_read(capture):
    """A header that promises more than the file has, or a file with more than its header says."""
    folder, data = capture
    os.truncate(folder / SHARD, 1 << 40)
    assert SHARD in refused(folder, data)
    (folder / SHARD).write_bytes((1 << 62).to_bytes(8, "little") + b"{}")
    assert SHARD in refused(folder, data)
