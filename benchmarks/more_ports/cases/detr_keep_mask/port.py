"""The DETR with PyTorch's fused attention: masks say what to keep."""

import torch
import torch.nn.functional as F
from torch import nn

FAULT = "none"


class MultiHeadAttention(nn.Module):
    def __init__(self, width, n_heads):
        super().__init__()
        self.n_heads = n_heads
        self.to_q, self.to_k, self.to_v, self.to_out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, q, k, v, keep=None):
        b, n, c = q.shape
        q = self.to_q(q).reshape(b, n, self.n_heads, -1).permute(0, 2, 1, 3)
        k = self.to_k(k).reshape(b, k.shape[1], self.n_heads, -1).permute(0, 2, 1, 3)
        v = self.to_v(v).reshape(b, v.shape[1], self.n_heads, -1).permute(0, 2, 1, 3)
        if keep is not None:
            keep = keep[:, None, None, :]
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=keep)
        return self.to_out(y.permute(0, 2, 1, 3).reshape(b, n, c))


class EncoderBlock(nn.Module):
    def __init__(self, width, n_heads):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.self_attn = MultiHeadAttention(width, n_heads)
        self.linear1 = nn.Linear(width, 2 * width)
        self.linear2 = nn.Linear(2 * width, width)

    def forward(self, x, keep, pos):
        placed = x + pos
        if FAULT == "values_placed":
            x = self.norm1(x + self.self_attn(placed, placed, placed, keep))
        else:
            x = self.norm1(x + self.self_attn(placed, placed, x, keep))
        return self.norm2(x + self.linear2(self.linear1(x).relu()))


class DecoderBlock(nn.Module):
    def __init__(self, width, n_heads):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.norm3 = nn.LayerNorm(width)
        self.self_attn = MultiHeadAttention(width, n_heads)
        self.cross_attn = MultiHeadAttention(width, n_heads)
        self.linear1 = nn.Linear(width, 2 * width)
        self.linear2 = nn.Linear(2 * width, width)

    def forward(self, x, query_pos, memory, keep, pos):
        placed = x + query_pos
        x = self.norm1(x + self.self_attn(placed, placed, x))
        if FAULT == "bug":
            keep = ~keep
        seen = self.cross_attn(x + query_pos, memory + pos, memory, keep)
        x = self.norm2(x + seen)
        return self.norm3(x + self.linear2(self.linear1(x).relu()))


class Transformer(nn.Module):
    def __init__(self, width, n_heads, n_layers):
        super().__init__()
        self.encoder = nn.ModuleList([EncoderBlock(width, n_heads) for _ in range(n_layers)])
        self.decoder = nn.ModuleList([DecoderBlock(width, n_heads) for _ in range(n_layers)])

    def forward(self, x, keep, pos, queries):
        for block in self.encoder:
            x = block(x, keep, pos)
        queries = queries[None].repeat(len(x), 1, 1)
        y = torch.zeros_like(queries)
        for block in self.decoder:
            y = block(y, queries, x, keep, pos)
        return y


class Detector(nn.Module):
    def __init__(self, width=24, n_queries=6, n_classes=4):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 12, 3, 2, 1), nn.ReLU(), nn.Conv2d(12, width, 3, 2, 1))
        self.row = nn.Parameter(0.5 * torch.randn(6, width // 2))
        self.col = nn.Parameter(0.5 * torch.randn(6, width // 2))
        self.query_embed = nn.Embedding(n_queries, width)
        self.transformer = Transformer(width, 3, 2)
        self.class_embed = nn.Linear(width, n_classes + 1)
        self.bbox_embed = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 4))

    def forward(self, img, padded):
        x = self.backbone(img)
        b, c, h, w = x.shape
        keep = F.interpolate((~padded)[:, None].float(), size=(h, w))[:, 0].bool().reshape(b, -1)
        col = self.col[None, :w].repeat(h, 1, 1)
        row = self.row[:h, None].repeat(1, w, 1)
        pos = torch.cat([col, row], dim=2).reshape(1, h * w, c)
        y = self.transformer(x.reshape(b, c, -1).permute(0, 2, 1), keep, pos, self.query_embed.weight)
        return self.class_embed(y), self.bbox_embed(y).sigmoid()


def build(seed=0, fault="none"):
    global FAULT
    FAULT = fault
    torch.manual_seed(seed)
    model = Detector()
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
        logits, boxes = model(batch["img"], batch["padded"])
        labels = batch["labels"]
        loss_ce = F.cross_entropy(logits.flatten(0, 1), labels.flatten())
        hit = labels < 4
        loss_bbox = F.l1_loss(boxes[hit], batch["boxes"][hit], reduction="sum") / hit.sum()
        return {"loss_ce": loss_ce, "loss_bbox": loss_bbox}

    return {"modules": {"model": model}, "batch": batch, "step": step}
