"""A sentence VAE of hand written GRU cells."""

import torch
import torch.nn.functional as F
from torch import nn


class GRUCell(nn.Module):
    def __init__(self, inputs, hidden):
        super().__init__()
        self.x2h = nn.Linear(inputs, 3 * hidden)
        self.h2h = nn.Linear(hidden, 3 * hidden)

    def forward(self, x, h):
        xr, xz, xn = self.x2h(x).chunk(3, 1)
        hr, hz, hn = self.h2h(h).chunk(3, 1)
        r = torch.sigmoid(xr + hr)
        z = torch.sigmoid(xz + hz)
        n = torch.tanh(xn + r * hn)
        return (1 - z) * n + z * h


class Encoder(nn.Module):
    def __init__(self, dim, hidden, latent):
        super().__init__()
        self.hidden = hidden
        self.forward_cell = GRUCell(dim, hidden)
        self.backward_cell = GRUCell(dim, hidden)
        self.to_mu = nn.Linear(2 * hidden, latent)
        self.to_logvar = nn.Linear(2 * hidden, latent)

    def forward(self, x):
        f = b = x.new_zeros(x.shape[0], self.hidden)
        for t in range(x.shape[1]):
            f = self.forward_cell(x[:, t], f)
            b = self.backward_cell(x[:, -1 - t], b)
        h = torch.cat((f, b), 1)
        return self.to_mu(h), self.to_logvar(h)


class Highway(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.gate = nn.Linear(dim, dim)
        self.value = nn.Linear(dim, dim)
        nn.init.constant_(self.gate.bias, -2.0)

    def forward(self, x):
        g = torch.sigmoid(self.gate(x))
        return g * F.relu(self.value(x)) + (1 - g) * x


class Decoder(nn.Module):
    def __init__(self, vocab, dim, hidden, latent):
        super().__init__()
        self.init = nn.Linear(latent, hidden)
        self.highway = Highway(dim)
        self.cell = GRUCell(dim + latent, hidden)
        self.out = nn.Linear(hidden, vocab)

    def forward(self, x, z):
        h = torch.tanh(self.init(z))
        logits = []
        for t in range(x.shape[1]):
            h = self.cell(torch.cat((self.highway(x[:, t]), z), 1), h)
            logits.append(self.out(h))
        return torch.stack(logits, 1)


class VAE(nn.Module):
    def __init__(self, vocab=30, dim=10, hidden=12, latent=5):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.encoder = Encoder(dim, hidden, latent)
        self.decoder = Decoder(vocab, dim, hidden, latent)

    def forward(self, tokens):
        x = self.embed(tokens)
        mu, logvar = self.encoder(x)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.decoder(x[:, :-1], z), mu, logvar


def build(seed=0):
    torch.manual_seed(seed)
    model = VAE()
    batch = {"tokens": torch.randint(0, 30, (4, 7), generator=torch.Generator().manual_seed(2))}

    def step(batch):
        torch.manual_seed(3)
        logits, mu, logvar = model(batch["tokens"])
        nll = F.cross_entropy(logits.transpose(1, 2), batch["tokens"][:, 1:])
        kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1).mean()
        return {"nll": nll, "kl": kl, "loss": nll + 0.1 * kl}

    return {"modules": {"model": model}, "batch": batch, "step": step}
