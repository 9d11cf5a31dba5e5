"""Anchors, labelled boxes and their overlaps in PyTorch.

B images, M box slots per image, A anchors; boxes are x1, y1, x2, y2.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def anchor_points(feats: Sequence[Tensor], strides: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Return the cell centres (A, 2) as x, y in strides, and each anchor's stride (A, 1)."""
    points, sizes = [], []
    for feat, stride in zip(feats, strides, strict=True):
        h, w = feat.shape[2:]
        y, x = torch.meshgrid(torch.arange(h) + 0.5, torch.arange(w) + 0.5, indexing="ij")
        points.append(torch.stack([x, y], dim=-1).view(-1, 2))
        sizes.append(torch.full((h * w, 1), float(stride)))
    return torch.cat(points).to(feats[0]), torch.cat(sizes).to(feats[0])


def pad_targets(image: Tensor, labels: Tensor, bboxes: Tensor, img: Tensor) -> tuple[Tensor, Tensor]:
    """Sort rows of boxes by image: labels (B, M) and boxes (B, M, 4) in pixels; empty slots are all zero.

    Takes each row's image (n,), label (n,) and cx, cy, w, h in fractions of the image (n, 4), and the images
    (B, 3, H, W).
    """
    images, _, height, width = img.shape
    image = image.long()
    slots = max(1, int(torch.bincount(image, minlength=images).max()))
    padded_labels = torch.zeros(images, slots, dtype=torch.long)
    boxes = torch.zeros(images, slots, 4).to(img)
    centre, extent = bboxes.to(img).chunk(2, dim=1)
    corners = torch.cat([centre - extent / 2, centre + extent / 2], dim=1) * torch.tensor([width, height] * 2)
    for i in range(images):
        rows = image == i
        count = int(rows.sum())
        padded_labels[i, :count] = labels[rows].long()
        boxes[i, :count] = corners[rows]
    return padded_labels, boxes


def from_sides(anchors: Tensor, sides: Tensor) -> Tensor:
    """Return boxes (B, A, 4) from the distances (B, A, 4) of anchors (A, 2) to the left, top, right and bottom."""
    left_top, right_bottom = sides.chunk(2, dim=-1)
    return torch.cat([anchors - left_top, anchors + right_bottom], dim=-1)


def inside(centres: Tensor, boxes: Tensor) -> Tensor:
    """Tell with 1 and 0 (B, M, A) whether a centre (A, 2) lies in a box (B, M, 4); empty slots hold none."""
    left_top, right_bottom = boxes[:, :, None].chunk(2, dim=-1)
    margin = torch.cat([centres - left_top, right_bottom - centres], dim=-1).amin(-1)
    return (margin > 1e-9).to(boxes)


def intersection(a: Tensor, b: Tensor) -> Tensor:
    """Return the area (...) that boxes (..., 4) share."""
    width, height = (
        (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0).unbind(-1)
    )
    return width * height


def iou(a: Tensor, b: Tensor, eps: float = 1e-9) -> Tensor:
    """Return the intersection over union (...) of boxes (..., 4)."""
    a_w, a_h = (a[..., 2:] - a[..., :2]).clamp(min=0).unbind(-1)
    b_w, b_h = (b[..., 2:] - b[..., :2]).clamp(min=0).unbind(-1)
    shared = intersection(a, b)
    return shared / (a_w * a_h + b_w * b_h - shared + eps)


def ciou(a: Tensor, b: Tensor, eps: float = 1e-7) -> Tensor:
    """Return the complete intersection over union (...) of boxes (..., 4): overlap, distance and shape.

    Source: Zheng et al., Distance-IoU loss, arXiv 1911.08287.
    """
    a_min, a_max = a.chunk(2, dim=-1)
    b_min, b_max = b.chunk(2, dim=-1)
    a_w, a_h = (a_max - a_min).unbind(-1)
    b_w, b_h = (b_max - b_min).unbind(-1)
    shared = intersection(a, b)
    overlap = shared / (a_w * a_h + b_w * b_h - shared + eps)

    hull = torch.maximum(a_max, b_max) - torch.minimum(a_min, b_min)
    shift = (a_min + a_max - b_min - b_max) / 2
    distance = shift.square().sum(-1) / (hull.square().sum(-1) + eps)

    shape = 4 / math.pi**2 * (torch.atan(a_w / (a_h + eps)) - torch.atan(b_w / (b_h + eps))).square()
    with torch.no_grad():
        alpha = shape / (shape - overlap + 1 + eps)
    return overlap - distance - alpha * shape
