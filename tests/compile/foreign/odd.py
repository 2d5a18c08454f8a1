"""What importers stumble over: weights used directly, names in lists, modules called again."""

import torch
import torch.nn.functional as F
from torch import nn


class Scale(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(width))
        self.register_buffer("shift", torch.full((width,), 0.5))

    def forward(self, x):
        return x * self.gain + self.shift


class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(5, 8) * 0.1)
        self.heads = nn.ModuleDict({"left": nn.Linear(5, 3), "right": nn.Linear(5, 3)})
        self.scales = nn.ModuleList([Scale(5), Scale(5)])
        self.unused = nn.Identity()

    def forward(self, x):
        x = F.linear(x, self.weight)
        before = x
        for scale in self.scales:
            x = F.relu_(scale(x)) - 0.25
        x = (x + before) / 2
        left, right = self.heads["left"](x), self.heads["right"](x)
        a, b, c = torch.cat([left, right], dim=-1).chunk(3, dim=-1)
        largest, _ = a.max(dim=1)
        return {"sum": 1 - (a * b + c).mean(dim=1), "max": largest}


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 8)
        self.act = nn.Tanh()

    def forward(self, x):
        return self.fc(self.act(self.fc(x)))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(12, 3, 20, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.attend = nn.MultiheadAttention(12, 2, batch_first=True)

    def forward(self, x):
        x = self.encoder(x)
        seen, _ = self.attend(x, x, x)
        return seen[:, -1]


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.both = nn.Bilinear(4, 4, 3)

    def forward(self, one, other):
        return torch.softmax(self.both(one, other), dim=1)
