"""The ranker with named features instead of a batch, and crosses called the other way round."""

import torch
import torch.nn.functional as F
from torch import nn

FAULT = "none"


class Dice(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.alpha = nn.Parameter(0.25 * torch.ones(n))

    def forward(self, x):
        p = F.batch_norm(x, None, None, training=True, eps=1e-8).sigmoid()
        return x * (p + (1 - p) * self.alpha)


class TargetAttention(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(4 * n, 16), nn.PReLU(), nn.Linear(16, 1))

    def forward(self, keys, query, valid):
        query = query[:, None].repeat(1, keys.shape[1], 1)
        pair = torch.cat([query, keys, query - keys, query * keys], dim=2)
        weight = self.mlp(pair).masked_fill(~valid[..., None], 0)
        return torch.bmm(weight.transpose(1, 2), keys)[:, 0]


class Cross(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n, n) / n**0.5)
        self.bias = nn.Parameter(0.1 * torch.randn(n))

    def forward(self, x, first):
        if FAULT == "both":
            return first * F.linear(x, self.weight) + self.bias + x
        return first * F.linear(x, self.weight, self.bias) + x


class CrossNet(nn.Module):
    def __init__(self, n, depth):
        super().__init__()
        self.layers = nn.ModuleList([Cross(n) for _ in range(depth)])

    def forward(self, x):
        first = x
        for layer in self.layers:
            if FAULT in ("fed", "both"):
                x = layer(x, x)
            else:
                x = layer(x, first)
        return x


class Deep(nn.Module):
    def __init__(self, widths):
        super().__init__()
        self.linears = nn.ModuleList()
        self.acts = nn.ModuleList()
        for i in range(len(widths) - 1):
            self.linears.append(nn.Linear(widths[i], widths[i + 1]))
            self.acts.append(Dice(widths[i + 1]))

    def forward(self, x):
        for i, linear in enumerate(self.linears):
            x = self.acts[i](linear(x))
        return x


class Ranker(nn.Module):
    def __init__(self, n_items=40, n_users=12, n=6, n_dense=5):
        super().__init__()
        self.item = nn.Embedding(n_items, n)
        self.user = nn.Embedding(n_users, n)
        self.history = TargetAttention(n)
        self.cross = CrossNet(3 * n + n_dense, depth=3)
        self.deep = Deep([3 * n + n_dense, 24, 12])
        self.head = nn.Linear(3 * n + n_dense + 12, 1)

    def forward(self, item, user, history, lengths, dense):
        valid = torch.arange(history.shape[1]) < lengths.unsqueeze(1)
        item = self.item(item)
        seen = self.history(self.item(history), item, valid)
        x = torch.cat([item, self.user(user), seen, dense], dim=1)
        return self.head(torch.cat([self.cross(x), self.deep(x)], dim=1))[:, 0]


def build(seed=0, fault="none"):
    global FAULT
    FAULT = fault
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
        clicked = batch["clicked"]
        logit = model(**{k: v for k, v in batch.items() if k != "clicked"})
        bce = F.binary_cross_entropy(logit.sigmoid(), clicked)
        better, worse = logit[clicked == 1], logit[clicked == 0]
        rank = -F.logsigmoid(better[:, None] - worse).mean()
        return {"bce_loss": bce, "rank_loss": rank, "total_loss": bce + rank / 2}

    return {"modules": {"model": model}, "batch": batch, "step": step}
