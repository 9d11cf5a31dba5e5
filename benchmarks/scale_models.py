"""Synthetic models to measure with: each is its own reference, and computes next to nothing or holds much."""

import torch


class Block(torch.nn.Module):
    """A linear layer and a ReLU beside a residual."""

    def __init__(self, width, scale):
        super().__init__()
        self.linear = torch.nn.Linear(width, width)
        self.act = torch.nn.ReLU()
        self._scale = scale  # no setting: nothing but probes shows it

    def forward(self, x):
        """Add the residual."""
        inner = self.act(self.linear(x))
        return x + self._scale * inner


class Chain(torch.nn.Module):
    """Blocks of three calls each, 32 to a container."""

    def __init__(self, count, wrong):
        super().__init__()
        blocks = [Block(16, 1 / count + 0.05 * (wrong in (number, -2))) for number in range(count)]
        self.stages = torch.nn.ModuleList(torch.nn.ModuleList(blocks[i : i + 32]) for i in range(0, count, 32))

    def forward(self, x):
        """Run block after block."""
        for stage in self.stages:
            for block in stage:  # type: ignore[attr-defined]
                x = block(x)
        return x


class Scaled(torch.nn.Module):
    """A product with one number."""

    def __init__(self, scale):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(scale))

    def forward(self, x):
        """Scale it."""
        return x * self.scale


def build(seed=0, calls=10, wrong=-1):
    """Build a chain of so many calls; ``wrong`` is the number of a block, -1 for none, -2 for all."""
    torch.manual_seed(seed)
    net = Chain((calls - 1) // 3, wrong)
    batch = {"x": torch.randn(4, 16, generator=torch.Generator().manual_seed(1))}
    return {"modules": {"net": net}, "batch": batch, "step": lambda batch: {"loss": net(batch["x"]).square().mean()}}


def build_large(calls=1, numbers=1):
    """Build a chain of so many calls, each of which holds so many numbers."""
    net = torch.nn.Sequential(*[Scaled(1.01) for _ in range(calls)])
    batch = {"x": torch.randn(numbers, generator=torch.Generator().manual_seed(1))}

    @torch.no_grad()  # a plain run holds two activations, not all of them
    def step(batch):
        return {"loss": net(batch["x"]).mean()}

    return {"modules": {"net": net}, "batch": batch, "step": step}
