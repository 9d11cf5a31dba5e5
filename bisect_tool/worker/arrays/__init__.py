"""Arrays and nested values of them, whatever the framework."""

from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
