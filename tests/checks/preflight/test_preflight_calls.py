"""The preflight checks of what is called and of the batch."""

import pytest
from manifests import described, manifest, module, site

from bisect_tool.captures.described import Described
from bisect_tool.captures.manifest import Manifest
from bisect_tool.checks.preflight.preflight import batch, calls
from bisect_tool.pairing.names import match
from bisect_tool.pairing.pair import Pair


def called(port_calls, *, port_modules=("m", "n")):
    """Return the findings about a reference that calls m, n and n again, and a port that makes some calls."""
    output = {"tuple": [{"tensor": "t"}, {"scalar": 1}]}
    ours = manifest(
        described([module("m"), module("n")]),
        sites=[site(name, output) for name in ("m", "n", "n#2")],
        calls=dict.fromkeys(("m", "n", "n#2")),
        tensors={"t": {"file": "shard-0000.safetensors", "shape": [5249, 4], "dtype": "float32", "hash": "0"}},
    )
    matching = match([], [], ["m", "n"], port_modules)
    return calls(Pair(Manifest.model_validate(ours), Described.model_validate(described()), matching, port_calls))


RIGHT = dict.fromkeys(("m", "n", "n#2"), (("0", (5249, 4)),))


def test_the_same_calls_have_no_findings():
    """Calls with outputs of the same shape are not listed."""
    assert called(RIGHT) == []


def test_calls_of_modules_that_the_reference_lacks_are_said():
    """The port has a layer where the reference has a function, or three for one."""
    (finding,) = called(RIGHT | {"extra": (("", (1,)),), "extra#2": (("", (1,)),)})
    assert (finding.check, finding.sites) == ("calls", ("extra", "extra#2"))
    assert finding.message == "2 calls of the port of modules that the reference does not have: extra, extra#2"


def test_a_module_that_the_port_calls_more_often_is_said():
    """A loop that goes round once more."""
    (finding,) = called(RIGHT | {"n#3": RIGHT["n#2"], "n#4": RIGHT["n#2"]})
    assert (finding.check, finding.sites) == ("calls", ("n",))
    assert finding.message == "n is called 4 times in the port, 2 times in the reference"


def test_a_call_that_is_not_made_is_said():
    """A second call that the port leaves out is listed as such."""
    (finding,) = called({name: outputs for name, outputs in RIGHT.items() if name != "n#2"})
    assert (finding.check, finding.sites) == ("calls", ("n#2",))
    assert finding.message == "1 call of the reference that the port does not make: n#2"


def test_calls_of_modules_that_the_port_lacks_are_told_apart():
    """A call that is missing because its module is, is counted as that."""
    (finding,) = called({"m": RIGHT["m"]}, port_modules=["m"])
    assert finding.message.endswith("n, n#2 (2 calls of modules that it does not have)")


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ((("0", (2100, 4)),), "m output 0: shape [2100, 4], reference [5249, 4]"),
        ((), "m output 0: missing, reference [5249, 4]"),
        ((("1", (5249, 4)),), "m output 0: missing, reference [5249, 4]"),
    ],
)
def test_an_output_of_another_shape_is_said(outputs, words):
    """5249 anchors against 2100 are shown in numbers, and an output that is not there as missing."""
    (finding,) = called(RIGHT | {"m": outputs})
    assert (finding.check, finding.sites, finding.message) == ("shape", ("m",), words)


def test_calls_that_differ_in_the_same_way_share_a_finding():
    """Many rows of one kind are one row."""
    outputs = (("0", (2100, 4)),)
    (finding,) = called(RIGHT | {"m": outputs, "n#2": outputs})
    assert (finding.check, finding.sites) == ("shape", ("m", "n#2"))
    assert finding.message == "2 calls: output 0: shape [2100, 4], reference [5249, 4]: m, n#2"


@pytest.mark.parametrize(
    ("theirs", "words"),
    [
        ({"img": (2, 3), "cls": (4,)}, []),
        ({"img": (2, 3), "cls": (5,)}, ["batch cls: shape [5], reference [4]"]),
        ({"img": (2, 3)}, ["batch cls: only in the reference"]),
        ({"img": (2, 3), "cls": (4,), "ids": (1,)}, ["batch ids: only in the port"]),
    ],
)
def test_a_batch_of_another_form_is_said(theirs, words):
    """Each array of the batch that one side lacks or that has another shape is listed."""
    ours = manifest(described(batch={"img": (2, 3), "cls": (4,)}))
    pair = Pair(
        Manifest.model_validate(ours), Described.model_validate(described(batch=theirs)), match([], [], [], []), {}
    )
    assert [finding.message for finding in batch(pair)] == words
