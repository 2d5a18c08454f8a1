"""Weights that several modules have in common, masks, and lists of equal modules."""

import torch
import torch.nn.functional as F
from torch import nn


class Tied(nn.Module):
    """The head's weight is the embedding's, as in most language models."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 8)
        self.head = nn.Linear(8, 20, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, ids):
        return self.head(F.relu(self.embed(ids)))


class Same(nn.Module):
    """Two layers of one kind with the same weights."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.second = nn.Linear(8, 8)
        self.second.weight, self.second.bias = self.first.weight, self.first.bias

    def forward(self, x):
        return self.second(F.relu(self.first(x)))


class Feed(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner
        self.norm = nn.LayerNorm(8)

    def forward(self, x):
        return self.norm(x + self.inner(x))


class Stack(nn.Module):
    """A list of equal modules, and one after which the list is used otherwise."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(*[Feed(nn.Linear(8, 8)) for _ in range(4)])
        self.apart = nn.ModuleList([Feed(nn.Linear(8, 8)) for _ in range(2)])

    def forward(self, x):
        x = self.layers(x)
        return self.apart[1](self.apart[0](x)) + self.apart[0](x)


class Masked(nn.Module):
    """A causal mask of numbers, and a mask of what is padding."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(9, 8)
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.register_buffer("mask", torch.triu(torch.full((6, 6), float("-inf")), 1))

    def forward(self, ids):
        x = self.encoder(self.embed(ids), mask=self.mask)
        return self.attention(x, x, x, key_padding_mask=ids == 9)[0]
