"""An Inception block: four branches, joined."""

import torch
import torch.nn.functional as F
from torch import nn


class BasicConv2d(nn.Module):
    def __init__(self, inside, outside, **kwargs):
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, bias=False, **kwargs)
        self.bn = nn.BatchNorm2d(outside, eps=0.001)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)), inplace=True)


class InceptionBlock(nn.Module):
    def __init__(self, inside=8):
        super().__init__()
        self.branch1 = BasicConv2d(inside, 4, kernel_size=1)
        self.branch2 = nn.Sequential(
            BasicConv2d(inside, 4, kernel_size=1), BasicConv2d(4, 6, kernel_size=3, padding=1)
        )
        self.branch3 = nn.Sequential(
            BasicConv2d(inside, 4, kernel_size=1), BasicConv2d(4, 6, kernel_size=5, padding=2)
        )
        self.branch4_pool = BasicConv2d(inside, 5, kernel_size=1)

    def forward(self, x):
        pooled = F.avg_pool2d(x, kernel_size=3, stride=1, padding=1)
        branches = [self.branch1(x), self.branch2(x), self.branch3(x), self.branch4_pool(pooled)]
        return torch.cat(branches, 1)
