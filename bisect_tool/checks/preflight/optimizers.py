"""Settings of the optimizers that differ: no value of a forward pass shows them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bisect_tool.captures.described import OptimizerGroup
from bisect_tool.finding import Finding
from bisect_tool.pairing.pair import Pair, same_setting
from bisect_tool.sentences import optimizer as sentences
from bisect_tool.sentences.spelling import counted, listed

HOW_IT_RUNS = {"foreach", "fused", "capturable", "differentiable"}  # the same steps, computed otherwise


def optimizer(pair: Pair) -> list[Finding]:
    """List settings that both optimizers have with other values, with the parameters that they are for."""
    back = {port: name for name, port in pair.matching.state.items()}
    theirs = {back[name]: group for group in pair.port.optimizer for name in group.parameters if name in back}
    found: dict[str, list[str]] = defaultdict(list)
    for group in pair.reference.described.optimizer:
        for name in group.parameters:
            for words in _differences(group, theirs[name]) if name in theirs else ():
                found[words].append(name)
    return [
        Finding(
            "optimizer",
            tuple(names),
            f"optimizer of {counted(len(names), 'parameter')}: {words}: {listed(names)}",
        )
        for words, names in found.items()
    ]


def _differences(ours: OptimizerGroup, theirs: OptimizerGroup) -> Iterator[str]:
    if ours.class_.lower() != theirs.class_.lower():
        yield f"{theirs.class_}, reference {ours.class_}"
    for key, value in ours.settings.items():
        other = theirs.settings.get(key)
        if key not in HOW_IT_RUNS and other is not None and not same_setting(value, other):
            yield sentences.differs(key, other, value)
