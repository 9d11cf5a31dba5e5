"""A small CaiT: layer scale, class attention, truncated normals."""

import torch
import torch.nn.functional as F
from torch import nn


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.scale = (dim // heads) ** -0.5
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        b, n, c = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        attn = ((q * self.scale) @ k.transpose(-2, -1)).softmax(-1)
        return self.proj((attn @ v).transpose(1, 2).reshape(b, n, c))


class ClassAttention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.scale = (dim // heads) ** -0.5
        self.q = nn.Linear(dim, dim)
        self.k = nn.Linear(dim, dim)
        self.v = nn.Linear(dim, dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        b, n, c = x.shape
        q = self.q(x[:, 0]).view(b, 1, self.heads, -1).permute(0, 2, 1, 3) * self.scale
        k = self.k(x).view(b, n, self.heads, -1).permute(0, 2, 1, 3)
        v = self.v(x).view(b, n, self.heads, -1).permute(0, 2, 1, 3)
        attn = (q @ k.transpose(-2, -1)).softmax(-1)
        return self.proj((attn @ v).transpose(1, 2).reshape(b, 1, c))


class Mlp(nn.Module):
    def __init__(self, dim, hidden):
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, dim, heads, scale=1e-4):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attn = Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim, 2 * dim)
        self.gamma_1 = nn.Parameter(scale * torch.ones(dim))
        self.gamma_2 = nn.Parameter(scale * torch.ones(dim))

    def forward(self, x):
        x = x + self.gamma_1 * self.attn(self.norm1(x))
        return x + self.gamma_2 * self.mlp(self.norm2(x))


class ClassBlock(nn.Module):
    def __init__(self, dim, heads, scale=1e-4):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attn = ClassAttention(dim, heads)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim, 2 * dim)
        self.gamma_1 = nn.Parameter(scale * torch.ones(dim))
        self.gamma_2 = nn.Parameter(scale * torch.ones(dim))

    def forward(self, x, token):
        u = torch.cat((token, x), 1)
        token = token + self.gamma_1 * self.attn(self.norm1(u))
        return token + self.gamma_2 * self.mlp(self.norm2(token))


class CaiT(nn.Module):
    def __init__(self, dim=24, heads=3, depth=2, classes=5):
        super().__init__()
        self.patch_embed = nn.Conv2d(3, dim, 4, 4)
        self.pos_embed = nn.Parameter(torch.zeros(1, 16, dim))
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.blocks = nn.ModuleList(Block(dim, heads) for _ in range(depth))
        self.blocks_token = nn.ModuleList(ClassBlock(dim, heads) for _ in range(2))
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, classes)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        self.apply(self.init_weights)

    def init_weights(self, m):
        if isinstance(m, nn.Linear):
            nn.init.trunc_normal_(m.weight, std=0.02)
            nn.init.constant_(m.bias, 0)

    def forward(self, x):
        x = self.patch_embed(x).flatten(2).transpose(1, 2) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        token = self.cls_token.expand(x.shape[0], -1, -1)
        for block in self.blocks_token:
            token = block(x, token)
        return self.head(self.norm(torch.cat((token, x), 1))[:, 0])


def build(seed=0):
    torch.manual_seed(seed)
    net = CaiT()
    g = torch.Generator().manual_seed(1)
    batch = {"x": torch.randn(3, 3, 16, 16, generator=g), "y": torch.randint(0, 5, (3,), generator=g)}

    def step(batch):
        return {"loss": F.cross_entropy(net(batch["x"]), batch["y"])}

    return {"modules": {"net": net}, "batch": batch, "step": step}
