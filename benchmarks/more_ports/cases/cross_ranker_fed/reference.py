"""A ranker: embeddings, attention over a history, a cross network and a deep one."""

import torch
import torch.nn.functional as F
from torch import nn


class Dice(nn.Module):
    def __init__(self, dim, eps=1e-8):
        super().__init__()
        self.alpha = nn.Parameter(torch.full((dim,), 0.25))
        self.eps = eps

    def forward(self, x):
        mean = x.mean(0)
        var = ((x - mean) ** 2).mean(0)
        p = torch.sigmoid((x - mean) / torch.sqrt(var + self.eps))
        return p * x + (1 - p) * self.alpha * x


class HistoryAttention(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(4 * dim, 16), nn.PReLU(), nn.Linear(16, 1))

    def forward(self, item, history, lengths):
        q = item.unsqueeze(1).expand_as(history)
        score = self.mlp(torch.cat((q, history, q - history, q * history), -1)).squeeze(-1)
        mask = torch.arange(history.shape[1])[None] < lengths[:, None]
        return ((score * mask).unsqueeze(-1) * history).sum(1)


class CrossLayer(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(dim, dim) * dim**-0.5)
        self.bias = nn.Parameter(torch.randn(dim) * 0.1)

    def forward(self, x0, x):
        return x0 * (x @ self.weight.t() + self.bias) + x


class CrossNet(nn.Module):
    def __init__(self, dim, depth):
        super().__init__()
        self.layers = nn.ModuleList(CrossLayer(dim) for _ in range(depth))

    def forward(self, x0):
        x = x0
        for layer in self.layers:
            x = layer(x0, x)
        return x


class Deep(nn.Module):
    def __init__(self, dims):
        super().__init__()
        self.linears = nn.ModuleList(nn.Linear(a, b) for a, b in zip(dims[:-1], dims[1:]))
        self.acts = nn.ModuleList(Dice(b) for b in dims[1:])

    def forward(self, x):
        for linear, act in zip(self.linears, self.acts):
            x = act(linear(x))
        return x


class Ranker(nn.Module):
    def __init__(self, items=40, users=12, dim=6, dense=5):
        super().__init__()
        self.item = nn.Embedding(items, dim)
        self.user = nn.Embedding(users, dim)
        self.history = HistoryAttention(dim)
        width = 3 * dim + dense
        self.cross = CrossNet(width, 3)
        self.deep = Deep((width, 24, 12))
        self.head = nn.Linear(width + 12, 1)

    def forward(self, batch):
        item = self.item(batch["item"])
        history = self.history(item, self.item(batch["history"]), batch["lengths"])
        x = torch.cat((item, self.user(batch["user"]), history, batch["dense"]), 1)
        return self.head(torch.cat((self.cross(x), self.deep(x)), 1)).squeeze(1)


def build(seed=0):
    torch.manual_seed(seed)
    model = Ranker()
    g = torch.Generator().manual_seed(1)
    batch = {
        "item": torch.randint(0, 40, (10,), generator=g),
        "user": torch.randint(0, 12, (10,), generator=g),
        "history": torch.randint(0, 40, (10, 7), generator=g),
        "lengths": torch.randint(1, 8, (10,), generator=g),
        "dense": torch.randn(10, 5, generator=g),
        "clicked": torch.randint(0, 2, (10,), generator=g).float(),
    }

    def step(batch):
        score = model(batch)
        bce = F.binary_cross_entropy_with_logits(score, batch["clicked"])
        pairs = batch["clicked"][:, None] > batch["clicked"][None]
        rank = F.softplus(-(score[:, None] - score[None]))[pairs].mean()
        return {"bce_loss": bce, "rank_loss": rank, "total_loss": bce + 0.5 * rank}

    return {"modules": {"model": model}, "batch": batch, "step": step}
