"""Run a port's step and print as JSON which calls were seen: with themselves, with copies of all, or with what is put there."""

from __future__ import annotations

import json
import sys
from typing import Any

import torch

from bisect_tool.worker.adapters import libtorch_modules
from bisect_tool.worker.adapters.libtorch_entry import load_entry


def shown(value: Any) -> Any:
    """A value in words that JSON has."""
    if isinstance(value, torch.Tensor):
        return f"{str(value.dtype)[6:]}{list(value.shape)}"
    if isinstance(value, dict):
        return {key: shown(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [shown(part) for part in value]
    return value if isinstance(value, (int, float, str, type(None))) else str(value)


def copied(value: Any) -> Any:
    """The same with other tensors in it."""
    if isinstance(value, dict):
        return {key: copied(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(copied(part) for part in value)
    return value.clone() if isinstance(value, torch.Tensor) else value


def zeroed(value: Any) -> Any:
    """The same with zeros in the place of its tensors."""
    if isinstance(value, dict):
        return {key: zeroed(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(zeroed(part) for part in value)
    return torch.zeros_like(value) if isinstance(value, torch.Tensor) else value


def main(folder: str, file: str) -> None:
    """Print the calls and the targets, plain and with something in the place of what the calls give or are given."""
    built = load_entry(folder, file)()
    of_module = {id(module): name for name, module in built["modules"]["net"].named_modules()}
    calls: list[Any] = []

    def run(given: Any, gives: Any, times: int = 1) -> dict[str, float]:
        def called(self: Any, compute: Any, args: Any) -> Any:
            for _ in range(times):
                result = compute(*given(args))
            calls.append([of_module[id(self)], shown(args), shown(result)])
            return gives(result)

        libtorch_modules.CppModule.called = called
        calls.clear()
        return {name: value.item() for name, value in built["step"](built["batch"]).items()}

    same = lambda value: value  # noqa: E731
    found = {"plain": run(same, same), "calls": list(calls)}
    found["twice"] = run(same, same, times=2)
    found["copied"] = run(copied, copied)
    found["zero_arguments"] = run(zeroed, same)
    found["zero_results"] = run(same, zeroed)
    print(json.dumps(found))


main(*sys.argv[1:])
