"""A small Mixtral: grouped queries, rotary positions, sparse experts."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class Config:
    vocab_size: int = 53
    hidden_size: int = 32
    intermediate_size: int = 40
    num_hidden_layers: int = 2
    num_attention_heads: int = 4
    num_key_value_heads: int = 2
    num_local_experts: int = 4
    num_experts_per_tok: int = 2
    rms_norm_eps: float = 1e-5
    rope_theta: float = 10000.0

    @property
    def head_dim(self):
        return self.hidden_size // self.num_attention_heads


class RMSNorm(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(config.hidden_size))
        self.variance_epsilon = config.rms_norm_eps

    def forward(self, hidden_states):
        variance = hidden_states.pow(2).mean(-1, keepdim=True)
        return self.weight * (hidden_states * torch.rsqrt(variance + self.variance_epsilon))


class RotaryEmbedding(nn.Module):
    def __init__(self, config):
        super().__init__()
        inv_freq = 1.0 / config.rope_theta ** (torch.arange(0, config.head_dim, 2).float() / config.head_dim)
        self.register_buffer("inv_freq", inv_freq, persistent=False)

    def forward(self, position_ids):
        freqs = position_ids[:, :, None].float() * self.inv_freq
        emb = torch.cat((freqs, freqs), -1)
        return emb.cos(), emb.sin()


def rotate_half(x):
    x1, x2 = x.chunk(2, -1)
    return torch.cat((-x2, x1), -1)


def apply_rotary_pos_emb(q, k, cos, sin):
    cos, sin = cos.unsqueeze(1), sin.unsqueeze(1)
    return q * cos + rotate_half(q) * sin, k * cos + rotate_half(k) * sin


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        d = config.head_dim
        self.q_proj = nn.Linear(config.hidden_size, config.num_attention_heads * d, bias=False)
        self.k_proj = nn.Linear(config.hidden_size, config.num_key_value_heads * d, bias=False)
        self.v_proj = nn.Linear(config.hidden_size, config.num_key_value_heads * d, bias=False)
        self.o_proj = nn.Linear(config.num_attention_heads * d, config.hidden_size, bias=False)

    def forward(self, hidden_states, position_embeddings, attention_mask=None):
        b, t, _ = hidden_states.shape
        d = self.config.head_dim
        query = self.q_proj(hidden_states).view(b, t, -1, d).transpose(1, 2)
        key = self.k_proj(hidden_states).view(b, t, -1, d).transpose(1, 2)
        value = self.v_proj(hidden_states).view(b, t, -1, d).transpose(1, 2)
        cos, sin = position_embeddings
        query, key = apply_rotary_pos_emb(query, key, cos, sin)
        groups = self.config.num_attention_heads // self.config.num_key_value_heads
        key = key.repeat_interleave(groups, dim=1)
        value = value.repeat_interleave(groups, dim=1)
        weights = query @ key.transpose(2, 3) * d**-0.5 + attention_mask
        out = weights.softmax(-1) @ value
        return self.o_proj(out.transpose(1, 2).reshape(b, t, -1))


class Expert(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.w1 = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.w2 = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)
        self.w3 = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)

    def forward(self, x):
        return self.w2(F.silu(self.w1(x)) * self.w3(x))


class SparseMoe(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.top_k = config.num_experts_per_tok
        self.gate = nn.Linear(config.hidden_size, config.num_local_experts, bias=False)
        self.experts = nn.ModuleList(Expert(config) for _ in range(config.num_local_experts))

    def forward(self, hidden_states):
        flat = hidden_states.view(-1, hidden_states.shape[-1])
        router_logits = self.gate(flat)
        weights, selected = torch.topk(router_logits.softmax(-1), self.top_k, dim=-1)
        weights = weights / weights.sum(-1, keepdim=True)
        final = torch.zeros_like(flat)
        for index, expert in enumerate(self.experts):
            token, place = torch.where(selected == index)
            final.index_add_(0, token, expert(flat[token]) * weights[token, place, None])
        return final.view_as(hidden_states), router_logits


class DecoderLayer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.self_attn = Attention(config)
        self.block_sparse_moe = SparseMoe(config)
        self.input_layernorm = RMSNorm(config)
        self.post_attention_layernorm = RMSNorm(config)

    def forward(self, hidden_states, position_embeddings, attention_mask):
        hidden_states = hidden_states + self.self_attn(
            self.input_layernorm(hidden_states), position_embeddings=position_embeddings, attention_mask=attention_mask
        )
        update, router_logits = self.block_sparse_moe(self.post_attention_layernorm(hidden_states))
        return hidden_states + update, router_logits


class Model(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.rotary_emb = RotaryEmbedding(config)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.num_hidden_layers))
        self.norm = RMSNorm(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def forward(self, input_ids):
        b, t = input_ids.shape
        hidden_states = self.embed_tokens(input_ids)
        position_embeddings = self.rotary_emb(torch.arange(t).expand(b, t))
        mask = torch.full((t, t), torch.finfo(torch.float32).min).triu(1)
        routers = []
        for layer in self.layers:
            hidden_states, router_logits = layer(hidden_states, position_embeddings, mask)
            routers.append(router_logits)
        return self.lm_head(self.norm(hidden_states)), tuple(routers)


def load_balancing_loss(routers, count, top_k):
    logits = torch.cat(routers)
    probs = logits.softmax(-1)
    chosen = F.one_hot(probs.topk(top_k, dim=-1).indices, count).float()
    return (chosen.mean(0) * probs.mean(0)).sum() * count


def build(seed=0):
    torch.manual_seed(seed)
    config = Config()
    model = Model(config)
    ids = torch.randint(0, 53, (2, 13), generator=torch.Generator().manual_seed(3))

    def step(batch):
        logits, routers = model(batch["ids"][:, :-1])
        lm_loss = F.cross_entropy(logits.reshape(-1, config.vocab_size), batch["ids"][:, 1:].reshape(-1))
        return {"lm_loss": lm_loss, "aux_loss": load_balancing_loss(routers, config.num_local_experts, config.num_experts_per_tok)}

    return {"modules": {"model": model}, "batch": {"ids": ids}, "step": step}
