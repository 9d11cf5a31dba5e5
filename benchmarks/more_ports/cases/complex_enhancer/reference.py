"""A small complex U-Net that enhances speech: its layers hand on complex tensors."""

import torch
import torch.nn.functional as F
from torch import nn


class ComplexConv2d(nn.Module):
    def __init__(self, inputs, outputs, kernel, stride, padding):
        super().__init__()
        self.conv_re = nn.Conv2d(inputs, outputs, kernel, stride, padding)
        self.conv_im = nn.Conv2d(inputs, outputs, kernel, stride, padding)

    def forward(self, x):
        real = self.conv_re(x.real) - self.conv_im(x.imag)
        imag = self.conv_re(x.imag) + self.conv_im(x.real)
        return torch.complex(real, imag)


class ComplexNorm(nn.Module):
    def __init__(self, channels, eps=1e-5):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.eps = eps

    def forward(self, x):
        x = x - x.mean((2, 3), keepdim=True)
        power = (x.real**2 + x.imag**2).mean((2, 3), keepdim=True)
        return x * torch.rsqrt(power + self.eps) * self.weight[:, None, None]


class ModReLU(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.bias = nn.Parameter(torch.full((channels, 1, 1), -0.1))

    def forward(self, x):
        magnitude = x.abs()
        return torch.polar(F.relu(magnitude + self.bias), x.angle())


class Encoder(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = ComplexConv2d(inputs, outputs, 3, (2, 1), 1)
        self.norm = ComplexNorm(outputs)
        self.act = ModReLU(outputs)

    def forward(self, x):
        return self.act(self.norm(self.conv(x)))


class Decoder(nn.Module):
    def __init__(self, inputs, outputs, last=False):
        super().__init__()
        self.conv = ComplexConv2d(inputs, outputs, 3, 1, 1)
        self.last = last
        if not last:
            self.norm = ComplexNorm(outputs)
            self.act = ModReLU(outputs)

    def forward(self, x, skip, rows):
        x = x.repeat_interleave(2, dim=2)[:, :, :rows]
        x = self.conv(torch.cat((x, skip), 1))
        return x if self.last else self.act(self.norm(x))


class Enhancer(nn.Module):
    def __init__(self, width=6):
        super().__init__()
        self.register_buffer("window", torch.hann_window(32))
        self.enc1 = Encoder(1, width)
        self.enc2 = Encoder(width, 2 * width)
        self.dec2 = Decoder(3 * width, width)
        self.dec1 = Decoder(width + 1, 1, last=True)

    def forward(self, wave):
        spec = torch.stft(wave, 32, 16, window=self.window, return_complex=True).unsqueeze(1)
        x1 = self.enc1(spec)
        x2 = self.enc2(x1)
        y = self.dec2(x2, x1, x1.shape[2])
        mask = self.dec1(y, spec, spec.shape[2])
        mask = torch.polar(torch.tanh(mask.abs()), mask.angle())
        out = (spec * mask).squeeze(1)
        return torch.istft(out, 32, 16, window=self.window, length=wave.shape[1]), out


def si_snr(estimate, target, eps=1e-8):
    estimate = estimate - estimate.mean(-1, keepdim=True)
    target = target - target.mean(-1, keepdim=True)
    along = (estimate * target).sum(-1, keepdim=True) * target / (target.pow(2).sum(-1, keepdim=True) + eps)
    noise = estimate - along
    return 10 * torch.log10(along.pow(2).sum(-1) / (noise.pow(2).sum(-1) + eps) + eps)


def build(seed=0):
    torch.manual_seed(seed)
    net = Enhancer()
    g = torch.Generator().manual_seed(2)
    time = torch.arange(256) / 256
    clean = torch.stack([torch.sin(40 * time), 0.3 + torch.sin(70 * time + 1)])
    batch = {"noisy": clean + 0.3 * torch.randn(2, 256, generator=g), "clean": clean}

    def step(batch):
        wave, spec = net(batch["noisy"])
        goal = torch.stft(batch["clean"], 32, 16, window=net.window, return_complex=True)
        return {"snr_loss": -si_snr(wave, batch["clean"]).mean(), "spec_loss": (spec - goal).abs().mean()}

    return {"modules": {"net": net}, "batch": batch, "step": step}
