"""The graph network over edge lists: messages are gathered and added up."""

import torch
import torch.nn.functional as F
from torch import nn

FAULT = "none"


def gcn_norm(edges, n):
    loops = torch.arange(n).repeat(2, 1)
    if FAULT == "loops_late":
        degree = torch.bincount(edges[1], minlength=n).clamp(min=1).float()
        edges = torch.cat([edges, loops], dim=1)
    else:
        edges = torch.cat([edges, loops], dim=1)
        degree = torch.bincount(edges[1], minlength=n).float()
    src, dst = edges
    weight = (degree[src] * degree[dst]).rsqrt()
    return edges, weight


class GraphConv(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.linear = nn.Linear(c_in, c_out, bias=False)
        self.bias = nn.Parameter(torch.zeros(c_out))

    def forward(self, x, edges, weight):
        src, dst = edges
        if FAULT == "two":
            src, dst = dst, src
        messages = self.linear(x)[src] * weight[:, None]
        return torch.zeros(len(x), messages.shape[1]).index_add_(0, dst, messages) + self.bias


class GATLayer(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.linear = nn.Linear(dim, dim, bias=False)
        self.source = nn.Parameter(torch.randn(heads, dim // heads) * 0.3)
        self.target = nn.Parameter(torch.randn(heads, dim // heads) * 0.3)

    def forward(self, x, edges):
        src, dst = edges
        z = self.linear(x).unflatten(1, (self.heads, -1))
        score = (z * self.source).sum(-1)[src] + (z * self.target).sum(-1)[dst]
        if FAULT == "two":
            score = F.leaky_relu(score)
        else:
            score = F.leaky_relu(score, negative_slope=0.2)
        score = (score - score.max()).exp()
        total = torch.zeros(len(x), self.heads).index_add_(0, dst, score)
        share = score / total[dst]
        out = torch.zeros_like(z).index_add_(0, dst, z[src] * share[..., None])
        return out.reshape(len(x), -1)


class GraphNet(nn.Module):
    def __init__(self, c_in=7, dim=16, n_classes=3, depth=2):
        super().__init__()
        self.embed = nn.Linear(c_in, dim)
        self.blocks = nn.ModuleList(
            nn.ModuleDict({"conv": GraphConv(dim, dim), "norm": nn.LayerNorm(dim)}) for _ in range(depth)
        )
        self.attend = GATLayer(dim, 2)
        self.head = nn.Linear(dim, n_classes)
        self.act = nn.ELU()

    def forward(self, x, edges, weight):
        x = self.act(self.embed(x))
        for block in self.blocks:
            x = x + self.act(block["norm"](block["conv"](x, edges, weight)))
        return self.head(self.act(self.attend(x, edges)))


def make_batch():
    g = torch.Generator().manual_seed(9)
    count = 14
    mask = (torch.rand(count, count, generator=g) < 0.25) & ~torch.eye(count, dtype=torch.bool)
    return {
        "x": torch.randn(count, 7, generator=g),
        "edges": mask.nonzero().t().contiguous(),
        "y": torch.randint(0, 3, (count,), generator=g),
        "train": torch.rand(count, generator=g) < 0.7,
    }


def build(seed=0, fault="none"):
    global FAULT
    FAULT = fault
    torch.manual_seed(seed)
    net = GraphNet()
    batch = make_batch()

    def step(batch):
        edges, weight = gcn_norm(batch["edges"], len(batch["x"]))
        logits = net(batch["x"], edges, weight)
        per_node = F.cross_entropy(logits, batch["y"], reduction="none")
        chosen = batch["train"].float()
        return {"loss": (per_node * chosen).sum() / chosen.sum()}

    return {"modules": {"net": net}, "batch": batch, "step": step}
