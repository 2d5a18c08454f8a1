"""Lengths, masks and parametrisations do what PyTorch does with them."""

import torch
from torch import Tensor

from studio import compile
from studio.graph.builder import Net
from studio.graph.project import Project
from studio.graph.spec import LayerSpec

Specs = dict[str, LayerSpec]


def built(project: Project, specs: Specs) -> torch.nn.Module:
    torch.manual_seed(0)
    return compile.build(project, "main", specs, None)


def test_padding_is_not_seen_by_a_recurrent_layer(specs: Specs) -> None:
    net = Net()
    x, lengths = net.input("x", shape=(6, 4)), net.input("lengths", shape=(1,), dtype="int64")
    net.output(net.add("torch.nn.LSTM", name="rnn", hidden_size=5, bidirectional=True,
                       inputs={"x": x, "lengths": lengths}))  # fmt: skip
    module = built(net.project(), specs)
    x_ntf, counts = torch.randn(3, 6, 4), torch.tensor([[6], [2], [4]])
    out = module(x_ntf, counts)
    assert out.shape == (3, 6, 10)
    for sample, count in enumerate(counts.flatten().tolist()):
        alone, _ = module.rnn(x_ntf[sample : sample + 1, :count])
        assert torch.allclose(out[sample, :count], alone[0], atol=1e-6)
        assert not out[sample, count:].any()


def test_weights_of_masked_attention_are_pytorchs(specs: Specs) -> None:
    net = Net()
    x, lengths = net.input("x", shape=(6, 8)), net.input("lengths", shape=(1,), dtype="int64")
    padding = net.add("core.padding_mask", name="padding", inputs={"x": x, "lengths": lengths})
    causal = net.add("core.causal_mask", x, name="causal")
    masks = {"key_padding_mask": padding, "attn_mask": causal}
    attn = net.add("torch.nn.MultiheadAttention", name="attn", inputs={"query": x} | masks)
    net.output(attn)
    module, seen = built(net.project(), specs), {}

    def tap(path: str, port: str, tensor: Tensor) -> Tensor:
        seen[path, port] = tensor
        return tensor

    x_ntf, counts = torch.randn(2, 6, 8), torch.tensor([[6], [3]])
    module.forward_tapped(x_ntf, counts, tap)
    hidden = torch.arange(6) >= counts
    assert torch.equal(seen["padding", "out"], hidden)
    _, wanted = module.attn(x_ntf, x_ntf, x_ntf, key_padding_mask=hidden,
                            attn_mask=torch.ones(6, 6, dtype=torch.bool).triu(1),
                            average_attn_weights=False)  # fmt: skip
    assert torch.allclose(seen["attn", "weights"], wanted, atol=1e-6)


def test_weights_of_plain_attention_mix_the_values_to_its_output(specs: Specs) -> None:
    net = Net()
    query = net.input("query", shape=(4, 6, 8))
    key, value = net.input("key", shape=(2, 6, 8)), net.input("value", shape=(2, 6, 8))
    mask = net.add("core.causal_mask", net.input("steps", shape=(6, 1)), name="mask")
    attn = net.add("core.attention", name="attn", enable_gqa=True, scale=0.5,
                   inputs={"query": query, "key": key, "value": value, "mask": mask})  # fmt: skip
    net.output(attn, name="mixed")
    net.output(attn["weights"], name="shares")
    q, k, v = torch.randn(2, 4, 6, 8), torch.randn(2, 2, 6, 8), torch.randn(2, 2, 6, 8)
    mixed, shares = built(net.project(), specs)(q, k, v, torch.zeros(2, 6, 1))
    assert not shares.triu(1).any()
    assert torch.allclose(shares @ v.repeat_interleave(2, dim=1), mixed, atol=1e-5)


def test_a_parametrisation_stands_in_the_code(specs: Specs) -> None:
    net = Net()
    x = net.add("torch.nn.Linear", net.input(shape=(8,)), name="fc", out_features=4,
                parametrization="weight_norm")  # fmt: skip
    net.output(x)
    project = net.project()
    text = compile.source(project, "main", specs, compile.infer(project, specs, None)).text
    assert "from torch.nn.utils import parametrizations" in text
    assert "self.fc = parametrizations.weight_norm(nn.Linear(8, 4))" in text
    names = set(built(project, specs).state_dict())
    assert "fc.parametrizations.weight.original0" in names


def test_unpooling_puts_maxima_back(specs: Specs) -> None:
    net = Net()
    x = net.input(shape=(1, 4, 4))
    pool = net.add("torch.nn.MaxPool2d", x, name="pool", kernel_size=2)
    net.output(net.add("torch.nn.MaxUnpool2d", name="unpool", kernel_size=2,
                       inputs={"x": pool, "indices": pool["indices"]}))  # fmt: skip
    x_nchw = torch.randperm(16).reshape(1, 1, 4, 4).float() + 1
    out = built(net.project(), specs)(x_nchw)
    assert int((out > 0).sum()) == 4
    assert torch.equal(out[out > 0], x_nchw[out > 0])
