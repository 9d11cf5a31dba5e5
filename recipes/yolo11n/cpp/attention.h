// The attention blocks of YOLO11.
#pragma once
#include "blocks.h"

namespace yolo {

// Let every position attend to all others, plus a depthwise positional term; the shape stays.
struct AttentionImpl : nn::Module {
  int64_t heads, head_dim, key_dim;
  double scale;
  Conv qkv{nullptr}, proj{nullptr}, pe{nullptr};

  AttentionImpl(int64_t channels, int64_t heads) : heads(heads), head_dim(channels / heads), key_dim(head_dim / 2) {
    scale = fault("attention_unscaled") ? std::pow(key_dim, -1 / 2) : std::pow(key_dim, -0.5);
    qkv = register_module("qkv", Conv(channels, channels + 2 * heads * key_dim, 1, 1, 1, no_act()));
    proj = register_module("proj", Conv(channels, channels, 1, 1, 1, no_act()));
    pe = register_module("pe", Conv(channels, channels, 3, 1, channels, no_act()));
  }

  Tensor forward(const Tensor& x) {
    const auto b = x.size(0), c = x.size(1), h = x.size(2), w = x.size(3);
    auto parts = qkv(x).view({b, heads, 2 * key_dim + head_dim, h * w}).split({key_dim, key_dim, head_dim}, 2);
    auto q = parts[0], k = parts[1], v = parts[2];
    auto attn = (torch::matmul(q.transpose(-2, -1), k) * scale).softmax(-1);
    if (fault("attention_stopped")) attn = attn.detach();
    auto out = torch::matmul(v, attn.transpose(-2, -1)).reshape({b, c, h, w});
    return proj(out + pe(v.reshape({b, c, h, w})));
  }
};
TORCH_MODULE(Attention);

// Attention, then a feed-forward net, each added to its input; the shape stays.
struct PSABlockImpl : nn::Module {
  Attention attn{nullptr};
  nn::Sequential ffn;

  PSABlockImpl(int64_t channels, int64_t heads) {
    attn = register_module("attn", Attention(channels, heads));
    ffn->push_back(Conv(channels, 2 * channels, 1, 1, 1, fault("activation_relu") ? relu() : silu()));
    ffn->push_back(Conv(2 * channels, channels, 1, 1, 1, no_act()));
    register_module("ffn", ffn);
  }

  Tensor forward(Tensor x) {
    x = fault("attention_residual_forgotten") ? attn->forward(x) : x + attn->forward(x);
    return x + ffn->forward(x);
  }
};
TORCH_MODULE(PSABlock);

// Send one half of the channels through attention, keep the other, join; the shape stays.
struct C2PSAImpl : nn::Module {
  Conv cv1{nullptr}, cv2{nullptr};
  nn::Sequential m;

  explicit C2PSAImpl(int64_t channels, int n = 1) {
    const auto hidden = channels / 2;
    cv1 = register_module("cv1", Conv(channels, 2 * hidden));
    cv2 = register_module("cv2", Conv(2 * hidden, channels));
    for (int i = 0; i < n; i++) m->push_back(PSABlock(hidden, hidden / 64));
    register_module("m", m);
  }

  Tensor forward(const Tensor& x) {
    auto halves = cv1(x).chunk(2, 1);
    auto a = halves[0], b = halves[1];
    return cv2(torch::cat({a, m->forward(b)}, 1));
  }
};
TORCH_MODULE(C2PSA);

}  // namespace yolo
