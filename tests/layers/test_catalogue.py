"""The catalogue: what it holds, and what it reads off PyTorch."""

import inspect

import msgspec
import pytest
from torch import nn

from studio import layers
from studio.graph.graph import PYTHON
from studio.graph.spec import CATEGORIES, LayerSpec
from studio.layers import docstrings

SPECS = layers.builtin()


def test_catalogue_holds_every_layer_of_torch_nn() -> None:
    kinds = {kind for kind in SPECS if kind.startswith("torch.nn.")}
    wanted = {
        f"torch.nn.{name}"
        for name, value in vars(nn).items()
        if inspect.isclass(value)
        and issubclass(value, nn.Module)
        and value.__module__.rsplit(".", 1)[-1]
        in (
            "conv",
            "pooling",
            "activation",
            "linear",
            "dropout",
            "padding",
            "upsampling",
            "fold",
            "loss",
        )
        and not name.startswith("Lazy")
        and name != "NLLLoss2d"
    }
    assert wanted <= kinds
    assert len(SPECS) >= 300


def test_no_bases_containers_or_lazy_twins() -> None:
    names = {kind.rsplit(".", 1)[-1] for kind in SPECS}
    assert not any(name.startswith("Lazy") for name in names)
    assert not names & {"Module", "Sequential", "ModuleList", "RNNBase", "DataParallel"}


def test_every_category_has_layers() -> None:
    assert {spec.category for spec in SPECS.values()} == set(CATEGORIES)


def test_conv2d_is_read_off_its_signature() -> None:
    spec = SPECS["torch.nn.Conv2d"]
    assert [p.name for p in spec.params] == [
        "in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups",
        "bias", "padding_mode", "parametrization",
    ]  # fmt: skip
    kernel, mode = spec.param("kernel_size"), spec.param("padding_mode")
    assert kernel is not None
    assert kernel.size == 2
    assert kernel.minimum == 1
    assert mode is not None
    assert mode.choices == ("zeros", "reflect", "replicate", "circular")
    channels = spec.param("in_channels")
    assert channels is not None
    assert channels.inferred
    assert channels.reads == "x[1]"
    assert channels.help == "Number of channels in the input image."
    assert spec.doc.startswith("Applies a 2D convolution")
    assert spec.inputs[0].ranks == (4,)


def test_padding_takes_numbers_and_words() -> None:
    padding = SPECS["torch.nn.Conv2d"].param("padding")
    assert padding is not None
    assert [padding.check(value) for value in (1, (1, 2), "same")] == [1, (1, 2), "same"]
    assert [padding.parse(text) for text in ("2", "1×2", "same")] == [2, (1, 2), "same"]


def test_shapes_take_any_number_of_sizes() -> None:
    shape = SPECS["core.reshape"].param("shape")
    assert shape is not None
    assert [shape.check(value) for value in (8, (1, 8, 8), [4, -1])] == [(8,), (1, 8, 8), (4, -1)]
    assert shape.parse("1×8×8") == (1, 8, 8)


def test_recurrent_layers_show_what_hides_behind_args() -> None:
    spec = SPECS["torch.nn.LSTM"]
    assert {"hidden_size", "num_layers", "bidirectional", "proj_size"} <= {
        p.name for p in spec.params
    }
    assert [port.name for port in spec.outputs] == ["out", "hn", "cn"]
    assert [port.optional for port in spec.inputs] == [False, True, True, True]
    first = spec.param("batch_first")
    assert first is not None
    assert first.default is True


def test_attention_has_a_port_for_its_weights() -> None:
    spec = SPECS["torch.nn.MultiheadAttention"]
    assert [port.name for port in spec.inputs] == [
        "query", "key", "value", "key_padding_mask", "attn_mask",
    ]  # fmt: skip
    assert [port.name for port in spec.outputs] == ["out", "weights"]


def test_nothing_changes_in_place_and_devices_are_not_options() -> None:
    names = {param.name for spec in SPECS.values() for param in spec.params}
    assert not names & {"inplace", "device", "dtype_", "return_indices"}
    modules = [s for kind, s in SPECS.items() if kind.startswith("torch.nn.")]
    assert not any(param.name == "dtype" for spec in modules for param in spec.params)


@pytest.mark.parametrize("kind", sorted(SPECS))
def test_every_default_is_a_value_that_its_parameter_takes(kind: str) -> None:
    for param in SPECS[kind].params:
        assert not param.required
        assert param.check(param.default) == param.default


def test_specs_travel() -> None:
    data = msgspec.msgpack.encode(SPECS)
    again = msgspec.msgpack.decode(data, type=dict[str, LayerSpec])
    assert again["torch.nn.Conv2d"].title == "Conv2d"
    assert len(data) < 400_000


def test_formulas_are_plain_text() -> None:
    assert docstrings.formula(nn.Sigmoid.__doc__ or "") == ("Sigmoid(x) = σ(x) = 1 / (1 + exp(-x))")
    assert SPECS["torch.nn.Linear"].formula == "y_o = Σ_i w_(o,i) · x_i + b_o"
    assert docstrings.formula(r".. math::\n    \begin{cases} x \end{cases}") == ""


def test_first_sentence_leaves_marks_out() -> None:
    text = "Applies :math:`x` to ``y``. And more.\n\n    Args:\n        a: b"
    assert docstrings.first_sentence(text) == "Applies x to y."


@pytest.mark.parametrize("kind", sorted(set(SPECS) - {PYTHON}))  # its words are the person's
def test_every_parameter_has_a_line_of_help(kind: str) -> None:
    for param in SPECS[kind].params:
        assert param.help.endswith("."), param.name
        assert len(param.help) < 250, param.name
