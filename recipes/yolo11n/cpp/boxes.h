// Anchors, labelled boxes and their overlaps.
// B images, M box slots per image, A anchors; boxes are x1, y1, x2, y2.
#pragma once
#include <torch/torch.h>

#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "faults.h"

namespace yolo {

using torch::Tensor;
using torch::indexing::Ellipsis;
using torch::indexing::None;
using torch::indexing::Slice;

// The two halves of the last dimension: of a box, its corners.
inline std::pair<Tensor, Tensor> halves(const Tensor& x) {
  auto parts = x.chunk(2, -1);
  return {parts[0], parts[1]};
}

// The two numbers of the last dimension: of an extent, width and height.
inline std::pair<Tensor, Tensor> columns(const Tensor& x) { return {x.select(-1, 0), x.select(-1, 1)}; }

// The cell centres (A, 2) as x, y in strides, and each anchor's stride (A, 1).
inline std::pair<Tensor, Tensor> anchor_points(const std::vector<Tensor>& feats, const std::vector<int64_t>& strides) {
  std::vector<Tensor> points, sizes;
  auto cells = [](int64_t count) { return torch::arange(count) + (fault("cells_corners") ? 1 / 2 : 0.5); };
  for (size_t i = 0; i < feats.size(); i++) {
    const auto h = feats[i].size(2), w = feats[i].size(3);
    auto grid = torch::meshgrid({cells(h), cells(w)}, "ij");
    auto y = grid[0], x = grid[1];
    points.push_back(torch::stack({x, y}, -1).view({-1, 2}));
    sizes.push_back(torch::full({h * w, 1}, double(strides[i])));
  }
  return {torch::cat(points).to(feats[0]), torch::cat(sizes).to(feats[0])};
}

// Sort rows of boxes by image: labels (B, M) and boxes (B, M, 4) in pixels; empty slots are all zero.
// Takes each row's image (n,), label (n,) and cx, cy, w, h in fractions of the image (n, 4), and the images
// (B, 3, H, W).
inline std::pair<Tensor, Tensor> pad_targets(Tensor image, const Tensor& labels, const Tensor& bboxes,
                                             const Tensor& img) {
  const auto images = img.size(0), height = img.size(2), width = img.size(3);
  image = image.to(torch::kLong);
  const auto slots = std::max<int64_t>(1, torch::bincount(image, {}, images).max().item<int64_t>());
  auto padded_labels = torch::zeros({images, slots}, torch::kLong);
  auto boxes = torch::zeros({images, slots, 4}).to(img);
  auto [centre, extent] = halves(bboxes.to(img));
  auto corners = fault("corners_as_given") ? bboxes.to(img) : torch::cat({centre - extent / 2, centre + extent / 2}, 1);
  corners = corners * torch::tensor({width, height, width, height});
  for (int64_t i = 0; i < images; i++) {
    auto rows = image == i;
    const auto count = rows.sum().item<int64_t>();
    padded_labels.index_put_({i, Slice(None, count)}, labels.index({rows}).to(torch::kLong));
    auto of_image = fault("first_images_boxes") ? corners.slice(0, 0, count) : corners.index({rows});
    boxes.index_put_({i, Slice(None, count)}, of_image);
  }
  return {padded_labels, boxes};
}

// Boxes (B, A, 4) from the distances (B, A, 4) of anchors (A, 2) to the left, top, right and bottom.
inline Tensor from_sides(const Tensor& anchors, const Tensor& sides) {
  auto [left_top, right_bottom] = halves(sides);
  return torch::cat({anchors - left_top, anchors + right_bottom}, -1);
}

// Tells with 1 and 0 (B, M, A) whether a centre (A, 2) lies in a box (B, M, 4); empty slots hold none.
inline Tensor inside(const Tensor& centres, const Tensor& boxes) {
  auto [left_top, right_bottom] = halves(boxes.unsqueeze(2));
  auto margin = torch::cat({centres - left_top, right_bottom - centres}, -1).amin(-1);
  return (margin > 1e-9).to(boxes);
}

// The area (...) that boxes (..., 4) share.
inline Tensor intersection(const Tensor& a, const Tensor& b) {
  auto right_bottom = torch::minimum(a.index({Ellipsis, Slice(2)}), b.index({Ellipsis, Slice(2)}));
  auto left_top = torch::maximum(a.index({Ellipsis, Slice(None, 2)}), b.index({Ellipsis, Slice(None, 2)}));
  auto [width, height] = columns((right_bottom - left_top).clamp_min(0));
  return width * height;
}

// The complete intersection over union (...) of boxes (..., 4): overlap, distance and shape (arXiv 1911.08287).
inline Tensor ciou(const Tensor& a, const Tensor& b, double eps = 1e-7) {
  auto [a_min, a_max] = halves(a);
  auto [b_min, b_max] = halves(b);
  auto [a_w, a_h] = columns(a_max - a_min);
  auto [b_w, b_h] = columns(b_max - b_min);
  auto shared = intersection(a, b);
  auto areas = a_w * a_h + b_w * b_h;
  auto overlap = shared / ((fault("union_without_shared") ? areas : areas - shared) + eps);

  auto hull = torch::maximum(a_max, b_max) - torch::minimum(a_min, b_min);
  auto shift = (a_min + a_max - b_min - b_max) / (fault("shift_not_halved") ? 1 : 2);
  auto distance = shift.square().sum(-1) / (hull.square().sum(-1) + eps);

  auto angle = torch::atan(a_w / (a_h + eps)) - torch::atan(b_w / (b_h + eps));
  auto shape = (fault("pi_not_squared") ? 4 / M_PI : 4 / (M_PI * M_PI)) * angle.square();
  Tensor alpha;
  {
    torch::AutoGradMode no_grad(fault("alpha_with_gradient"));
    alpha = shape / (shape - overlap + (fault("shape_weight_lacks_one") ? 0 : 1) + eps);
  }
  auto guard = fault("guard_to_the_end") ? std::make_unique<torch::NoGradGuard>() : nullptr;
  return overlap - distance - alpha * shape;
}

}  // namespace yolo
