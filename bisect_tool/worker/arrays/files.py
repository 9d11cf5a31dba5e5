"""Arrays in safetensors files, whatever their dtype: complex numbers lie there as pairs of real ones, and the file says which."""

from __future__ import annotations

import json
import os
from typing import Any, Dict, Mapping, Optional, Tuple, cast

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from .. import plain_files
from . import Array
from .measure import real

COMPLEX = "complex"  # what a file's metadata says of an array
DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "I64": "int64", "I32": "int32", "I16": "int16",
    "I8": "int8", "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8", "BOOL": "bool",
}  # fmt: skip
PAIRS = {"float32": "complex64", "float64": "complex128"}
KNOWN = {*DTYPES.values(), *PAIRS.values()}


class ArrayFile:
    """An open file of arrays. Raises OSError for what is no plain file, SafetensorError for another kind of file."""

    def __init__(self, path: Any) -> None:
        plain_files.check(path)
        self._path = path
        self._file = cast("Any", safe_open(path, framework="np"))
        self._mapped: Optional[Tuple[Array, Dict[str, Any]]] = None
        self._complex = {key for key, kind in (self._file.metadata() or {}).items() if kind == COMPLEX}

    def keys(self) -> list[str]:
        """Return the keys of all arrays."""
        return list(self._file.keys())

    def described(self, key: str) -> tuple[tuple[int, ...], str]:
        """Return an array's shape and dtype, as numpy spells it, without reading it."""
        view = self._file.get_slice(key)
        shape, dtype = tuple(view.get_shape()), DTYPES.get(view.get_dtype(), view.get_dtype())
        if key in self._complex and dtype in PAIRS and shape[-1:] == (2,):
            return shape[:-1], PAIRS[dtype]
        return shape, dtype

    def read(self, key: str) -> Array:
        """Return one array."""
        array: Array = self._file.get_tensor(key)
        if key not in self._complex:
            return array
        return array.reshape(-1).view(PAIRS[array.dtype.name]).reshape(array.shape[:-1])

    def view(self, key: str) -> Array:
        """Return one array as a view of the file, which nobody can write to and of which nothing is read before it is used."""
        if self._mapped is None:
            content = np.asarray(np.memmap(self._path, np.uint8, mode="r"))
            begin = 8 + int.from_bytes(content[:8].tobytes(), "little")
            self._mapped = content[begin:], json.loads(content[8:begin].tobytes())
        data, header = self._mapped
        shape, dtype = self.described(key)
        start, end = header[key]["data_offsets"]
        return data[start:end].view(dtype).reshape(shape)


def save(arrays: Mapping[str, Array], path: Any) -> None:
    """Write arrays into a file; their memory must lie in C order. Its mode follows the umask, as any new file's."""
    kinds = {key: COMPLEX for key, array in arrays.items() if array.dtype.kind == "c"}
    with open(path, "wb") as file:
        mode = os.fstat(file.fileno()).st_mode
    save_file({key: real(array) for key, array in arrays.items()}, path, metadata=kinds or None)
    os.chmod(path, mode)  # safetensors makes files that nobody else can read


def load(path: Any) -> dict[str, Array]:
    """Return all arrays of a file."""
    file = ArrayFile(path)
    return {key: file.read(key) for key in file.keys()}  # noqa: SIM118  it is no dict
