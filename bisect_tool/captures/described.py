"""A built model as checked data: what a worker's ``build`` answers, and a capture keeps."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=0)]


def _ascend(values: tuple[float, ...]) -> tuple[float, ...]:
    if any(not low <= high for low, high in zip(values, values[1:], strict=False)):
        raise ValueError("quantiles that do not ascend")
    return values


Quantiles = Annotated[
    tuple[Annotated[float, Field(allow_inf_nan=False)], ...],
    Field(min_length=17, max_length=17),
    AfterValidator(_ascend),
]


class Data(BaseModel):
    """Data from elsewhere: these fields and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class ModuleEntry(Data):
    """One module with its own settings; ``arguments`` are the names of what its code takes by position.

    ``inherits``: that code is the framework's own, whoever's class it is. ``held``: ``build`` did not return it, nor what it lies in.
    """

    name: str
    class_: str = Field(alias="class")
    library: bool
    leaf: bool
    training: bool
    settings: dict[str, Any]
    arguments: tuple[str, ...] = ()
    inherits: bool = False
    held: bool = False


class StateEntry(Data):
    """One parameter or buffer with its statistics."""

    name: str
    kind: Literal["parameter", "buffer"]
    trainable: bool
    shape: tuple[Count, ...]
    dtype: str
    mean: float | None = None
    std: float | None = None
    min: float | None = None
    max: float | None = None
    quantiles: Quantiles | None = None
    hash: str | None = None
    alias_of: str | None = None

    @property
    def size(self) -> int:
        """Return the number of elements."""
        total = 1
        for side in self.shape:
            total *= side
        return total


def _are_known(state: tuple[StateEntry, ...]) -> tuple[StateEntry, ...]:
    names = {entry.name for entry in state}
    lost = [f"{e.name} is tied to {e.alias_of!r}" for e in state if e.alias_of is not None and e.alias_of not in names]
    if lost:
        raise ValueError(f"tensors tied to none that is there: {', '.join(lost[:4])}")
    return state


class BatchEntry(Data):
    """One array of the batch."""

    path: str
    shape: tuple[Count, ...]
    dtype: str


class OptimizerGroup(Data):
    """One group of an optimizer: its class, its settings, the parameters in it."""

    class_: str = Field(alias="class")
    settings: dict[str, bool | float]
    parameters: tuple[str, ...]


class Described(Data):
    """A built model as plain data: what a worker's ``build`` answers. ``optimizer``: its groups, none without one."""

    framework: str
    version: str
    python: str
    seconds: float
    modules: tuple[ModuleEntry, ...]
    state: Annotated[tuple[StateEntry, ...], AfterValidator(_are_known)]
    batch: tuple[BatchEntry, ...]
    sources: str
    options: tuple[str, ...] | None = None
    optimizer: tuple[OptimizerGroup, ...] = ()
