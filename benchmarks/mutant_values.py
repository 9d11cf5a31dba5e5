"""Whether a mutant changes anything that is computed: told by its values alone, without the tool under test.

The torch twin runs with the reference's weights, plain and mutated. Targets, every module's outputs and every gradient are
compared. A mutant is equivalent where all are bit-identical, and below rounding where none moved further than when
all weights move by their last bit.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mutant_build import RECIPES, Finder, port
from mutating_modules import named_state
from torch import Tensor, nn

MARGIN = 4  # times what the weights' last bits move
LAST_BIT = 2.0**-24


class Values:
    """The values of one recipe's twin, to compare mutants with."""

    def __init__(self, recipe: str, weights: str, options: Mapping[str, Any]) -> None:
        torch.set_num_threads(1)
        self._how = {"recipe": recipe, "weights": weights, **options}
        self.plain = self._run([])
        self.noise = dict.fromkeys(self.plain, 0.0)
        for seed in range(3):
            for name, value in self._run([], noise_seed=seed).items():
                self.noise[name] = max(self.noise[name], distance(value, self.plain[name]))

    def effect(self, mutants: list[Mapping[str, Any]]) -> dict[str, Any]:
        """Say what mutants change together.

        Returns {"status": fails, equivalent, below rounding, gradient or changed; "targets": {name: relative change};
        "state": the parameters and buffers that start with another value}.
        """
        try:
            found = self._run(mutants)
        except Exception as error:  # noqa: BLE001 - a mutant may do anything
            return {"status": "fails", "why": f"{type(error).__name__}: {error}"[:200]}
        moved = {name: distance(found.get(name), value) for name, value in self.plain.items()}
        felt = {name for name, far in moved.items() if not far <= MARGIN * self.noise[name]}
        # A call more whose output changes nothing after it (ReLU of a ReLU) is not felt.
        felt |= {name for name in found if name not in self.plain and not name.startswith("output ")}
        targets = {name.removeprefix("target "): moved[name] for name in moved if name.startswith("target ")}
        status = "changed"
        if not felt:
            status = "below rounding" if any(moved.values()) else "equivalent"
        elif all(name.startswith("gradient ") for name in felt):
            status = "gradient"
        state = [name.removeprefix("state ") for name, far in moved.items() if far and name.startswith("state ")]
        return {"status": status, "targets": targets, "state": state}

    def _run(self, mutants: list[Mapping[str, Any]], noise_seed: int | None = None) -> dict[str, Tensor | None]:
        forget()
        built = port(twin=True, mutants=mutants, **self._how)
        if noise_seed is not None:
            generator = torch.Generator().manual_seed(noise_seed)
            for module in built["modules"].values():
                for parameter in module.parameters():
                    parameter.data *= 1 + LAST_BIT * torch.randn(parameter.shape, generator=generator)
        found = _outputs_of(built["modules"])
        found.update({f"state {name}": t.detach().clone() for name, t in named_state(built["modules"]).items()})
        targets = built["step"](built["batch"])
        if any(target.numel() != 1 for target in targets.values()):
            raise ValueError("a target is no scalar")
        sum(t.sum() for t in targets.values()).backward()
        found.update({f"target {name}": value.detach().reshape(-1) for name, value in targets.items()})
        for root, top in built["modules"].items():
            for name, parameter in top.named_parameters():
                none = torch.zeros_like(parameter)  # which is what a framework says that knows no missing gradient
                found[f"gradient {root}.{name}"] = none if parameter.grad is None else parameter.grad
        return found


def _outputs_of(modules: Mapping[str, nn.Module]) -> dict[str, Tensor | None]:
    """Return a dict that fills with every module's outputs as they are computed."""
    found: dict[str, Tensor | None] = {}
    counts: dict[str, int] = {}

    def keep(name: str) -> Any:
        def hook(_module: nn.Module, _args: tuple, output: Any) -> None:
            counts[name] = counts.get(name, 0) + 1
            for i, tensor in enumerate(_tensors(output)):
                found[f"output {name}#{counts[name]}/{i}"] = tensor.detach().clone()

        return hook

    for root, top in modules.items():
        for inner, module in top.named_modules():
            module.register_forward_hook(keep(f"{root}.{inner}"))
    return found


def distance(value: Tensor | None, plain: Tensor | None) -> float:
    """Return how far a value lies from the plain one, relative to its norm; infinity where one is missing or not finite."""
    if value is None or plain is None:
        return 0.0 if value is plain else float("inf")
    if value.shape != plain.shape or not torch.isfinite(value).all():
        return float("inf")
    return float((value - plain).double().norm() / plain.double().norm().clamp(min=1e-30))


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    values = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return [tensor for item in values for tensor in _tensors(item)]


def forget() -> None:
    """Forget the port's modules, which the next mutant loads anew."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, Finder)]
    for name, module in list(sys.modules.items()):
        if RECIPES in Path(getattr(module, "__file__", None) or ".").parents and name != "mistakes":
            del sys.modules[name]
