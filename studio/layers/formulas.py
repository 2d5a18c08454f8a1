"""What common layers compute, in one line each; `_` and `^` begin what stands below and above.

PyTorch's own formulas are set for a page of LaTeX: these are the same mathematics, for a panel. `s` is the
stride; padding and dilation are left out.
"""

from __future__ import annotations

from collections.abc import Mapping

_NORM = "y = γ · (x − mean) / √(variance + ε) + β"

FORMULAS: Mapping[str, str] = {
    "AvgPool1d": "y_(c,i) = mean_u x_(c, s·i+u)",
    "AvgPool2d": "y_(c,i,j) = mean_(u,v) x_(c, s·i+u, s·j+v)",
    "AvgPool3d": "y_(c,i,j,k) = mean_(u,v,w) x_(c, s·i+u, s·j+v, s·k+w)",
    "BatchNorm1d": _NORM + ",  over the batch",
    "BatchNorm2d": _NORM + ",  over the batch and the map",
    "BatchNorm3d": _NORM + ",  over the batch and the volume",
    "CELU": "y = max(0, x) + min(0, α · (e^(x/α) − 1))",
    "Conv1d": "y_(o,i) = Σ_(c,u) w_(o,c,u) · x_(c, s·i+u) + b_o",
    "Conv2d": "y_(o,i,j) = Σ_(c,u,v) w_(o,c,u,v) · x_(c, s·i+u, s·j+v) + b_o",
    "Conv3d": "y_(o,i,j,k) = Σ_(c,u,v,w) w_(o,c,u,v,w) · x_(c, s·i+u, s·j+v, s·k+w) + b_o",
    "ConvTranspose1d": "y_(o, s·i+u) += w_(c,o,u) · x_(c,i)",
    "ConvTranspose2d": "y_(o, s·i+u, s·j+v) += w_(c,o,u,v) · x_(c,i,j)",
    "ConvTranspose3d": "y_(o, s·i+u, s·j+v, s·k+w) += w_(c,o,u,v,w) · x_(c,i,j,k)",
    "Dropout": "y = x · m / (1 − p),  m = 0 with chance p, else 1",
    "ELU": "y = x for x > 0, else α · (e^x − 1)",
    "Embedding": "y = W_x,  row x of the table",
    "Flatten": "y_(i·W+j) = x_(i,j)",
    "GELU": "y = x · Φ(x)",
    "GRU": "h = (1 − z) ⊙ n + z ⊙ h'",
    "GroupNorm": _NORM + ",  over each group",
    "InstanceNorm1d": _NORM + ",  over each series",
    "InstanceNorm2d": _NORM + ",  over each map",
    "InstanceNorm3d": _NORM + ",  over each volume",
    "LeakyReLU": "y = x for x > 0, else a · x",
    "LogSigmoid": "y = −log(1 + e^(−x))",
    "LogSoftmax": "y_i = x_i − log Σ_j exp(x_j)",
    "Linear": "y_o = Σ_i w_(o,i) · x_i + b_o",
    "MaxPool1d": "y_(c,i) = max_u x_(c, s·i+u)",
    "MaxPool2d": "y_(c,i,j) = max_(u,v) x_(c, s·i+u, s·j+v)",
    "MaxPool3d": "y_(c,i,j,k) = max_(u,v,w) x_(c, s·i+u, s·j+v, s·k+w)",
    "Mish": "y = x · tanh(log(1 + e^x))",
    "PReLU": "y = max(0, x) + a · min(0, x)",
    "RMSNorm": "y = γ · x / √(mean x^2 + ε)",
    "RNN": "h_t = tanh(W_x x_t + b_x + W_h h_(t−1) + b_h)",
    "ReLU": "y = max(0, x)",
    "ReLU6": "y = min(max(0, x), 6)",
    "SELU": "y = 1.0507 · (max(0, x) + min(0, 1.6733 · (e^x − 1)))",
    "SiLU": "y = x · σ(x)",
    "Sigmoid": "y = 1 / (1 + e^(−x))",
    "Softmax": "y_i = exp(x_i) / Σ_j exp(x_j)",
    "Softmin": "y_i = exp(−x_i) / Σ_j exp(−x_j)",
    "Softplus": "y = log(1 + e^(β·x)) / β",
    "Softsign": "y = x / (1 + |x|)",
    "Tanh": "y = (e^x − e^(−x)) / (e^x + e^(−x))",
}
