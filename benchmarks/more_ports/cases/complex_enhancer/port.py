"""The enhancer without complex numbers between layers: the last axis holds real and imaginary parts."""

import torch
import torch.nn.functional as F
from torch import nn

FAULT = "none"


class PairConv2d(nn.Module):
    def __init__(self, c_in, c_out, kernel, stride, padding):
        super().__init__()
        self.real = nn.Conv2d(c_in, c_out, kernel, stride, padding)
        self.imag = nn.Conv2d(c_in, c_out, kernel, stride, padding)

    def forward(self, x):
        re, im = x[..., 0], x[..., 1]
        rr, ri = self.real(re), self.real(im)
        ir, ii = self.imag(re), self.imag(im)
        if FAULT == "sign":
            return torch.stack((rr + ii, ri + ir), -1)
        return torch.stack((rr - ii, ri + ir), -1)


class PairNorm(nn.Module):
    def __init__(self, c, eps=1e-5):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(c))
        self.eps = eps

    def forward(self, x):
        x = x - x.mean((2, 3), keepdim=True)
        if FAULT == "two":
            power = x.square().mean((2, 3, 4), keepdim=True)
        else:
            power = x.square().sum(-1, keepdim=True).mean((2, 3), keepdim=True)
        return x / (power + self.eps).sqrt() * self.weight.view(-1, 1, 1, 1)


class PairReLU(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.bias = nn.Parameter(torch.full((c, 1, 1), -0.1))

    def forward(self, x):
        size = x.square().sum(-1).sqrt()
        return x * (F.relu(size + self.bias) / size)[..., None]


class Down(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.conv = PairConv2d(c_in, c_out, 3, (2, 1), 1)
        self.norm = PairNorm(c_out)
        self.act = PairReLU(c_out)

    def forward(self, x):
        return self.act(self.norm(self.conv(x)))


class Up(nn.Module):
    def __init__(self, c_in, c_out, plain=False):
        super().__init__()
        self.conv = PairConv2d(c_in, c_out, 3, 1, 1)
        self.plain = plain
        if not plain:
            self.norm = PairNorm(c_out)
            self.act = PairReLU(c_out)

    def forward(self, x, skip):
        x = x.repeat_interleave(2, dim=2)[:, :, : skip.shape[2]]
        x = self.conv(torch.cat((x, skip), dim=1))
        if self.plain:
            return x
        return self.act(self.norm(x))


class Enhancer(nn.Module):
    def __init__(self, width=6):
        super().__init__()
        self.enc1 = Down(1, width)
        self.enc2 = Down(width, 2 * width)
        self.dec2 = Up(3 * width, width)
        self.dec1 = Up(width + 1, 1, plain=True)

    def forward(self, pairs):
        a = self.enc1(pairs)
        b = self.enc2(a)
        mask = self.dec1(self.dec2(b, a), pairs)
        size = mask.square().sum(-1, keepdim=True).sqrt()
        mask = mask / size * torch.tanh(size)
        return torch.view_as_complex(pairs) * torch.view_as_complex(mask)


def spectrum(wave):
    return torch.stft(wave, 32, 16, window=torch.hann_window(32), return_complex=True)


def scale_invariant(est, ref, eps=1e-8):
    if FAULT != "two":
        est, ref = est - est.mean(-1, keepdim=True), ref - ref.mean(-1, keepdim=True)
    dot = (est * ref).sum(-1, keepdim=True)
    energy = (ref * ref).sum(-1, keepdim=True)
    signal = dot / (energy + eps) * ref
    noise = est - signal
    return 10 * (signal.square().sum(-1) / (noise.square().sum(-1) + eps) + eps).log10()


def build(seed=0, fault="none"):
    global FAULT
    FAULT = fault
    torch.manual_seed(seed)
    net = Enhancer()
    g = torch.Generator().manual_seed(2)
    time = torch.arange(256) / 256
    clean = torch.stack([torch.sin(40 * time), 0.3 + torch.sin(70 * time + 1)])
    batch = {"noisy": clean + 0.3 * torch.randn(2, 256, generator=g), "clean": clean}

    def step(batch):
        noisy = torch.view_as_real(spectrum(batch["noisy"])[:, None])
        spec = net(noisy)[:, 0]
        wave = torch.istft(spec, 32, 16, window=torch.hann_window(32), length=256)
        spec_loss = (spec - spectrum(batch["clean"])).abs().mean()
        return {"snr_loss": -scale_invariant(wave, batch["clean"]).mean(), "spec_loss": spec_loss}

    return {"modules": {"net": net}, "batch": batch, "step": step}
