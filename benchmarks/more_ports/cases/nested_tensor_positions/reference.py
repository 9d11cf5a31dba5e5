"""A segmenter whose backbone and positions take images with masks as one object."""

import math

import torch
import torch.nn.functional as F
from torch import nn


class NestedTensor:
    def __init__(self, tensors, mask):
        self.tensors = tensors
        self.mask = mask

    def decompose(self):
        return self.tensors, self.mask


class ConvStage(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x):
        return F.relu(self.norm(self.conv(x)))


class Backbone(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.stage1 = ConvStage(3, dim // 2)
        self.stage2 = ConvStage(dim // 2, dim)

    def forward(self, nested):
        out = {}
        x = nested.tensors
        for name, stage in (("s1", self.stage1), ("s2", self.stage2)):
            x = stage(x)
            mask = F.interpolate(nested.mask[None].float(), size=x.shape[-2:])[0].to(torch.bool)
            out[name] = NestedTensor(x, mask)
        return out


class PositionEmbeddingSine(nn.Module):
    def __init__(self, features, temperature=10000, scale=2 * math.pi):
        super().__init__()
        self.features, self.temperature, self.scale = features, temperature, scale

    def forward(self, nested):
        x, mask = nested.decompose()
        not_mask = ~mask
        y_embed = not_mask.cumsum(1, dtype=torch.float32)
        x_embed = not_mask.cumsum(2, dtype=torch.float32)
        y_embed = y_embed / (y_embed[:, -1:, :] + 1e-6) * self.scale
        x_embed = x_embed / (x_embed[:, :, -1:] + 1e-6) * self.scale
        dim_t = torch.arange(self.features, dtype=torch.float32)
        dim_t = self.temperature ** (2 * (dim_t // 2) / self.features)
        pos_x = x_embed[..., None] / dim_t
        pos_y = y_embed[..., None] / dim_t
        pos_x = torch.stack((pos_x[..., 0::2].sin(), pos_x[..., 1::2].cos()), 4).flatten(3)
        pos_y = torch.stack((pos_y[..., 0::2].sin(), pos_y[..., 1::2].cos()), 4).flatten(3)
        return torch.cat((pos_y, pos_x), 3).permute(0, 3, 1, 2)


class PixelAttention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.attn = nn.MultiheadAttention(dim, heads, batch_first=True)
        self.norm = nn.LayerNorm(dim)

    def forward(self, nested, pos):
        x, mask = nested.decompose()
        b, c, h, w = x.shape
        flat = x.flatten(2).transpose(1, 2)
        q = flat + pos.flatten(2).transpose(1, 2)
        out = self.attn(q, q, flat, key_padding_mask=mask.flatten(1), need_weights=False)[0]
        return self.norm(flat + out).transpose(1, 2).view(b, c, h, w)


class Segmenter(nn.Module):
    def __init__(self, dim=16, classes=3):
        super().__init__()
        self.backbone = Backbone(dim)
        self.position = PositionEmbeddingSine(dim // 2)
        self.attend = PixelAttention(dim, 2)
        self.lateral = nn.Conv2d(dim // 2, dim, 1)
        self.head = nn.Conv2d(dim, classes, 3, 1, 1)

    def forward(self, nested):
        feats = self.backbone(nested)
        pos = self.position(feats["s2"])
        deep = self.attend(feats["s2"], pos)
        fine = self.lateral(feats["s1"].tensors)
        return self.head(fine + F.interpolate(deep, size=fine.shape[-2:], mode="nearest"))


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


def build(seed=0):
    torch.manual_seed(seed)
    model = Segmenter()

    def step(batch):
        out = model(NestedTensor(batch["images"], batch["mask"]))
        keep = ~batch["mask"][:, ::2, ::2]
        loss = F.cross_entropy(out, batch["labels"], reduction="none")
        return {"seg_loss": loss[keep].mean()}

    return {"modules": {"model": model}, "batch": make_batch(), "step": step}
