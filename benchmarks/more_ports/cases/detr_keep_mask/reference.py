"""A small DETR whose attention takes an additive bias."""

import math

import torch
import torch.nn.functional as F
from torch import nn


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(dim, dim)
        self.k_proj = nn.Linear(dim, dim)
        self.v_proj = nn.Linear(dim, dim)
        self.out_proj = nn.Linear(dim, dim)

    def split(self, x):
        return x.view(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

    def forward(self, query, key, value, bias=None):
        q = self.split(self.q_proj(query))
        k = self.split(self.k_proj(key))
        v = self.split(self.v_proj(value))
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
        if bias is not None:
            scores = scores + bias
        out = scores.softmax(-1) @ v
        return self.out_proj(out.transpose(1, 2).flatten(2))


class EncoderLayer(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.self_attn = Attention(dim, heads)
        self.linear1 = nn.Linear(dim, 2 * dim)
        self.linear2 = nn.Linear(2 * dim, dim)
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)

    def forward(self, src, pos, bias):
        q = k = src + pos
        src = self.norm1(src + self.self_attn(q, k, src, bias=bias))
        return self.norm2(src + self.linear2(F.relu(self.linear1(src))))


class DecoderLayer(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.self_attn = Attention(dim, heads)
        self.cross_attn = Attention(dim, heads)
        self.linear1 = nn.Linear(dim, 2 * dim)
        self.linear2 = nn.Linear(2 * dim, dim)
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.norm3 = nn.LayerNorm(dim)

    def forward(self, tgt, memory, pos, query_pos, bias):
        q = k = tgt + query_pos
        tgt = self.norm1(tgt + self.self_attn(q, k, tgt))
        tgt = self.norm2(tgt + self.cross_attn(tgt + query_pos, memory + pos, memory, bias=bias))
        return self.norm3(tgt + self.linear2(F.relu(self.linear1(tgt))))


class Transformer(nn.Module):
    def __init__(self, dim=24, heads=3, depth=2):
        super().__init__()
        self.encoder = nn.ModuleList(EncoderLayer(dim, heads) for _ in range(depth))
        self.decoder = nn.ModuleList(DecoderLayer(dim, heads) for _ in range(depth))

    def forward(self, src, pos, query_pos, padded):
        bias = torch.zeros(padded.shape).masked_fill(padded, -1e9)[:, None, None, :]
        for layer in self.encoder:
            src = layer(src, pos, bias=bias)
        query_pos = query_pos.unsqueeze(0).expand(src.shape[0], -1, -1)
        tgt = torch.zeros_like(query_pos)
        for layer in self.decoder:
            tgt = layer(tgt, src, pos, query_pos, bias=bias)
        return tgt


class DETR(nn.Module):
    def __init__(self, dim=24, queries=6, classes=4):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 12, 3, 2, 1), nn.ReLU(), nn.Conv2d(12, dim, 3, 2, 1))
        self.col = nn.Parameter(torch.randn(6, dim // 2) * 0.5)
        self.row = nn.Parameter(torch.randn(6, dim // 2) * 0.5)
        self.query_embed = nn.Embedding(queries, dim)
        self.transformer = Transformer(dim)
        self.class_embed = nn.Linear(dim, classes + 1)
        self.bbox_embed = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, 4))

    def forward(self, img, padded):
        x = self.backbone(img)
        b, c, h, w = x.shape
        mask = F.interpolate(padded[:, None].float(), size=(h, w)).to(torch.bool).flatten(1)
        pos = torch.cat((self.col[:w].expand(h, w, -1), self.row[:h, None].expand(h, w, -1)), -1)
        pos = pos.flatten(0, 1).expand(b, -1, -1)
        hs = self.transformer(x.flatten(2).transpose(1, 2), pos, self.query_embed.weight, mask)
        return {"pred_logits": self.class_embed(hs), "pred_boxes": self.bbox_embed(hs).sigmoid()}


def build(seed=0):
    torch.manual_seed(seed)
    model = DETR()
    g = torch.Generator().manual_seed(5)
    padded = torch.zeros(2, 24, 24, dtype=torch.bool)
    padded[0, :, 16:] = True
    padded[1, 20:] = True
    batch = {
        "img": torch.rand(2, 3, 24, 24, generator=g),
        "padded": padded,
        "labels": torch.randint(0, 5, (2, 6), generator=g),
        "boxes": torch.rand(2, 6, 4, generator=g),
    }

    def step(batch):
        out = model(batch["img"], batch["padded"])
        loss_ce = F.cross_entropy(out["pred_logits"].transpose(1, 2), batch["labels"])
        real = (batch["labels"] < 4).float()
        loss_bbox = ((out["pred_boxes"] - batch["boxes"]).abs().sum(-1) * real).sum() / real.sum()
        return {"loss_ce": loss_ce, "loss_bbox": loss_bbox}

    return {"modules": {"model": model}, "batch": batch, "step": step}
