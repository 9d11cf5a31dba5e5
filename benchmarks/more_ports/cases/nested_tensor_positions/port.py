"""The segmenter with plain tensors; where an image is real is a tensor beside it."""

import math

import torch
import torch.nn.functional as F
from torch import nn

FAULT = "none"


class ConvStage(nn.Sequential):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(c_out)
        self.act = nn.ReLU()


class Backbone(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.stage1 = ConvStage(3, dim // 2)
        self.stage2 = ConvStage(dim // 2, dim)

    def forward(self, images):
        fine = self.stage1(images)
        return fine, self.stage2(fine)


def sine_positions(valid, n, temperature=10000.0):
    eps = 1e-6
    y, x = valid.cumsum(1), valid.cumsum(2)
    if FAULT == "last":
        y = y / (valid.shape[1] + eps) * 2 * math.pi
        x = x / (valid.shape[2] + eps) * 2 * math.pi
    else:
        y = y / (y[:, -1:] + eps) * 2 * math.pi
        x = x / (x[:, :, -1:] + eps) * 2 * math.pi
    freq = temperature ** (torch.arange(0, n, 2) / n)
    y, x = y[..., None] / freq, x[..., None] / freq
    y = torch.stack((y.sin(), y.cos()), -1).flatten(-2)
    x = torch.stack((x.sin(), x.cos()), -1).flatten(-2)
    if FAULT == "order":
        return torch.cat((x, y), -1)
    return torch.cat((y, x), -1)


class PixelAttention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.attn = nn.MultiheadAttention(dim, heads, batch_first=True)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x, pos, padded):
        b, c, h, w = x.shape
        x = x.permute(0, 2, 3, 1).reshape(b, h * w, c)
        q = x + pos.reshape(b, h * w, c)
        x = x + self.attn(q, q, x, key_padding_mask=padded.reshape(b, -1), need_weights=False)[0]
        return self.norm(x).reshape(b, h, w, c).permute(0, 3, 1, 2)


class Segmenter(nn.Module):
    def __init__(self, dim=16, n_classes=3):
        super().__init__()
        self.dim = dim
        self.backbone = Backbone(dim)
        self.lateral = nn.Conv2d(dim // 2, dim, 1)
        self.attend = PixelAttention(dim, 2)
        self.head = nn.Conv2d(dim, n_classes, 3, padding=1)

    def forward(self, images, padded):
        fine, deep = self.backbone(images)
        small = F.interpolate(padded[:, None].float(), size=deep.shape[2:])[:, 0]
        pos = sine_positions(1 - small, self.dim // 2)
        deep = self.attend(deep, pos, small > 0.5)
        return self.head(self.lateral(fine) + F.interpolate(deep, scale_factor=2))


def make_batch():
    g = torch.Generator().manual_seed(8)
    images = torch.rand(2, 3, 24, 24, generator=g)
    mask = torch.zeros(2, 24, 24, dtype=torch.bool)
    mask[0, 16:] = True
    mask[1, :, 12:] = True
    return {
        "images": images.masked_fill(mask[:, None], 0.0),
        "mask": mask,
        "labels": torch.randint(0, 3, (2, 12, 12), generator=g),
    }


def build(seed=0, fault="none"):
    global FAULT
    FAULT = fault
    torch.manual_seed(seed)
    model = Segmenter()

    def step(batch):
        logits = model(batch["images"], batch["mask"])
        labels = batch["labels"].masked_fill(batch["mask"][:, ::2, ::2], -100)
        return {"seg_loss": F.cross_entropy(logits, labels)}

    return {"modules": {"model": model}, "batch": make_batch(), "step": step}
