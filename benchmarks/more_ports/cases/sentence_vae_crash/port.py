"""The sentence VAE with its posterior as one object that is handed around."""

import torch
import torch.nn.functional as F
from torch import nn

FAULT = "none"


class GRUCell(nn.Module):
    def __init__(self, n_in, n):
        super().__init__()
        self.n = n
        self.x2h = nn.Linear(n_in, 3 * n)
        self.h2h = nn.Linear(n, 3 * n)

    def forward(self, h, x):
        a, b = self.x2h(x), self.h2h(h)
        n = self.n
        r, z = torch.sigmoid(a[:, : 2 * n] + b[:, : 2 * n]).split(n, dim=1)
        new = torch.tanh(a[:, 2 * n :] + r * b[:, 2 * n :])
        if FAULT == "gate_and_crash":
            return z * new + (1 - z) * h
        return new + z * (h - new)


def run(cell, xs, n):
    h = torch.zeros(xs.shape[1], n)
    for x in xs:
        h = cell(h, x)
    return h


class Encoder(nn.Module):
    def __init__(self, dim, n, latent):
        super().__init__()
        self.n = n
        self.forward_cell, self.backward_cell = GRUCell(dim, n), GRUCell(dim, n)
        self.to_mu, self.to_logvar = nn.Linear(2 * n, latent), nn.Linear(2 * n, latent)

    def forward(self, xs):
        h = torch.cat([run(self.forward_cell, xs, self.n), run(self.backward_cell, xs.flip(0), self.n)], dim=1)
        mu, logvar = self.to_mu(h), self.to_logvar(h)
        if FAULT in ("gate_and_crash", "highway_and_crash"):
            return mu, (logvar, h)
        return mu, logvar


class Highway(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.gate, self.value = nn.Linear(n, n), nn.Linear(n, n)
        self.gate.bias.data.fill_(-2)

    def forward(self, x):
        carry = torch.sigmoid(self.gate(x))
        if FAULT == "highway_and_crash":
            return torch.lerp(self.value(x).relu(), x, carry)
        return torch.lerp(x, self.value(x).relu(), carry)


class Decoder(nn.Module):
    def __init__(self, n_vocab, dim, n, latent):
        super().__init__()
        self.init = nn.Linear(latent, n)
        self.highway = Highway(dim)
        self.cell = GRUCell(dim + latent, n)
        self.out = nn.Linear(n, n_vocab)

    def forward(self, z, xs):
        h = self.init(z).tanh()
        hs = []
        for x in self.highway(xs):
            h = self.cell(h, torch.cat([x, z], dim=1))
            hs.append(h)
        return self.out(torch.stack(hs))


class VAE(nn.Module):
    def __init__(self, n_vocab=30, dim=10, n=12, latent=5):
        super().__init__()
        self.embed = nn.Embedding(n_vocab, dim)
        self.encoder = Encoder(dim, n, latent)
        self.decoder = Decoder(n_vocab, dim, n, latent)

    def forward(self, tokens):
        xs = self.embed(tokens.t())
        posterior = self.encoder(xs)
        mu, spread = posterior
        if isinstance(spread, tuple):
            spread = spread[0]
        z = torch.addcmul(mu, (spread / 2).exp(), torch.randn(mu.shape))
        return self.decoder(z, xs[:-1]), posterior


def kl_to_normal(mu, logvar):
    return 0.5 * (mu.square() + logvar.exp() - logvar - 1).sum(1).mean()


def build(seed=0, fault="none"):
    global FAULT
    FAULT = fault
    torch.manual_seed(seed)
    model = VAE()
    batch = {"tokens": torch.randint(0, 30, (4, 7), generator=torch.Generator().manual_seed(2))}

    def step(batch):
        torch.manual_seed(3)
        logits, posterior = model(batch["tokens"])
        nll = F.cross_entropy(logits.flatten(0, 1), batch["tokens"][:, 1:].t().flatten())
        kl = kl_to_normal(*posterior)
        return {"nll": nll, "kl": kl, "loss": nll + kl / 10}

    return {"modules": {"model": model}, "batch": batch, "step": step}
