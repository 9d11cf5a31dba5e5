"""What the worker asks of a framework; ``torch_adapter`` and ``jittor_adapter`` are modules that answer all of it."""

from __future__ import annotations

import importlib
from typing import (
    Any,
    Callable,
    Collection,
    ContextManager,
    Dict,
    FrozenSet,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Protocol,
    Sequence,
    Tuple,
    cast,
)

from ..arrays import Array
from .drawing import Drawing
from .entry import Compiling

Tensor = Any
Module = Any
Optimizer = Any
Dtype = Any
Tree = List[Tuple[str, Module, bool]]  # name, module, whether no other module lies inside it


class Adapter(Protocol):
    """A framework as the worker needs it."""

    # What it is.

    FRAMEWORK: str  # its name in recipe.toml
    METHOD: str  # a module's own code
    LACKS: FrozenSet[str]  # capabilities of the protocol that its worker does not have
    COMPILES: bool  # what a probe computes for the first time takes long

    def prepare(self) -> None:
        """Import the framework: the one place to fail when it is not installed."""

    def version(self) -> str:
        """Return the framework's version."""

    def kernels(self) -> int | None:
        """Return how many kernels were compiled or loaded so far, None where the framework makes none or nobody knows."""

    def load_entry(self, folder: str, entry: str, compiling: Compiling | None = None) -> Callable[..., Any]:
        """Return the function that a recipe's entry names. Raises RecipeError where there is none, or none can be made."""

    def watcher(
        self, is_watched: Callable[[str], bool], marked: Optional[Callable[[str], FrozenSet[int]]] = None
    ) -> Any:
        """Return who looks at the variables of functions in watched files, see ``code.watching.Watcher``."""

    # Modules and their state.

    def is_module(self, value: Any) -> bool:
        """Tell whether a value is a module of this framework."""

    def module_tree(self, roots: Mapping[str, Module]) -> Tree:
        """Return every module, a shared one under each of its names, in definition order.

        What lies in a class of the framework's is listed too, unless that is one layer that keeps its settings in another.
        """

    def is_library(self, module: Module) -> bool:
        """Tell whether the class comes with the framework."""

    def class_name(self, module: Module) -> str:
        """Return the class name as torch spells it."""

    def settings(self, module: Module) -> dict[str, Any]:
        """Return a module's own settings (eps, stride, heads ...): numbers, words, lists of numbers, None."""

    def training(self, module: Module) -> bool:
        """Tell whether the module is in train mode."""

    def own_state(self, module: Module) -> Iterator[tuple[str, Tensor, str, bool]]:
        """Yield (key, tensor, "parameter" or "buffer", trainable) for the tensors that belong to this module itself."""

    def held(self, module: Module, key: str) -> Tensor:
        """Return what a module holds now under the key of one of its tensors, None where that is no tensor any more."""

    def hold(self, module: Module, key: str, tensor: Tensor) -> None:
        """Let a module hold a tensor, the very one, under the key of one of its tensors."""

    def memory(self, tensor: Tensor) -> tuple[Any, Any]:
        """Return (what tells where its values lie, what keeps that memory from being another tensor's meanwhile)."""

    def kept(self, tensor: Tensor) -> Any:
        """Return what ``put_back`` needs beside the values of one of a model's tensors, as ``build`` left it."""

    def write_apart(self, tensor: Tensor, kept: Any, array: Array) -> None:
        """Write values into a tensor: in place where it lay when it was ``kept``, else in memory that no other one shares.

        Raises ValueError when it cannot hold them.
        """

    def put_back(self, tensor: Tensor, kept: Any, array: Array) -> None:
        """Let a tensor hold an array where it lay when it was ``kept``, with no gradients but those it had.

        Raises ValueError or RuntimeError where that cannot be.
        """

    # The values of tensors.

    def is_tensor(self, value: Any) -> bool:
        """Tell whether a value is a tensor whose values can be written down."""

    def to_numpy(self, tensor: Tensor) -> Array:
        """Return the tensor's values as a dense array of its own."""

    def layout(self, tensor: Tensor) -> str | None:
        """Return in a word how a tensor's values lie that lie sparsely, None otherwise."""

    def holds(self, array: Array) -> bool:
        """Tell whether the framework has numbers of this kind: what it has not cannot be given to a model of it."""

    def from_numpy(self, array: Array, like: Tensor = None) -> Tensor:
        """Return a new tensor with an array's values, on the device where ``like`` lies. Raises ValueError: see ``holds``."""

    def precision(self, tensor: Tensor) -> str:
        """Return the name of a tensor's dtype, as numpy spells it, such as "float32"; of one that numpy lacks, "bfloat16"."""

    def dtype(self, tensor: Tensor) -> Dtype:
        """Return the tensor's dtype and layout, for ``cast``."""

    def cast(self, tensor: Tensor, dtype: Dtype) -> Tensor:
        """Return the tensor in a dtype and layout."""

    def clone(self, tensor: Tensor) -> Tensor:
        """Return a copy that stands in for the tensor in every way, gradient path included where it keeps one."""

    def detached(self, tensor: Tensor) -> Tensor:
        """Return a copy of the values alone."""

    def write(self, tensor: Tensor, array: Array) -> None:
        """Write values into a parameter or buffer in place. Raises ValueError when it cannot hold them."""

    def sample(self, tensor: Tensor, most: int) -> Array:
        """Return at most so many of a tensor's numbers, from all over it."""

    def sync(self, tensors: Iterable[Tensor]) -> None:
        """Compute what is pending for these tensors, and nothing else."""

    def mutation(self, tensor: Tensor) -> int | None:
        """Return a counter that grows whenever the tensor is overwritten in place, None when it is unknown."""

    def looking_at(self, tensors: Sequence[Tensor]) -> Callable[[Tensor], bool | None]:
        """Begin to look which of some tensors operations read; return who tells of one, None where nobody can."""

    def hidden(self, tree: Tree) -> Callable[[Collection[str]], list[str]]:
        """Begin to look for calls that nobody sees; return who says of a run, given the names of those that were seen, which."""

    def perturb(self, tensor: Tensor, size: float, draw: int) -> Tensor:
        """Return the tensor off by relative noise of a size: each element for itself, and each channel as a whole."""

    def seed(self, number: int) -> None:
        """Set every random state that a step may draw from."""

    def drawings(self) -> List[Drawing]:
        """Return the functions that draw random numbers."""

    # Values in float64.

    def doubled(self, tensor: Tensor) -> Tensor:
        """Return a copy in float64 (complex128) of a tensor that rounds, anything else as it is."""

    def in_float64(self, module: Module) -> ContextManager[None]:
        """Hold the floating state of a module, and of all inside it, in float64 while the block runs."""

    def casting_no_float64_down(self) -> ContextManager[Any]:
        """Return a context in which a float64 tensor stays one where the framework can be told so."""

    # Gradients.

    def gradients_on(self) -> bool:
        """Tell whether what is computed now keeps a path for gradients."""

    def in_backward(self) -> bool:
        """Tell whether a backward pass runs: what code computes then, to save memory, it has computed before."""

    def in_transform(self) -> bool:
        """Tell whether code runs inside a functional transform (vmap, grad): its tensors have no values that could be read."""

    def with_gradients(self) -> ContextManager[Any]:
        """Return a context in which what is computed keeps a path for gradients."""

    def numpy_reads_all(self) -> ContextManager[None]:
        """Let numpy read tensors that take gradients while the block runs."""

    def unfrozen(self, tensor: Tensor) -> ContextManager[None]:
        """Let a parameter take gradients while the block runs."""

    def has_path(self, tensor: Tensor) -> bool:
        """Tell whether the tensor may have been computed from something that takes gradients."""

    def leaf(self, tensor: Tensor, values: Array | None = None, exact: bool = False) -> tuple[Tensor, Tensor]:
        """Return (a tensor that a graph begins at, the same for the code to use); the first is None where none can begin.

        ``values`` is an array to take in place of the tensor's own; ``exact`` holds it in float64.
        """

    def starting(self, tensor: Tensor) -> Tensor:
        """Make a tensor one that a graph begins at."""

    def pull(self, roots: Sequence[tuple[Tensor, Array]], leaves: Sequence[Tensor]) -> list[Array | None]:
        """Return what gradients at ``roots``, (tensor, array) pairs, make at ``leaves``: arrays, None without a path."""

    def noting(self, tensor: Tensor, note: Callable[[Tensor], Tensor]) -> Tensor:
        """Return the tensor with ``note`` called with its gradient, once that is there; what it returns takes its place."""

    def distinct(self, tensor: Tensor) -> Tensor:
        """Return a tensor of the same values that can be noted apart from this one, with the gradient path through it."""

    def taking_gradients(self, tensor: Tensor) -> Tensor:
        """Return a tensor that takes gradients, to be put where the model's own did: code may ask for that.

        It is made of the one that is handed over, which nobody else may hold. No gradient is known there: to pull one through it
        is an error, where the framework can be told so.
        """

    def given_pass_none(self) -> ContextManager[None]:
        """Return a context in which that is an error also for code that would go on without a gradient."""

    def through(self, own: Tensor, values: Array) -> Tensor:
        """Return a tensor with an array's values whose gradient goes to ``own`` as it is."""

    # Optimizers.

    def is_optimizer(self, value: Any) -> bool:
        """Tell whether a value is an optimizer of this framework."""

    def optimizer_groups(self, optimizer: Optimizer) -> list[tuple[dict[str, Any], Sequence[Tensor]]]:
        """Return (settings, tensors) for each of an optimizer's parameter groups."""

    def optimizer_state(self, optimizer: Optimizer) -> Any:
        """Return what an optimizer keeps between steps, for ``put_optimizer_back``."""

    def put_optimizer_back(self, optimizer: Optimizer, state: Any) -> None:
        """Let an optimizer keep what it kept before."""

    def optimizer_steps(self, optimizer: Optimizer, gradients: Sequence[Mapping[int, Array]]) -> List[Dict[int, Array]]:
        """Return [{id of a tensor: its values}] after each step, from a fresh state.

        ``gradients`` holds those of each step, arrays by the tensors' ids. Tensors and optimizer are afterwards as they were
        before.
        """


def adapter_of(framework: str) -> Adapter:
    """Return the adapter of a framework by its name in recipe.toml."""
    return cast("Adapter", importlib.import_module("%s.%s_adapter" % (__package__, framework)))
