"""Attention maps beside the layer: what the generated code calls, as the source that enters it.

The layer itself runs PyTorch's fused attention, which returns no weights. The map is computed again
from query and key, so that the layer's output is the same to the bit whether anyone looks or not.
"""

from __future__ import annotations

#: Weights `[batch, heads, queries, keys]` of a `torch.nn.MultiheadAttention`.
ATTENTION_WEIGHTS = '''\
def attention_weights(attention, query, key, key_padding_mask=None, attn_mask=None):
    """Return who looks at whom in `attention`: [batch, heads, queries, keys], rows sum to 1."""
    if attention.in_proj_weight is not None:
        to_query, to_key, _ = attention.in_proj_weight.chunk(3)
    else:
        to_query, to_key = attention.q_proj_weight, attention.k_proj_weight
    bias_query = bias_key = None
    if attention.in_proj_bias is not None:
        bias_query, bias_key, _ = attention.in_proj_bias.chunk(3)
    heads = (attention.num_heads, attention.head_dim)
    q = F.linear(query, to_query, bias_query).unflatten(-1, heads).transpose(1, 2)
    k = F.linear(key, to_key, bias_key).unflatten(-1, heads).transpose(1, 2)
    scores = q @ k.transpose(-2, -1) / attention.head_dim**0.5
    if key_padding_mask is not None:
        scores = scores.masked_fill(key_padding_mask[:, None, None, :], float("-inf"))
    if attn_mask is not None:
        scores = scores.masked_fill(attn_mask, float("-inf"))
    return torch.softmax(scores, dim=-1)
'''

#: Weights of plain scaled dot-product attention, `[…, queries, keys]`.
DOT_PRODUCT_WEIGHTS = '''\
def dot_product_weights(query, key, is_causal=False, mask=None, scale=None, enable_gqa=False):
    """Return softmax(Q Kᵀ · scale), [..., queries, keys]; nobody sees what is masked, or later."""
    if enable_gqa:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], dim=-3)
    scores = query @ key.transpose(-2, -1) * (query.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        later = torch.ones_like(scores, dtype=torch.bool).triu(1)
        scores = scores.masked_fill(later, float("-inf"))
    if mask is not None:
        scores = scores.masked_fill(mask, float("-inf"))
    return torch.softmax(scores, dim=-1)
'''
