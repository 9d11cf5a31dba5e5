"""Arrays in files: every dtype comes back as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bisect_tool.worker.arrays import files, measure
from bisect_tool.worker.arrays.shards import OpenShards, ShardWriter

DTYPES = st.sampled_from(sorted(files.KNOWN))


@given(
    st.lists(DTYPES.flatmap(lambda name: arrays.arrays(name, arrays.array_shapes(min_dims=0, min_side=0))), max_size=4)
)
def test_arrays_come_back_as_they_were(tmp_path_factory, values):
    """Of any dtype and shape, scalars and empty ones included; each is described without being read."""
    path = tmp_path_factory.mktemp("files") / "some.safetensors"
    given = {str(number): np.asarray(array, order="C") for number, array in enumerate(values)}
    files.save(given, path)
    file = files.ArrayFile(path)
    assert sorted(file.keys()) == sorted(given)
    for key, array in files.load(path).items():
        assert (array.shape, array.dtype) == (given[key].shape, given[key].dtype)
        assert array.tobytes() == given[key].tobytes()
        assert file.described(key) == (array.shape, array.dtype.name)
        assert measure.digest(array) == measure.digest(given[key])


def test_shards_tell_complex_numbers_from_pairs_of_real_ones(tmp_path: Path) -> None:
    """The same bytes, twice; and a sparse layout is noted beside the dense values."""
    writer = ShardWriter(str(tmp_path))
    whole = np.array([1 + 2j, 3 - 4j], np.complex64)
    keys = [writer.add(whole), writer.add(measure.real(whole)), writer.add(whole, "sparse_coo"), writer.add(whole)]
    assert len(set(keys)) == 3
    assert keys[0] == keys[3]
    writer.flush()
    shards = OpenShards(str(tmp_path), writer.table)
    read = [shards.read(key) for key in keys]
    assert [array.dtype.name for array in read] == ["complex64", "float32", "complex64", "complex64"]
    assert [writer.table[key].get("layout") for key in keys] == [None, None, "sparse_coo", None]
