"""Comparing two captures: what is equal, within rounding, off, of another shape or on one side only."""

import json
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from manifests import checksum, described, manifest, module, site, tensor
from safetensors.numpy import load_file, save_file

from bisect_tool.captures import comparing
from bisect_tool.captures.comparing import ComparedValue, compare_captures
from bisect_tool.captures.reader import Capture
from bisect_tool.errors import BisectError, CaptureError
from bisect_tool.worker.arrays import measure
from bisect_tool.worker.arrays.shards import ShardWriter

RTOL = 2e-5
ONE = np.arange(1, 7, dtype=np.float32).reshape(2, 3)
SHAPES = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5)
FLOATS = st.sampled_from([np.float32, np.float64, np.float16])


def capture(folder, outputs=None, *, state=None, batch=None, targets=None):
    """Write a capture through the tool's own writer and open it; an output that is no array is a recorded tree."""
    folder.mkdir()
    writer = ShardWriter(str(folder))

    def tree(value):
        return {"tensor": writer.add(value)} if isinstance(value, np.ndarray) else value

    batch = {"dict": [[name, tree(value)] for name, value in (batch or {}).items()]}
    keys = {name: writer.add(value) for name, value in (state or {}).items()}
    sites = [site(name, tree(value)) for name, value in (outputs or {}).items()]
    writer.flush()
    data = manifest(
        described(
            [module(name) for name in {entry["module"] for entry in sites}],
            [tensor(name, value.shape, dtype=value.dtype.name) for name, value in (state or {}).items()],
        ),
        sites=sites,
        calls={entry["site"]: None for entry in sites},
        state=keys,
        batch=batch,
        targets=targets or {},
        tensors=writer.table,
    )
    (folder / "manifest.json").write_text(json.dumps(data))
    return Capture.open(folder)


@pytest.fixture
def compare(tmp_path):
    """Return what compares two captures that are made of their outputs, or of other parts by name."""

    def made(ours, theirs, *, rtol=RTOL, **others):
        mine = {name: pair[0] for name, pair in others.items()}
        its = {name: pair[1] for name, pair in others.items()}
        return compare_captures(capture(tmp_path / "a", ours, **mine), capture(tmp_path / "b", theirs, **its), rtol)

    return made


def verdicts(compared):
    """Return the verdict by the place in words."""
    return {comparing.spelled(row.kind, row.site, row.path): row.verdict for row in compared.rows}


def test_a_value_is_equal_within_rounding_or_off(compare):
    """The same bytes are equal; anything else is judged by its relative error."""
    ours = {"same": ONE, "near": ONE, "far": ONE}
    compared = compare(ours, {"same": ONE, "near": ONE * np.float32(1 + 1e-6), "far": ONE * 2})
    assert verdicts(compared) == {"output same": "equal", "output near": "rounding", "output far": "off"}
    assert [row.error for row in compared.rows] == pytest.approx([0.0, 1e-6, 1.0], rel=0.1)
    assert compared.off == [compared.rows[2]]
    assert compared.largest == compared.rows[2]
    assert not compared.agrees
    assert compared.counts == {"sites": 3, "values": 3, "equal": 1, "rounding": 1, "off": 1, "shape": 0}


def test_complex_numbers_round_and_differ(compare):
    """As real ones do: they are read from their files as they were written."""
    whole = (ONE + 1j * ONE).astype(np.complex64)
    ours = {"same": whole, "near": whole, "turned": whole}
    compared = compare(ours, {"same": whole, "near": whole * np.float32(1 + 1e-6), "turned": 1j * whole})
    assert verdicts(compared) == {"output same": "equal", "output near": "rounding", "output turned": "off"}
    assert compared.largest.error == pytest.approx(2**0.5)


def test_an_object_is_compared_with_a_tuple(compare):
    """Its fields in order; what could not be opened, and a dtype, are no values."""
    one = {"scalar": 1.0}
    ours = {"object": ["Output", [["x", one], ["kind", {"setting": "torch.float32"}], ["rest", {"opaque": "Tree"}]]]}
    assert verdicts(compare({"m": ours}, {"m": {"named": [["y", one]]}})) == {"output m [x]": "equal"}


def test_the_tolerance_is_the_caller_s(compare):
    """What is off by one tolerance agrees by another."""
    assert compare({"m": ONE}, {"m": ONE * 2}, rtol=1.0).agrees


def test_equal_hashes_are_read_all_the_same(tmp_path):
    """A shard full of zeros is not equal to what was recorded, whatever its manifest says."""
    a, b = (capture(tmp_path / name, {"m": ONE}, state={"m.w": ONE * 2}) for name in "ab")
    shard = tmp_path / "b" / "shard-0000.safetensors"
    save_file({key: np.zeros_like(value) for key, value in load_file(shard).items()}, shard)
    for pair in ((a, b), (b, a)):
        with pytest.raises(CaptureError, match=r"damaged capture: tensor t00000. \(.+\) in .*b.shard-0000.safetensors"):
            compare_captures(*pair, RTOL)


def test_bytes_decide_where_hashes_are_equal(compare, monkeypatch):
    """Two tensors of one CRC-32 that are not the same."""
    monkeypatch.setattr(measure, "digest", lambda array: f"0-{array.nbytes}")
    (row,) = compare({"m": ONE}, {"m": ONE * 2}).rows
    assert row.verdict == "off"


def test_a_tensor_that_is_handed_on_is_compared_once(compare, monkeypatch):
    """A container's output is often its last child's: one tensor, one comparison."""
    asked = []
    monkeypatch.setattr(comparing, "_judged", lambda *_: asked.append(1) or ("rounding", 0.0, ""))
    assert len(compare({"m.a": ONE, "m": ONE}, {"m.a": -ONE, "m": -ONE}).rows) == 2
    assert len(asked) == 1


def test_the_order_is_that_of_execution_in_a(compare):
    """Batch, then calls as they ended in A, each after its own module's parameters, then targets."""
    state = {"m.b.w": ONE, "m.a.w": ONE, "m.scale": ONE, "nowhere.w": ONE}
    ours = {"m.a": ONE, "m.b": ONE, "m.a#2": ONE, "m": ONE}
    theirs = dict(reversed(ours.items()))
    compared = compare(
        ours, theirs, state=(state, state), batch=({"x": ONE}, {"x": ONE}), targets=({"loss": 1.0}, {"loss": 1.0})
    )
    assert list(verdicts(compared)) == [
        "batch [x]", "state nowhere.w", "state m.a.w", "output m.a", "state m.b.w", "output m.b", "output m.a#2",
        "state m.scale", "output m", "target loss",
    ]  # fmt: skip
    assert compared.agrees


def test_the_first_that_is_off_is_not_the_largest(compare):
    """The first in execution order and the one with the largest error are both known."""
    compared = compare({"a": ONE, "b": ONE, "c": ONE}, {"a": ONE, "b": ONE * 1.5, "c": ONE * 3})
    assert compared.off[0].site == "b"
    assert compared.largest is not None
    assert compared.largest.site == "c"


def test_what_only_one_side_has_is_a_difference(compare):
    """A call, a parameter or a target without a partner is named, and the rest is compared."""
    compared = compare(
        {"m": ONE, "a": ONE}, {"b": ONE, "m": ONE}, state=({"m.w": ONE}, {"m.v": ONE}), targets=({"x": 1.0}, {})
    )
    assert compared.only_a == ("state m.w", "output a", "target x")
    assert compared.only_b == ("output b", "state m.v")
    assert verdicts(compared) == {"output m": "equal"}
    assert not compared.agrees


def test_another_shape_is_told_with_both_shapes(compare):
    """A shape is no error in numbers; one element is one element in any shape."""
    compared = compare({"m": ONE, "s": np.ones((), np.float32)}, {"m": ONE.T, "s": np.ones(1, np.float32)})
    assert compared.rows[0] == ComparedValue("output", "m", "", "shape", None, "shape [3, 2], reference [2, 3]")
    assert compared.rows[1].verdict == "rounding"
    assert compared.off == [compared.rows[0]]
    assert compared.largest is None


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.bool_])
def test_integers_and_booleans_compare_exactly(compare, dtype):
    """One unequal element of many is off, whatever its size; another integer type with the same values is not."""
    ours = np.zeros(1 << 16, dtype)
    theirs = ours.copy()
    theirs[-1] = 1
    compared = compare({"m": ours, "n": ours}, {"m": theirs, "n": ours.astype(np.int32)})
    assert [(row.verdict, row.error) for row in compared.rows] == [("off", 2.0**-16), ("rounding", 0.0)]


def test_nan_in_the_same_places_is_equal(compare):
    """NaN and infinity are values like others, elsewhere they are a difference."""
    ours = np.array([1.0, math.nan, math.inf], np.float32)
    compared = compare(
        {"m": ours, "n": ours}, {"m": ours * np.float32(1 + 1e-6), "n": ours[::-1].copy()},
        targets=({"loss": math.nan, "x": math.nan}, {"loss": math.nan, "x": 1.0}),
    )  # fmt: skip
    assert [row.verdict for row in compared.rows] == ["rounding", "off", "equal", "off"]
    assert "NaN or infinity in other places" in compared.rows[1].why


def test_parts_of_a_value_have_paths(compare):
    """Tensors and numbers inside nested outputs are compared one by one; a dict for a tuple goes by the order."""

    def nested(number, kind="tuple"):
        parts = [{"scalar": number}, {"list": [{"scalar": "word"}, {"opaque": "Thing"}, {"scalar": None}]}]
        return {kind: parts if kind == "tuple" else [["a", parts[0]], ["b", parts[1]]]}

    compared = compare({"m": nested(3), "n": nested(3)}, {"m": nested(4), "n": nested(3, "dict")})
    assert verdicts(compared) == {
        "output m [0]": "off", "output m [1.0]": "equal", "output m [1.2]": "equal",
        "output n [0]": "equal", "output n [1.0]": "equal", "output n [1.2]": "equal",
    }  # fmt: skip
    assert compared.counts["sites"] == 2


def test_parts_that_are_missing_or_of_another_kind_are_told(compare):
    """A longer list, a number for a tensor and a word for a number."""
    compared = compare(
        {"m": {"list": [{"scalar": 1}]}, "n": ONE, "o": {"scalar": 1}},
        {"m": {"list": [{"scalar": 1}, {"scalar": 2}]}, "n": {"scalar": 1}, "o": {"scalar": "1"}},
    )
    assert compared.only_b == ("output m [1]",)
    assert [(row.verdict, row.why) for row in compared.rows] == [
        ("equal", ""), ("shape", "a tensor on one side only"), ("off", "'1', reference 1"),
    ]  # fmt: skip


def test_targets_are_relative_too(compare):
    """A target's error is the difference over A's value."""
    compared = compare({}, {}, targets=({"near": 100.0, "far": 100.0}, {"near": 100.001, "far": 101.0}))
    assert [row.verdict for row in compared.rows] == ["rounding", "off"]
    assert compared.rows[1].error == pytest.approx(0.01)


def test_large_tensors_take_little_memory(tmp_path):
    """Values are read in blocks from the mapped files: no copy of a tensor is made, be it of floats or of integers."""
    large = np.ones(10_000_000, np.float32)
    ours, theirs = ({"m": value, "n": value.astype(np.int32)} for value in (large, large * 3))
    a, b = capture(tmp_path / "a", ours), capture(tmp_path / "b", theirs)
    tracemalloc.start()
    try:
        assert len(compare_captures(a, b, RTOL).off) == 2
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_a_value_that_is_off_must_be_the_recorded_one(tmp_path):
    """A shard that was edited is refused with the tensor's name: nothing is said of the model."""
    a, b = (capture(tmp_path / name, {"m": ONE}) for name in "ab")
    c = capture(tmp_path / "c", {"m": ONE * np.float32(1 + 1e-6)})
    shard = tmp_path / "c" / "shard-0000.safetensors"
    tensors = load_file(shard)
    save_file({key: value + 1 for key, value in tensors.items()}, shard)
    assert compare_captures(a, b, RTOL).agrees
    for pair in ((a, c), (c, a)):
        with pytest.raises(CaptureError, match=r"c.shard-0000\.safetensors: the bytes are not those") as caught:
            compare_captures(*pair, RTOL)
        assert caught.value.hint.startswith("record it again with `bisect capture --recipe ")


def test_a_type_that_numpy_does_not_know_is_refused(tmp_path):
    """A manifest and a shard that agree on bfloat16 are no capture that this tool wrote."""
    capture(tmp_path / "a", {"m": ONE.astype(np.int16)})
    shard = tmp_path / "a" / "shard-0000.safetensors"
    shard.write_bytes(shard.read_bytes().replace(b'"I16"', b'"BF16"').replace(b"}} ", b"}}", 1))
    data = json.loads((tmp_path / "a" / "manifest.json").read_text())
    data["tensors"]["t000000"]["dtype"] = "BF16"
    (tmp_path / "a" / "manifest.json").write_text(json.dumps({**data, "checksum": checksum(data)}))
    with pytest.raises(BisectError, match="expected a type that numpy knows, found 'BF16'"):
        Capture.open(tmp_path / "a")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8, np.int64, np.uint16, np.bool_])
def test_a_mapped_tensor_is_the_recorded_one(tmp_path, dtype):
    """Tensors of any type and shape, empty and scalar ones among them, are read as they were written."""
    shapes = [(), (0, 4), (3,), (2, 3, 5)]
    written = [np.arange(math.prod(shape)).reshape(shape).astype(dtype) for shape in shapes]
    opened = capture(tmp_path / "a", {f"m{n}": value for n, value in enumerate(written)})
    for entry, value in zip(opened.manifest.sites, written, strict=True):
        found = opened.view(entry.output["tensor"])
        assert (found.dtype, found.shape) == (value.dtype, value.shape)
        assert np.array_equal(found, value)
        assert not found.flags.owndata


def plain_error(value, expected):
    """The error as a formula: rms of the difference over rms of what is expected."""
    value, expected = value.astype(np.float64), expected.astype(np.float64)
    if not expected.size:
        return 0.0
    scale = np.sqrt(np.mean(expected**2))
    return np.sqrt(np.mean((value - expected) ** 2)) / (scale or 1.0)


@given(SHAPES, FLOATS, FLOATS, st.integers(1, 40), st.data())
def test_the_error_is_the_plain_formula(shape, dtype, other, block, data):
    """Whatever the shape, the types and the size of the blocks."""
    values = st.floats(-1e4, 1e4, width=16)
    expected = data.draw(arrays.arrays(np.float16, shape, elements=values)).astype(dtype)
    value = data.draw(arrays.arrays(np.float16, shape, elements=values)).astype(other)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(measure, "BLOCK", block)
        assert measure.difference(value, expected)["error"] == pytest.approx(plain_error(value, expected), rel=1e-12)


@given(st.integers(1, 8), st.data())
def test_what_is_not_finite_is_left_out_of_the_error(block, data):
    """NaN and infinity in the same places change nothing of the rest's error; elsewhere there is none."""
    values = st.floats(-1e4, 1e4, width=32)
    expected, value = (data.draw(arrays.arrays(np.float32, 20, elements=values)) for _ in range(2))
    mask = data.draw(arrays.arrays(np.bool_, 20))
    special = data.draw(st.sampled_from([math.nan, math.inf, -math.inf]))
    error = plain_error(value[~mask], expected[~mask])
    expected[mask] = value[mask] = special
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(measure, "BLOCK", block)
        assert measure.difference(value, expected)["error"] == pytest.approx(error, rel=1e-12)
        value[7] = 0.0 if mask[7] else special
        assert "mismatch" in measure.difference(value, expected)


def test_large_and_small_numbers_keep_their_error():
    """Squares that float32 cannot hold are summed in float64, over more than one block."""
    for size in (1e30, 1e-30):
        expected = np.full(measure.BLOCK + 1, size, np.float32)
        assert measure.difference(expected * np.float32(1.5), expected)["error"] == pytest.approx(0.5, rel=1e-6)
