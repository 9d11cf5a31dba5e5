"""A graph network with a sparse adjacency matrix and a layer of attention over edges."""

import torch
import torch.nn.functional as F
from torch import nn


def normalised_adjacency(edges, count):
    loops = torch.arange(count)
    index = torch.cat((torch.stack((edges[1], edges[0])), torch.stack((loops, loops))), 1)
    degree = torch.zeros(count).index_add(0, index[0], torch.ones(index.shape[1]))
    inv_sqrt = degree.pow(-0.5)
    values = inv_sqrt[index[0]] * inv_sqrt[index[1]]
    return torch.sparse_coo_tensor(index, values, (count, count)).coalesce()


class GraphConv(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.linear = nn.Linear(inputs, outputs, bias=False)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x, adj):
        return torch.sparse.mm(adj, self.linear(x)) + self.bias


class EdgeAttention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.linear = nn.Linear(dim, dim, bias=False)
        self.source = nn.Parameter(torch.randn(heads, dim // heads) * 0.3)
        self.target = nn.Parameter(torch.randn(heads, dim // heads) * 0.3)

    def forward(self, x, adj):
        n = len(x)
        row, col = adj.indices()
        h = self.linear(x).view(n, self.heads, -1)
        score = F.leaky_relu((h * self.target).sum(-1)[row] + (h * self.source).sum(-1)[col], 0.2)
        dense = torch.full((n, n, self.heads), float("-inf"))
        dense[row, col] = score
        alpha = dense.softmax(1)
        return torch.einsum("ijh,jhd->ihd", alpha, h).flatten(1)


class GraphBlock(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.conv = GraphConv(dim, dim)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x, adj):
        return x + F.elu(self.norm(self.conv(x, adj)))


class GraphNet(nn.Module):
    def __init__(self, inputs=7, dim=16, classes=3, depth=2):
        super().__init__()
        self.embed = nn.Linear(inputs, dim)
        self.blocks = nn.ModuleList(GraphBlock(dim) for _ in range(depth))
        self.attend = EdgeAttention(dim, 2)
        self.head = nn.Linear(dim, classes)

    def forward(self, x, adj):
        x = F.elu(self.embed(x))
        for block in self.blocks:
            x = block(x, adj)
        return self.head(F.elu(self.attend(x, adj)))


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


def build(seed=0):
    torch.manual_seed(seed)
    net = GraphNet()
    batch = make_batch()

    def step(batch):
        adj = normalised_adjacency(batch["edges"], len(batch["x"]))
        out = net(batch["x"], adj)
        return {"loss": F.cross_entropy(out[batch["train"]], batch["y"][batch["train"]])}

    return {"modules": {"net": net}, "batch": batch, "step": step}
