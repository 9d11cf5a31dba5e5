"""A built model is checked field by field, whoever described it."""

import pytest
from manifests import described, tensor
from pydantic import ValidationError

from bisect_tool.captures.described import Described


def test_a_tensor_is_tied_to_one_that_is_there():
    """A later name of the same tensor names its first."""
    state = [tensor("a.weight"), tensor("b.weight", alias_of="a.weight")]
    assert Described.model_validate(described(state=state)).state[1].alias_of == "a.weight"


def test_a_tensor_that_is_tied_to_none_is_refused():
    """Else nobody could say what it is."""
    with pytest.raises(ValidationError, match=r"tensors tied to none that is there: b.weight is tied to 'nosuch'"):
        Described.model_validate(described(state=[tensor("b.weight", alias_of="nosuch")]))
