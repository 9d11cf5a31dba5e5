// The building blocks of YOLO11; every feature map is (B, C, H, W).
#pragma once
#include <torch/torch.h>

#include <cmath>
#include <vector>

#include "faults.h"

namespace yolo {

namespace nn = torch::nn;
using torch::Tensor;

inline nn::AnyModule silu() {
  return fault("activation_relu_everywhere") ? nn::AnyModule(nn::ReLU()) : nn::AnyModule(nn::SiLU());
}
inline nn::AnyModule relu() { return nn::AnyModule(nn::ReLU()); }
inline nn::AnyModule no_act() { return nn::AnyModule(nn::Identity()); }

// Convolve, normalise, activate: (B, c1, H, W) to (B, c2, H/stride, W/stride).
struct ConvImpl : nn::Module {
  nn::Conv2d conv{nullptr};
  nn::BatchNorm2d bn{nullptr};
  nn::AnyModule act;

  ConvImpl(int64_t c1, int64_t c2, int64_t kernel = 1, int64_t stride = 1, int64_t groups = 1,
           nn::AnyModule activation = silu())
      : act(activation) {
    auto options = nn::Conv2dOptions(c1, c2, kernel).stride(stride).padding(kernel / 2).groups(groups).bias(false);
    conv = register_module("conv", nn::Conv2d(options));
    const double eps = fault("bn_eps") ? 1e-5 : 1e-3;
    bn = register_module("bn", nn::BatchNorm2d(nn::BatchNorm2dOptions(c2).eps(eps).momentum(0.03)));
    register_module("act", act.ptr());
  }

  Tensor forward(const Tensor& x) { return act.forward(bn(conv(x))); }
};
TORCH_MODULE(Conv);

// Join feature maps of one size along their channels.
struct ConcatImpl : nn::Module {
  Tensor forward(const std::vector<Tensor>& maps) {
    return torch::cat(fault("concat_swapped") ? std::vector<Tensor>(maps.rbegin(), maps.rend()) : maps, 1);
  }
};
TORCH_MODULE(Concat);

// Add two 3x3 convolutions of the input to the input; the shape stays.
struct BottleneckImpl : nn::Module {
  Conv cv1{nullptr}, cv2{nullptr};

  explicit BottleneckImpl(int64_t channels, double e = 0.5) {
    const auto hidden = int64_t(channels * e);
    cv1 = register_module("cv1", Conv(channels, hidden, 3));
    cv2 = register_module("cv2", Conv(hidden, channels, 3));
  }

  Tensor forward(const Tensor& x) {
    auto y = cv2(cv1(x));
    return fault("residual_forgotten") ? y : x + y;
  }
};
TORCH_MODULE(Bottleneck);

// Send the input through two bottlenecks and past them, and join both ways; the shape stays.
struct C3kImpl : nn::Module {
  Conv cv1{nullptr}, cv2{nullptr}, cv3{nullptr};
  nn::Sequential m;

  explicit C3kImpl(int64_t channels) {
    const auto hidden = channels / 2;
    cv1 = register_module("cv1", Conv(channels, hidden));
    cv2 = register_module("cv2", Conv(channels, hidden));
    cv3 = register_module("cv3", Conv(2 * hidden, channels));
    for (int i = 0; i < 2; i++) m->push_back(Bottleneck(hidden, 1.0));
    register_module("m", m);
  }

  Tensor forward(const Tensor& x) { return cv3(torch::cat({m->forward(cv1(x)), cv2(x)}, 1)); }
};
TORCH_MODULE(C3k);

// Split the channels, refine the second half n times, join every stage: (B, c1, ...) to (B, c2, ...).
struct C3k2Impl : nn::Module {
  Conv cv1{nullptr}, cv2{nullptr};
  nn::ModuleList m;
  std::vector<nn::AnyModule> blocks;  // what m holds, with the types of their calls

  C3k2Impl(int64_t c1, int64_t c2, bool c3k = false, double e = 0.5, int n = 1) {
    const auto hidden = int64_t(c2 * e);
    cv1 = register_module("cv1", Conv(c1, 2 * hidden));
    cv2 = register_module("cv2", Conv((2 + n) * hidden, c2));
    for (int i = 0; i < n; i++) {
      blocks.push_back(c3k ? nn::AnyModule(C3k(hidden)) : nn::AnyModule(Bottleneck(hidden)));
      m->push_back(blocks.back().ptr());
    }
    register_module("m", m);
  }

  Tensor forward(const Tensor& x) {
    auto stages = cv1(x).chunk(2, 1);
    for (auto& block : blocks) stages.push_back(block.forward(stages.back()));
    return cv2(torch::cat(stages, 1));
  }
};
TORCH_MODULE(C3k2);

// Pool three times in a chain and join all four scales; the shape stays.
struct SPPFImpl : nn::Module {
  Conv cv1{nullptr}, cv2{nullptr};
  nn::MaxPool2d m{nullptr};

  explicit SPPFImpl(int64_t channels, int64_t kernel = 5) {
    const auto hidden = channels / 2;
    cv1 = register_module("cv1", Conv(channels, hidden));
    cv2 = register_module("cv2", Conv(4 * hidden, channels));
    kernel = fault("pool_size") ? 3 : kernel;
    m = register_module("m", nn::MaxPool2d(nn::MaxPool2dOptions(kernel).stride(1).padding(kernel / 2)));
  }

  Tensor forward(const Tensor& x) {
    std::vector<Tensor> scales{cv1(x)};
    for (int i = 0; i < 3; i++) {
      scales.push_back(m(fault("pools_detached") ? scales.back().detach() : scales.back()));
    }
    return cv2(torch::cat(scales, 1));
  }
};
TORCH_MODULE(SPPF);

}  // namespace yolo
