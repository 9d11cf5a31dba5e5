"""Running statistics: updated by a norm of the port's own, by what is around it, or by ``step``; read by a later call."""

from __future__ import annotations

from typing import Any

from pairs.pair import SIDE, Pair, faults, linear, module
from torch import nn
from torch.nn import functional

MOMENTUM = 0.1
NORM = "net.block.norm"
CALLS = (NORM, f"{NORM}#2", f"{NORM}#3")


class Norm(nn.BatchNorm1d):
    """A batch norm over all places, which updates its statistics in one of some ways."""

    def __init__(self, how: str) -> None:
        super().__init__(SIDE, momentum=MOMENTUM)
        self.how = how

    def forward(self, x: Any) -> Any:
        """Compute."""
        flat = x.reshape(-1, SIDE)
        if not self.training:
            return functional.batch_norm(flat, self.running_mean, self.running_var, self.weight, self.bias).view(
                x.shape
            )
        if self.how not in ("outside", "forgotten"):
            self.update(flat)
        return functional.batch_norm(flat, None, None, self.weight, self.bias, training=True).view(x.shape)

    def update(self, flat: Any) -> None:
        """Update the statistics."""
        mean, var = flat.mean(0).detach(), flat.var(0, unbiased=self.how != "biased").detach()
        share = 1 - MOMENTUM if self.how == "momentum" else MOMENTUM
        if self.how == "data":  # which no counter of the framework's tells
            self.running_mean.data.mul_(1 - share).add_(mean, alpha=share)
            self.running_var.data.mul_(1 - share).add_(var, alpha=share)
        else:
            self.running_mean = (1 - share) * self.running_mean + share * mean
            self.running_var = (1 - share) * self.running_var + share * var


def net_of(how: str) -> nn.Module:
    """Return a block with a norm after a layer, and a head; where the norm is updated outside, its block does it."""

    def forward(self: Any, x: Any) -> Any:
        x = self.fc(x)
        y = self.norm(x)
        if how.startswith("outside") and self.norm.training:
            given = x * 2 if how == "outside_otherwise" else x
            self.norm.update(given.reshape(-1, SIDE))
        return functional.gelu(y)

    block = module(forward, fc=linear(), norm=Norm(how.partition("_")[0]))
    return module(lambda self, x: self.head(self.block(x)), block=block, head=linear())


def _trained(step: str) -> Any:
    """Return a step that trains three times and evaluates; ``step`` says what it does to the statistics between."""

    def run(net: Any, x: Any, *, port: bool) -> Any:
        norm = net.block.norm
        if step != "forgets" or not port:
            norm.reset_running_stats()
        net.train()
        for number in range(3):
            net(x + number)
            if port and step == "writes" and number == 1:
                norm.running_mean += 1.0
        if port and step == "ends":
            out = net.eval()(x)
            norm.running_var *= 2.0
            return out
        return net.eval()(x)

    return run


def _pair(name: str, port: str, *pieces: str, step: str = "", enclosing: bool = False) -> Pair:
    return Pair(
        f"statistics_{name}",
        lambda p: net_of(port if p else "plain"),
        faults(*(CALLS if pieces == (NORM,) else pieces)),
        enclosing=enclosing,
        run=_trained(step),
    )


PAIRS = [
    _pair("faithful", "plain"),
    _pair("written_past_the_counter", "data"),
    _pair("updated_around_it", "outside"),
    _pair("biased", "biased", NORM),
    _pair("other_momentum", "momentum", NORM),
    _pair("forgotten", "forgotten", NORM),
    _pair(
        "updated_around_it_otherwise", "outside_otherwise", "net.block", "net.block#2", "net.block#3", enclosing=True
    ),
    _pair("written_by_step", "plain", "step", step="writes"),
    _pair("not_reset_by_step", "plain", "step", step="forgets"),
    _pair("left_otherwise_by_step", "plain", "step", step="ends"),
]
