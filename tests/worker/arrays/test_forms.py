"""A reference's value in the form of the port's."""

from __future__ import annotations

import numpy as np
import pytest

from bisect_tool.worker.arrays import Array, forms

MAPS = np.random.default_rng(0).standard_normal((5, 3, 4, 2)).astype(np.float32)
WHOLE = MAPS.view(np.complex64)[..., 0]


@pytest.mark.parametrize(
    ("mine", "want"),
    [(MAPS, WHOLE), (WHOLE, MAPS), (np.moveaxis(MAPS, 1, -1), MAPS), (np.moveaxis(MAPS, 1, -1), WHOLE), (MAPS.reshape(5, 12, 2), MAPS)],
)  # fmt: skip
def test_it_is_written_as_the_port_writes_it(mine: Array, want: Array) -> None:
    """Axes and complex numbers, by themselves and together."""
    np.testing.assert_array_equal(forms.written(mine, want), mine)


@pytest.mark.parametrize("mine", [MAPS[..., 0], MAPS[:, :1], MAPS[None]])
def test_what_has_no_other_form_stays_as_it_is(mine: Array) -> None:
    """A value of another size, or with an axis of length one more."""
    assert forms.written(mine, MAPS) is MAPS
