"""PyTorch's tensors of all kinds: complex and sparse ones are written down, compared and given like others."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from bisect_tool.worker.adapters import jittor_tensors, torch_adapter, torch_tensors
from bisect_tool.worker.arrays import measure

pytestmark = pytest.mark.filterwarnings("ignore:.*Sparse", "ignore:.*nested tensors")  # in beta, torch says
warnings.filterwarnings("ignore", message=".*(Sparse|nested tensors|quantize)")  # while this file is read

DENSE = torch.tensor([[0, 1.5, 0, 0], [2, 0, 0, 0], [0, 0, 0, 3], [0, 0, -4, 0]])
SPARSE = {
    "coo": DENSE.to_sparse(),
    "hybrid": DENSE.to_sparse(1),
    "uncoalesced": torch.sparse_coo_tensor([[0, 0], [1, 1]], [0.5, 1.0], (4, 4)),
    "csr": DENSE.to_sparse_csr(),
    "csc": DENSE.to_sparse_csc(),
    "bsr": DENSE.to_sparse_bsr((2, 2)),
    "bsc": DENSE.to_sparse_bsc((2, 2)),
    "complex coo": (DENSE * 1j).to_sparse(),
}
COMPLEX = {
    "complex64": torch.complex(DENSE, DENSE + 1),
    "complex128": torch.complex(DENSE, DENSE).to(torch.complex128),
    "conjugated": torch.complex(DENSE, DENSE + 1).conj(),
    "imaginary part of a conjugated": torch.complex(DENSE, DENSE + 1).conj().imag,
}
ALL = {**SPARSE, **COMPLEX, "bfloat16": DENSE.bfloat16(), "float8": DENSE.to(torch.float8_e4m3fn)}


def values(tensor):
    """Return a tensor's values without the adapter."""
    return torch.view_as_real((tensor.to_dense() + 0j).to(torch.complex128).resolve_conj()).numpy()


@pytest.mark.parametrize("name", ALL)
def test_every_kind_is_written_down_as_it_is(name):
    """The array has the tensor's dense values, complex ones included."""
    tensor = ALL[name]
    assert torch_adapter.is_tensor(tensor)
    array = torch_adapter.to_numpy(tensor)
    assert array.flags["C_CONTIGUOUS"]
    kept = torch_adapter.from_numpy(array)
    assert np.array_equal(values(kept), values(tensor.float() if name == "float8" else tensor))


@pytest.mark.parametrize("name", [*SPARSE, *COMPLEX])
def test_an_array_becomes_what_the_model_has_there(name):
    """The port's own dtype and layout, whatever the reference's: a dense tensor for a sparse one, and back."""
    own = ALL[name]
    given = torch_adapter.cast(torch_adapter.from_numpy(2 * torch_adapter.to_numpy(own)), torch_adapter.dtype(own))
    assert (given.dtype, given.layout, given.shape) == (own.dtype, own.layout, own.shape)
    assert np.array_equal(values(given), 2 * values(own))
    if own.layout != torch.strided:
        assert given.dense_dim() == own.dense_dim()
        dense = torch_adapter.cast(own, torch_adapter.dtype(DENSE if not own.is_complex() else DENSE + 0j))
        assert dense.layout == torch.strided


@pytest.mark.parametrize("name", [*SPARSE, *COMPLEX])
def test_every_kind_is_copied_doubled_and_disturbed(name):
    """Float64 rounds less, and noise moves by as much as it says; the layout stays."""
    own = ALL[name]
    for copy in (torch_adapter.clone(own), torch_adapter.detached(own)):
        assert np.array_equal(values(copy), values(own))
        assert copy.layout == own.layout
    doubled = torch_adapter.doubled(own)
    assert doubled.dtype in (torch.float64, torch.complex128)
    assert doubled.is_complex() == own.is_complex()
    assert np.array_equal(values(doubled), values(own))
    off = torch_adapter.perturb(own, 1e-3, 1)
    assert (off.dtype, off.layout) == (own.dtype, own.layout)
    apart = measure.difference(torch_adapter.to_numpy(off), torch_adapter.to_numpy(own))["error"]
    assert 1e-4 < apart < 1e-2


@pytest.mark.parametrize("name", SPARSE)
def test_a_sparse_buffer_takes_other_values(name):
    """Also those with another pattern; the same values leave it untouched."""
    own = SPARSE[name].clone()
    array = torch_adapter.to_numpy(own)
    before = own._nnz()
    torch_adapter.write(own, array)
    assert own._nnz() == before
    torch_adapter.write(own, array.T + 1)
    assert np.array_equal(torch_adapter.to_numpy(own), array.T + 1)
    assert own.layout == SPARSE[name].layout


def test_complex_values_do_not_become_real_ones_unseen():
    """Half a number is another number."""
    array = torch_adapter.to_numpy(COMPLEX["complex64"])
    with pytest.raises(ValueError, match="complex numbers, where the model has real ones"):
        torch_adapter.write(DENSE.clone(), array)
    assert torch_adapter.cast(COMPLEX["complex64"], torch_adapter.dtype(DENSE)).is_complex()
    for give in (jittor_tensors.from_numpy, lambda array: jittor_tensors.write(None, array)):
        with pytest.raises(ValueError, match="complex numbers, which Jittor does not have"):
            give(array)
    assert torch_adapter.holds(array)
    assert not jittor_tensors.holds(array)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.quantize_per_tensor(DENSE, 0.1, 0, torch.qint8),
        DENSE.to("meta"),
        torch.nested.nested_tensor([DENSE, DENSE[:2]]),
        torch.sparse_coo_tensor([[0], [1]], [1.0], (1 << 20, 1 << 20)),
    ],
    ids=["quantized", "meta", "nested", "huge"],
)
def test_what_cannot_be_written_down_is_no_tensor(tensor):
    """It is unknown, and nobody fails on it."""
    assert not torch_adapter.is_tensor(tensor)


@pytest.mark.parametrize("name", ["coo", "complex64"])
def test_gradients_begin_and_end_at_every_kind(name):
    """What is pulled back through a sparse or complex tensor is an array of its own shape."""
    own = ALL[name]
    first, used = torch_adapter.leaf(own, torch_adapter.to_numpy(own), exact=True)
    assert first.layout == own.layout
    weight = torch.ones(4, 2, dtype=first.dtype, requires_grad=True)
    product = torch.mm(used, weight)
    found = torch_adapter.pull([(product, np.ones((4, 2), np.float32))], [first, weight])
    assert [array.shape for array in found] == [(4, 4), (4, 2)]
    assert found[1].dtype.kind == ("c" if own.is_complex() else "f")
    assert torch_tensors.layout(own) == (None if own.is_complex() else "sparse_coo")
