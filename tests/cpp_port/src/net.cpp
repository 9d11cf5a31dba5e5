#include "spans/net.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/nn/functional/activation.h>
#include <torch/nn/functional/dropout.h>
#include <torch/nn/init.h>

namespace spans {

namespace F = torch::nn::functional;

namespace {
std::string fault_;

// 1.5 tanh(x), with the backward pass written down.
struct ScaledTanh : torch::autograd::Function<ScaledTanh> {
  static Tensor forward(torch::autograd::AutogradContext* ctx, const Tensor& x, double scale) {
    auto y = torch::tanh(x);
    ctx->save_for_backward({y});
    ctx->saved_data["scale"] = scale;
    return scale * y;
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    auto y = ctx->get_saved_variables()[0];
    auto slope = is("backward_of_tanh") ? 1 - y : 1 - y * y;
    return {grads[0] * slope * ctx->saved_data["scale"].toDouble(), Tensor()};
  }
};
}  // namespace

bool is(const char* fault) { return fault_ == fault; }
void switch_on(const std::string& fault) { fault_ = fault; }

EncoderImpl::EncoderImpl(int64_t in, int64_t width)
    : conv_(nn::Conv1dOptions(in, width, 3).padding(1)),
      norm_(nn::BatchNorm1dOptions(width).momentum(is("momentum_of_norm") ? 0.9 : 0.1)),
      drop_(is("dropout_rate") ? 0.5 : 0.1) {
  register_module("conv", conv_);
  register_module("norm", norm_);
  register_module("drop", drop_);
}

Tensor EncoderImpl::forward(const Tensor& x, const std::optional<Tensor>& mask) {
  BISECT_FORWARD(x, mask);
  auto y = norm_(conv_(x));
  y = F::gelu(y, F::GELUFuncOptions().approximate(is("gelu_by_tanh") ? "tanh" : "none"));
  if (mask && !is("mask_ignored")) y = y * mask->unsqueeze(1);
  return drop_(y);
}

SmoothImpl::SmoothImpl(int64_t width) : conv_(nn::Conv1dOptions(width, width, 5).padding(2).groups(width).bias(false)) {
  register_module("conv", conv_);
}

Tensor SmoothImpl::forward(Tensor x) {
  BISECT_FORWARD(x);
  return F::silu(conv_->forward(x));
}

MixerImpl::MixerImpl(int64_t width) { weight_ = register_parameter("weight", torch::full({width}, 0.5)); }

Tensor MixerImpl::forward(const Tensor& x, const Tensor& skip) {
  BISECT_FORWARD(x, skip);
  auto other = is("skip_detached") ? skip.detach() : skip;
  return weight_.unsqueeze(-1) * x + other;
}

Tensor SquashImpl::forward(const Tensor& x) { return ScaledTanh::apply(x, 1.5); }

HeadImpl::HeadImpl(int64_t width)
    : trunk_(nn::LayerNorm(nn::LayerNormOptions({width}).eps(is("eps_of_norm") ? 1e-2 : 1e-5)), nn::Linear(width, 2 * width),
             nn::ReLU(), nn::Dropout(0.1), nn::Linear(2 * width, width)),
      start_(width, 1),
      end_(width, 1) {
  register_module("trunk", trunk_);
  register_module("start", start_);
  register_module("end", end_);
  for (auto& last : {start_, end_}) nn::init::normal_(last->weight, 0, is("weights_too_wide") ? 2 : 0.02);
  if (is("bias_lost")) start_->bias = torch::full({1}, -2.0);
  else nn::init::constant_(start_->bias, -2.0);
}

std::map<std::string, Tensor> HeadImpl::forward(const Tensor& x) {
  BISECT_FORWARD(x);
  auto y = trunk_->forward(x.transpose(1, 2));
  auto start = start_(y).squeeze(-1), end = end_(y).squeeze(-1);
  if (is("map_swapped")) std::swap(start, end);
  return {{"start", start}, {"end", end}};
}

NetImpl::NetImpl(int64_t in, int64_t width)
    : encoder_(std::make_shared<EncoderImpl>(in, width)),
      smooth_(std::make_shared<SmoothImpl>(width)),
      mixer_(std::make_shared<MixerImpl>(width)),
      squash_(SquashImpl()),
      head_(std::make_shared<HeadImpl>(width)) {
  register_module("encoder", encoder_);
  register_module("smooth", smooth_);
  register_module("mixer", mixer_.ptr());
  register_module("squash", squash_.ptr());
  register_module("head", head_);
}

Spans NetImpl::forward(const Tensor& x, const std::optional<Tensor>& mask) {
  BISECT_FORWARD(x, mask);
  auto first = encoder_->forward(x, mask);
  auto once = smooth_->forward(first);
  auto twice = smooth_->forward(is("smoothed_once") ? first : once);
  auto mixed = is("arguments_swapped") ? mixer_.forward(first, twice) : mixer_.forward(twice, first);
  auto hidden = squash_.forward(mixed);
  return {hidden, head_->forward(hidden)};
}

}  // namespace spans
