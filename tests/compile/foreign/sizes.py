"""Modules of one class that differ in nothing but sizes, one of them within another."""

import torch
from torch import Tensor, nn


class ConvUnit(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.bn(self.conv(x)))


class Stage(nn.Module):
    def __init__(self, inputs: int, outputs: int, p: float) -> None:
        super().__init__()
        self.down = ConvUnit(inputs, outputs, 2)
        self.same = ConvUnit(outputs, outputs, 1)
        self.drop = nn.Dropout(p)

    def forward(self, x: Tensor) -> Tensor:
        x = self.down(x)
        return self.drop(x + self.same(x))


class Sizes(nn.Module):
    """Three stages of growing width, and one whose graph is another."""

    def __init__(self) -> None:
        super().__init__()
        self.stage1 = Stage(3, 8, 0.1)
        self.stage2 = Stage(8, 16, 0.2)
        self.stage3 = Stage(16, 24, 0.2)
        self.mlp1 = nn.Sequential(nn.Linear(24, 12), nn.ReLU())
        self.mlp2 = nn.Sequential(nn.Linear(12, 6))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stage3(self.stage2(self.stage1(x)))
        return self.mlp2(self.mlp1(x.mean((2, 3))))
