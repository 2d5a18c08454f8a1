"""Dimensions with names go through every layer as PyTorch would have it, whatever number they are."""

from __future__ import annotations

import pytest
import torch
from msgspec.structs import replace
from networks import chain, linear
from torch import Tensor

from studio import compile
from studio.compile.symbols import SAMPLES, expression, names_in, worth
from studio.graph.builder import Net
from studio.graph.edits import Batch, SetParams
from studio.graph.facts import DataFacts, NetworkFacts, TensorType
from studio.graph.params import Param, ParamError
from studio.graph.project import Project
from studio.graph.spec import LayerSpec

Specs = dict[str, LayerSpec]


def sequence(steps: int = 30, features: int = 6) -> DataFacts:
    return DataFacts(
        title="Signals", train=9, validation=3, test=0, sample=TensorType((steps, features)),
        form="sequence", task="classification", classes=("a", "b"),
    )  # fmt: skip


def drawn(shape: tuple[object, ...], *layers: tuple[str, dict[str, object]]) -> Project:
    net = Net()
    x = net.input(shape=shape)
    for number, (kind, params) in enumerate(layers):
        x = net.add(kind, x, name=f"l{number}", **params)
    net.output(x)
    return net.project()


def facts(project: Project, specs: Specs, data: DataFacts | None = None) -> NetworkFacts:
    return compile.infer(project, specs, data).networks["main"]


#: A shape with names, layers, and what comes out.
CASES: dict[str, tuple[tuple[object, ...], list[tuple[str, dict[str, object]]], str]] = {
    "conv": ((6, "T"), [("torch.nn.Conv1d", {"out_channels": 4, "kernel_size": 3})], "N×4×(T−2)"),
    "two convs": ((6, "T"), [("torch.nn.Conv1d", {"out_channels": 4, "kernel_size": 3})] * 2, "N×4×(T−4)"),
    "same padding": ((6, "T"), [("torch.nn.Conv1d", {"out_channels": 4, "kernel_size": 3, "padding": 1})], "N×4×T"),
    "stride": ((6, "T"), [("torch.nn.Conv1d", {"out_channels": 4, "kernel_size": 3, "stride": 2})],
               "N×4×⌊(T−1)/2⌋"),
    "stride of three": ((6, "T"), [("torch.nn.Conv1d", {"out_channels": 4, "kernel_size": 4, "stride": 3})],
                        "N×4×⌊(T−1)/3⌋"),
    "pool of pool": ((6, "T"), [("torch.nn.MaxPool1d", {"kernel_size": 2})] * 2, "N×6×⌊T/4⌋"),
    "ceil": ((6, "T"), [("torch.nn.MaxPool1d", {"kernel_size": 2, "ceil_mode": True})], "N×6×⌊(T+1)/2⌋"),
    "upsample": ((6, "T"), [("torch.nn.Upsample", {"scale_factor": 2.0})], "N×6×2T"),
    "transposed": ((6, "T"), [("torch.nn.ConvTranspose1d", {"out_channels": 4, "kernel_size": 3, "stride": 2})],
                   "N×4×(2T+1)"),
    "to one": ((6, "T"), [("torch.nn.AdaptiveAvgPool1d", {"output_size": 5})], "N×6×5"),
    "mean": (("T", 6), [("core.mean", {"dim": (1,)})], "N×6"),
    "flatten": (("T", 6), [("torch.nn.Flatten", {})], "N×6T"),
    "flatten with samples": (("T", 6), [("core.flatten", {"start_dim": 0, "end_dim": 1})], "N·T×6"),
    "two names": ((3, "H", "W"), [("torch.nn.Conv2d", {"out_channels": 4, "kernel_size": 3})],
                  "N×4×(H−2)×(W−2)"),
    "places": ((3, "H", "W"), [("core.flatten", {"start_dim": 2})], "N×3×H·W"),
    "places of a smaller map": ((3, "H", "W"), [("torch.nn.Conv2d", {"out_channels": 4, "kernel_size": 3}),
                                                ("core.flatten", {"start_dim": 2})], "N×4×(H−2)·(W−2)"),
    "LSTM": (("T", 6), [("torch.nn.LSTM", {"hidden_size": 5})], "N×T×5"),
    "attention": (("T", 8), [("torch.nn.MultiheadAttention", {"num_heads": 2})], "N×T×8"),
    "token": (("T", 8), [("core.class_token", {})], "N×(T+1)×8"),
    "last step": (("T", 6), [("core.select", {"dim": 1, "index": -1})], "N×6"),
    "crop": (("T", 6), [("core.slice", {"dim": 1, "start": 2})], "N×(T−2)×6"),
    "along the features": (("T", 6), [("torch.nn.Linear", {"in_features": 6, "out_features": 3})], "N×T×3"),
    "ids": (("T",), [("core.cast", {"dtype": "int64"}),
                     ("torch.nn.Embedding", {"num_embeddings": 9, "embedding_dim": 4})], "N×T×4"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(CASES))
def test_names_go_through(name: str, specs: Specs) -> None:
    shape, layers, expected = CASES[name]
    known = facts(drawn(shape, *layers), specs)
    assert not known.problems
    assert known.nodes[f"l{len(layers) - 1}"].outputs["out"].text == expected


@pytest.mark.parametrize("name", sorted(set(CASES) - {"ids"}))
@pytest.mark.parametrize("size", [16, 33])
def test_the_expression_holds_for_real_tensors(name: str, size: int, specs: Specs) -> None:
    shape, layers, _ = CASES[name]
    project = drawn(shape, *layers)
    kind = facts(project, specs).nodes[f"l{len(layers) - 1}"].outputs["out"]
    sizes = {"T": size, "H": size, "W": size + 5}
    torch.manual_seed(0)
    module = compile.build(project, "main", specs, None).eval()
    given = [sizes[dim] if isinstance(dim, str) else int(str(dim)) for dim in shape]
    with torch.no_grad():
        out: Tensor = module(torch.rand(2, *given))
    for dim, real in zip(kind.shape, out.shape, strict=True):
        expected = worth(dim, sizes)
        assert real == (2 * expected // SAMPLES if "N" in str(dim) else expected)


def test_names_stand_in_code(specs: Specs) -> None:
    project = drawn(*(CASES["conv"][0],), *CASES["conv"][1])
    text = compile.source(project, "main", specs, compile.infer(project, specs, None)).text
    assert '"""N×6×T → N×4×(T−2)"""' in text


def test_data_says_what_a_name_counts_as(specs: Specs) -> None:
    project = drawn(("T", 6), ("torch.nn.LSTM", {"hidden_size": 5}),
                    ("core.select", {"dim": 1, "index": -1}), ("torch.nn.Linear", {"out_features": 2}))  # fmt: skip
    named, plain = facts(project, specs, sequence()), facts(drawn((30, 6)), specs, sequence())
    assert named.sizes == {"T": 30}
    assert plain.sizes == {}
    numbers = SetParams("main", "x", {"shape": (30, 6)}).apply(project)
    fixed = facts(numbers, specs, sequence())
    assert named.flops == fixed.flops
    assert named.saved_bytes == fixed.saved_bytes
    assert not named.problems


def test_a_name_for_another_size_is_told(specs: Specs) -> None:
    wrong = facts(drawn(("T", 7)), specs, sequence())
    assert "set to T×7, but the data gives 30×6" in wrong.problems[0].message
    twice = facts(drawn(("T", "T")), specs, sequence())
    assert "calls two sizes T: 30 and 6" in twice.problems[0].message


def test_weights_cannot_depend_on_a_name(specs: Specs) -> None:
    project = drawn(("T", 6), ("torch.nn.Flatten", {}), ("torch.nn.Linear", {"out_features": 2}))
    (problem,) = facts(project, specs, sequence()).problems
    assert problem.message == (
        "Linear needs a fixed number of features for its weights, but gets 6T, which changes with T. "
        "Pool or average over it first, or give the input a number for it."
    )
    (repair,) = problem.repairs
    assert (repair.title, repair.result) == ("Make T the number 30", "N×2")
    mended = Batch("", repair.edits).apply(project)
    assert not facts(mended, specs, sequence()).problems


def test_sizes_that_differ_by_a_name_do_not_add(specs: Specs) -> None:
    net = Net()
    x = net.input(shape=("T", 6))
    short = net.add("core.slice", x, dim=1, start=1)
    net.output(net.add("core.add", x, short, name="join"))
    (problem,) = facts(net.project(), specs).problems
    assert problem.message == "Add needs two tensors of one shape, but gets T×6 and (T−1)×6."


def test_a_window_too_large_for_the_data_is_told(specs: Specs) -> None:
    project = drawn((6, "T"), ("torch.nn.Conv1d", {"out_channels": 2, "kernel_size": 40}))
    data = replace(sequence(), sample=TensorType((6, 30)))
    found = facts(project, specs, data).problems
    assert found[0].message.startswith("Conv1d has a window of 40, which does not fit into 6×T")


@pytest.mark.parametrize("value", ["N", "2x", "", "T T", "T-1", "a" * 17])
def test_what_is_no_name_is_refused(value: str) -> None:
    param = Param("shape", "ints", minimum=1, named=True)
    with pytest.raises(ParamError, match="or a name such as T"):
        param.check((value, 3))


def test_a_person_writes_names_between_numbers() -> None:
    param = Param("shape", "ints", minimum=1, named=True)
    assert param.parse("T, 32") == param.parse("T×32") == ("T", 32)
    assert param.parse("T") == ("T",)
    with pytest.raises(ParamError):
        Param("shape", "ints", minimum=1).parse("T, 32")


def test_numbers_cost_no_more_than_before(specs: Specs, digits: DataFacts) -> None:
    cache = compile.Cache()
    compile.infer(chain("torch.nn.Flatten", linear(out_features=10)), specs, digits, cache=cache)
    assert cache.asked == 2


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (lambda T: T, "T"),
        (lambda T: 7, 7),
        (lambda T: SAMPLES, "N"),
        (lambda T: (5 * T + 3) // 4, "⌊(5T+3)/4⌋"),
        (lambda T: SAMPLES * (T - 1), "N·(T−1)"),
        (lambda T: T * T, None),
        (lambda T: None if T % 4 else T // 4, "⌊T/4⌋"),
    ],
)
def test_what_fits_and_what_does_not(answer: object, expected: str | int | None) -> None:
    assert callable(answer)
    found = expression(["T"], ["N", "T"], lambda sizes: answer(sizes["T"]))
    assert found == expected
    if isinstance(found, str) and expected != "⌊T/4⌋":
        assert worth(found, {"T": 41}) == answer(41)


def test_names_are_found_in_expressions() -> None:
    assert names_in(("N", "⌊(T−1)/2⌋", 4, "H·(W+2)", "3N")) == ("H", "T", "W")


# ------------------------------------------------------------------------------------------- ranges


def _ids(top: float) -> DataFacts:
    return replace(sequence(), sample=TensorType((12,), "int64"), value_range=(0.0, top))


def _embedded(rows: int) -> Project:
    return chain(
        ("core.unsqueeze", {"dim": 1}),
        ("core.squeeze", {"dim": 1}),
        ("torch.nn.Embedding", {"name": "words", "num_embeddings": rows, "embedding_dim": 4}),
        ("core.mean", {"dim": (1,)}),
        linear(out_features=2),
    )


def test_ids_beyond_the_table_are_told_and_mended(specs: Specs) -> None:
    (problem,) = facts(_embedded(50), specs, _ids(50.0)).problems
    assert problem.node == "words"
    assert problem.message == (
        "Embedding has rows for the ids 0 to 49, but gets ids up to 50. Set num_embeddings to at least 51."
    )
    assert [repair.title for repair in problem.repairs] == ["Set num_embeddings to 51"]
    assert not facts(_embedded(51), specs, _ids(50.0)).problems


def test_an_argmax_cannot_leave_its_dimension(specs: Specs) -> None:
    net = Net()
    x = net.add("core.argmax", net.input(shape=(12, 9)), dim=2)
    net.output(net.add("torch.nn.Embedding", x, num_embeddings=8, embedding_dim=2))
    (problem,) = facts(net.project(), specs).problems
    assert "gets ids up to 8" in problem.message


def test_ids_below_zero_are_told(specs: Specs) -> None:
    data = replace(_ids(5.0), value_range=(-1.0, 5.0))
    (problem,) = facts(_embedded(50), specs, data).problems
    assert "gets ids from −1" in problem.message


def test_a_flattened_sequence_is_averaged_first(specs: Specs) -> None:
    project = drawn((6, "T"), ("torch.nn.Conv1d", {"out_channels": 4, "kernel_size": 3}),
                    ("torch.nn.Flatten", {}), ("torch.nn.Linear", {"out_features": 2}))  # fmt: skip
    data = replace(sequence(), sample=TensorType((6, 30)))
    (problem,) = facts(project, specs, data).problems
    assert [repair.title for repair in problem.repairs] == [
        "Average-pool first",
        "Make T the number 30",
    ]
    mended = Batch("", problem.repairs[0].edits).apply(project)
    known = facts(mended, specs, data)
    assert not known.problems
    assert known.nodes["l2"].inferred == {"in_features": 4}
