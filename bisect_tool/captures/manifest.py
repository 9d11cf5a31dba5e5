"""The manifest of a capture as checked data: nothing in it is trusted before it has passed here."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from bisect_tool.captures.described import Count, Data, Described, OptimizerGroup, Quantiles
from bisect_tool.worker.arrays import files

FORMAT = 7
FileName = Annotated[str, Field(pattern=r"^shard-\d{4}\.safetensors$")]
NAMED = {"tensor", "setting", "opaque"}  # what a recorded value of these kinds has is a word
PARTS = {"list", "tuple", "dict", "named", "object"}


def _is_tree(tree: Any) -> Any:
    if isinstance(tree, dict) and len(tree) == 1 and isinstance(tree.get("tensor"), str):  # most are one
        return tree
    if not isinstance(tree, dict) or len(tree) != 1 or next(iter(tree)) not in {*NAMED, *PARTS, "scalar"}:
        raise ValueError("not a recorded value")
    ((kind, content),) = tree.items()
    if kind in NAMED and not isinstance(content, str):
        raise ValueError(f"a recorded {kind} without a name")
    if kind in PARTS:
        for item in _parts(kind, content):
            _is_tree(item)
    return tree


def _parts(kind: str, content: Any) -> list[Any]:
    if kind == "object":
        named = isinstance(content, list) and len(content) == 2 and isinstance(content[0], str)
        content = content[1] if named else None
    if not isinstance(content, list):
        raise ValueError(f"not a recorded {kind}")  # noqa: TRY004  pydantic takes no TypeError
    if kind in ("list", "tuple"):
        return content
    for pair in content:
        if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[0], (str, int)):
            raise ValueError(f"not a recorded {kind}")
    return [item for _, item in content]


def _is_known(dtype: str) -> str:
    if dtype not in files.KNOWN:
        raise ValueError(f"expected a type that numpy knows, found {dtype!r}")
    return dtype


Tree = Annotated[dict[str, Any], AfterValidator(_is_tree)]


class TensorEntry(Data):
    """One stored tensor: where it lies, its content hash, its statistics; ``layout``: how its values lay if not densely."""

    file: FileName
    shape: tuple[Count, ...]
    dtype: Annotated[str, AfterValidator(_is_known)]
    hash: str
    layout: str | None = None
    mean: float | None = None
    std: float | None = None
    min: float | None = None
    max: float | None = None


class SiteEntry(Data):
    """One module call: its inputs (args, kwargs) and output as trees of tensor keys.

    ``state`` has, of the parameters and buffers of its module and of those in it that some call begins or ends with otherwise
    than the run did, the keys of what each held when the call began and when it ended. ``attributes``: what else with tensors in
    it the call assigned to attributes of its module, such as a map that is read later.
    """

    site: str
    module: str
    leaf: bool
    inputs: Tree
    output: Tree
    state: dict[str, tuple[str, str]]
    attributes: Tree | None = None


class VariableEntry(Data):
    """One assignment in a watched function: its value, its line, the module call it lies in, and how many calls were over."""

    site: str
    kind: Literal["parameter", "assigned", "changed", "return"]
    around: str | None
    after: Count
    place: str
    value: Tree


class Excerpt(Data):
    """Some lines of a source file around one of them; ``first`` is the number of the first shown."""

    file: str
    line: Count
    first: Count
    text: tuple[str, ...]


class WatchedFunctions(Data):
    """Which functions had their variables recorded: those of the files ``elsewhere`` beside the recipe's own; ``only`` some of all."""

    elsewhere: tuple[str, ...] = ()
    only: tuple[str, ...] = ()


class Caught(Data):
    """An exception that a watched function caught: where it was raised, and where caught."""

    function: str
    type: str
    message: str
    raised: str
    place: str


class DrawEntry(Data):
    """Random numbers that the own code of a call, or of ``step``, drew: by which law, its parameters, and the tensor of them.

    A parameter is a number, or the key of a tensor.
    """

    site: str
    law: str
    parameters: tuple[float | str, ...]
    value: str


class StateStatistics(Data):
    """One parameter's statistics at another initialisation."""

    mean: float
    std: float
    min: float
    max: float
    quantiles: Quantiles | None = None
    hash: str | None = None


class Unmeasured(Data):
    """Why rounding could not be measured against float64, in a few words, by call and by target."""

    sites: dict[str, str] = Field(default_factory=dict)
    targets: dict[str, str] = Field(default_factory=dict)


class Noise(Data):
    """How far values move when every layer rounds by ``rounding``: targets absolutely, sites relatively.

    ``loss`` is how far targets move when only what goes into the loss is off by some roundings; ``exact`` each site's
    own rounding, from the recorded inputs, where it was measured against float64.
    """

    rounding: float
    draws: int
    targets: dict[str, float]
    sites: dict[str, float]
    loss: dict[str, float]
    exact: dict[str, float]
    unmeasured: Unmeasured = Unmeasured()


class PointNoise(Data):
    """How far targets move, and how far each site is off, at one point; see ``Noise``."""

    targets: dict[str, float]
    loss: dict[str, float]
    exact: dict[str, float]


class Point(Data):
    """One more run of the same batch, at other weights: all tensors of state, and what each call was given and gave.

    ``stirred`` are the names whose values are not the reference's own, ``strength`` says how much of each was changed; ``left``
    is as in the manifest.
    """

    state: dict[str, str]
    stirred: tuple[str, ...]
    strength: Annotated[float, Field(gt=0, le=1)]
    sites: tuple[SiteEntry, ...]
    calls: dict[str, str | None]
    left: dict[str, str]
    targets: dict[str, float]
    noise: PointNoise


class Spread(Data):
    """The targets, and each parameter's statistics, at other initialisations of the reference."""

    seeds: tuple[int, ...]
    targets: tuple[dict[str, float], ...]
    state: dict[str, tuple[StateStatistics, ...]]


Pulled = dict[
    str, tuple[str | None, float]
]  # by path: the key of a gradient (None: no path leads there), and its floor


class PieceEntry(Data):
    """The gradients at one call: of its outputs (all of it), and what it contributes to those of its inputs and parameters.

    Each with the rms by which rounding moves it.
    """

    inputs: Pulled
    output: Pulled
    state: Pulled


Projections = Annotated[tuple[float, ...], Field(min_length=5, max_length=5)]


class GradientNoise(Data):
    """How far each parameter's gradient (rms), and the norm of all, move when every layer's gradient rounds badly."""

    parameters: dict[str, float]
    norm: float


class Optimizer(Data):
    """An optimizer, and every parameter after the first and the second step that it takes with the recorded gradients."""

    groups: tuple[OptimizerGroup, ...]
    after: dict[str, tuple[str, str]]


class Gradients(Data):
    """The gradients of the sum of some targets: of every parameter (None: no path leads there), and at every call.

    ``statements`` has for the own code of each call, the last statement first, what it contributes to the gradient of what it
    reads ("call|part|path" or "variable|value|path"): its norm and some random projections. ``variables`` are the
    gradients of variables by path, ``connected`` tells whether one passes through each part of them, ``places`` is the line of each call; ``off``
    are the calls that are made with gradients switched off.

    The call "step" is the code of ``step``; ``later`` is how many parameters have one that is not zero after a small step
    against these.
    """

    of: Annotated[tuple[str, ...], Field(min_length=1)]
    parameters: dict[str, str | None]
    noise: GradientNoise
    sites: dict[str, PieceEntry]
    later: Count
    statements: dict[str, tuple[tuple[str, dict[str, Projections]], ...]]
    variables: dict[str, dict[str, str]]
    connected: dict[str, dict[str, bool]]
    places: dict[str, str]
    optimizer: Optimizer | None
    off: tuple[str, ...]


class SourceEntry(Data):
    """A file that the reference was built from: its digest, and one of each line where it is text that is not large."""

    digest: str
    lines: tuple[Count, ...] | None


class Manifest(Data):
    """The index of a capture.

    ``recipe_folder`` is where the recipe lay, seen from the capture: they may be moved together. ``spec`` is what recipe.toml
    said of the model, ``model_options`` what the command line added; ``sources`` are the files that it was built from, by
    their paths from the recipe.
    ``sites`` is in order of completion, ``calls`` has every call's caller, ``variables`` is in order of assignment,
    ``left`` is what each parameter and buffer that the step wrote held at its end, ``trains``: it does so by gradients,
    ``skipped`` says which functions could not be watched, and why, ``watched`` which are beside the recipe's; ``transformed`` are modules that were called inside
    functional transforms, where nobody can look at values; ``draws`` are the random numbers that
    were drawn, in order; ``gradients`` are there where they were asked for.
    ``include`` and ``exclude`` are the patterns that chose among the modules.
    ``stirred`` is a run at weights of which none is zero or equal to the next, ``not_stirred`` says why there is none.
    """

    format: int
    recipe: str
    model: str
    model_options: dict[str, Any]
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    recipe_folder: str
    spec: dict[str, Any]
    sources: dict[str, SourceEntry]
    described: Described
    targets: dict[str, float]
    not_scalar: dict[str, str]
    sites: tuple[SiteEntry, ...]
    calls: dict[str, str | None]
    left: dict[str, str]
    trains: bool = False
    variables: tuple[VariableEntry, ...]
    excerpts: dict[str, Excerpt]
    caught: tuple[Caught, ...]
    skipped: dict[str, str]
    watched: WatchedFunctions = WatchedFunctions()
    transformed: tuple[str, ...] = ()
    state: dict[str, str]
    batch: Tree
    draws: tuple[DrawEntry, ...]
    tensors: dict[str, TensorEntry]
    noise: Noise
    spread: Spread
    gradients: Gradients | None
    stirred: Point | None = None
    not_stirred: str | None = None
    seconds: dict[str, float]
    bytes: dict[str, Count]
    checksum: str
