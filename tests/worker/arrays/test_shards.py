"""Tensors on disk in shards."""

import os
import tempfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors.numpy import load_file

from bisect_tool.worker.arrays import measure, shards

DTYPES = st.sampled_from([np.float32, np.float64, np.float16, np.int64, np.int32, np.uint8, np.bool_])
ARRAYS = arrays.arrays(DTYPES, arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))


def same(left, right):
    return (left.shape, left.dtype, left.tobytes()) == (right.shape, right.dtype, right.tobytes())


@settings(deadline=None, max_examples=60)
@given(st.lists(ARRAYS, max_size=6), st.integers(1, 200))
def test_arrays_come_back_bit_by_bit(values, shard_bytes):
    """Whatever the shape, the kind and the size of a shard, each array is read back as it was, NaN included."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "SHARD_BYTES", shard_bytes)
        writer = shards.ShardWriter(folder)
        keys = [writer.add(value) for value in values]
        assert all(same(writer.read(key), value) for key, value in zip(keys, values, strict=True))
        writer.flush()
        for key, value in zip(keys, values, strict=True):
            entry = writer.table[key]
            assert same(load_file(os.path.join(folder, entry["file"]))[key], value)
            assert (entry["shape"], entry["dtype"]) == (list(value.shape), value.dtype.name)
            assert entry["hash"] == measure.digest(value)


@settings(deadline=None, max_examples=60)
@given(st.lists(ARRAYS, max_size=6), st.integers(1, 200))
def test_equal_bytes_are_stored_once(values, shard_bytes):
    """Two arrays share a key exactly where shape, kind and bytes are equal, written already or not."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "SHARD_BYTES", shard_bytes)
        writer = shards.ShardWriter(folder)
        offered = [*values, *(value.copy() for value in values)]
        keys = [writer.add(value) for value in offered]
        for i, left in enumerate(offered):
            assert [keys[i] == key for key in keys] == [same(left, right) for right in offered]
        writer.flush()
        assert writer.written == sum(offered[keys.index(key)].nbytes for key in set(keys))
        assert writer.offered == 2 * sum(value.nbytes for value in values)


def test_arrays_alike_in_what_is_sampled_are_told_apart(tmp_path):
    """A difference in an element that the sample skips keeps two large arrays apart."""
    left = np.zeros(4 * shards.SAMPLE, np.float32)
    right = left.copy()
    right[1] = 1.0
    writer = shards.ShardWriter(tmp_path)
    assert shards.ShardWriter._sample(left) == shards.ShardWriter._sample(right)
    assert writer.add(left) != writer.add(right)


def test_memory_is_bounded(tmp_path, monkeypatch):
    """A shard is written as soon as enough has come together, and then forgotten."""
    monkeypatch.setattr(shards, "SHARD_BYTES", 1000)
    progress = []
    writer = shards.ShardWriter(tmp_path, lambda **fields: progress.append(fields["bytes"]))
    for number in range(10):
        writer.add(np.full(100, number, np.float32))
        assert writer._pending_bytes < 1000
    writer.flush()
    assert sorted(os.listdir(tmp_path)) == [f"shard-{n:04d}.safetensors" for n in range(4)]
    assert progress == [1200, 2400, 3600, 4000]


def test_an_array_in_another_memory_layout_is_stored_by_its_values(tmp_path):
    """A transposed view is stored, and recognised, by the values it shows."""
    view = np.arange(6, dtype=np.float32).reshape(2, 3).T
    writer = shards.ShardWriter(tmp_path)
    key = writer.add(view)
    assert writer.add(np.ascontiguousarray(view)) == key
    writer.flush()
    assert same(writer.read(key), view)


def test_nothing_added_writes_nothing(tmp_path):
    """Without arrays there is no shard."""
    shards.ShardWriter(tmp_path).flush()
    assert os.listdir(tmp_path) == []
