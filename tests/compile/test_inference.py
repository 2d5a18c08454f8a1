"""Shapes, costs and how little is asked again."""

from pathlib import Path

import msgspec
import pytest
import torch
from msgspec.structs import replace
from networks import chain, conv, inception, lenet, linear, recurrent, residual, transformer
from torch.utils.flop_counter import FlopCounterMode

from studio import compile
from studio.graph.builder import Net
from studio.graph.edits import MoveNodes, Rename, SetFlag, SetParams
from studio.graph.facts import DataFacts, TensorType
from studio.graph.project import Place, Project
from studio.graph.spec import LayerSpec

Specs = dict[str, LayerSpec]


def test_lenet_has_its_published_size_and_cost(specs: Specs, digits: DataFacts) -> None:
    facts = compile.infer(lenet(), specs, digits, revision=7)
    main = facts.networks["main"]
    assert facts.revision == 7
    assert not main.problems
    assert main.parameters == 61_706
    assert main.flops == 2 * (117_600 + 240_000 + 48_000 + 10_080 + 840)
    assert main.nodes["conv1"].outputs["out"].text == "N×6×28×28"
    assert main.nodes["conv2"].inferred == {"in_channels": 6}
    assert main.nodes["fc1"].inferred == {"in_features": 400}
    assert main.nodes["flatten"].outputs["out"].shape == ("N", 400)
    assert main.nodes["out"].inputs["x"].shape == ("N", 10)
    assert main.nodes["conv1"].activation_bytes == 6 * 28 * 28 * 4
    assert main.nodes["pool2"].receptive_field == (16, 16)
    assert main.nodes["fc1"].receptive_field == ()


@pytest.mark.parametrize(
    "project", [lenet(), residual(), inception()], ids=["lenet", "residual", "inception"]
)
def test_flops_are_those_that_pytorch_counts(
    project: Project, specs: Specs, digits: DataFacts
) -> None:
    module = compile.build(project, "main", specs, digits)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(torch.rand(5, 1, 28, 28))
    assert compile.infer(project, specs, digits).networks["main"].flops * 5 == (
        counter.get_total_flops()
    )


def test_attention_costs_its_projections_and_its_two_products(
    specs: Specs, digits: DataFacts
) -> None:
    nodes = compile.infer(transformer(), specs, digits).networks["main"].nodes
    tokens, features = 17, 16
    projections = 4 * 2 * tokens * features * features
    assert nodes["attn1"].flops == projections + 2 * 2 * tokens * tokens * features
    assert nodes["attn1"].outputs["weights"].text == "N×4×17×17"


def test_recurrent_flops_grow_with_the_sequence(specs: Specs, digits: DataFacts) -> None:
    nodes = compile.infer(recurrent(), specs, digits).networks["main"].nodes
    assert nodes["rnn"].flops == 2 * 28 * 4 * 16 * (28 + 16)
    assert nodes["rnn"].outputs["out"].shape == ("N", 28, 16)
    assert nodes["rnn"].outputs["hn"].shape == (1, "N", 16)


def test_blocks_are_opened_and_summed(specs: Specs, digits: DataFacts) -> None:
    nodes = compile.infer(residual(), specs, digits).networks["main"].nodes
    assert nodes["res1/conv1"].outputs["out"].text == "N×8×28×28"
    assert nodes["res2"].parameters == nodes["res2/conv1"].parameters + nodes["res2/bn1"].parameters
    assert nodes["down1/conv"].inferred == {"in_channels": 8}
    assert nodes["down2/conv"].inferred == {"in_channels": 4}


def test_batches_that_merge_with_another_dimension_stay_symbolic(
    specs: Specs, digits: DataFacts
) -> None:
    net = Net()
    x = net.add("core.flatten", net.input(), start_dim=0, end_dim=1)
    net.output(net.add("core.concat", x, x, name="cat", dim=0))
    nodes = compile.infer(net.project(), specs, digits).networks["main"].nodes
    assert nodes["flatten"].outputs["out"].text == "N×28×28"
    assert nodes["cat"].outputs["out"].text == "2N×28×28"


def test_inputs_may_have_a_shape_of_their_own(specs: Specs, digits: DataFacts) -> None:
    net = Net()
    net.output(net.add("torch.nn.Flatten", net.input("x", shape=(3, 4))))
    alone = compile.infer(net.project(), specs, None).networks["main"]
    assert not alone.problems
    assert alone.nodes["x"].outputs["out"].text == "N×3×4"
    against = compile.infer(net.project(), specs, digits).networks["main"]
    assert "set to 3×4, but the data gives 1×28×28" in against.problems[0].message


def test_without_data_nothing_is_known_and_said_so(specs: Specs) -> None:
    main = compile.infer(lenet(), specs, None).networks["main"]
    assert [problem.node for problem in main.problems] == ["x"]
    assert not main.nodes.get("conv1")


def test_overrides_are_kept_and_not_called_inferred(specs: Specs, digits: DataFacts) -> None:
    project = SetParams("main", "conv2", {"in_channels": 6}).apply(lenet())
    main = compile.infer(project, specs, digits).networks["main"]
    assert not main.problems
    assert main.nodes["conv2"].inferred == {}


def test_linear_works_along_the_last_dimension_when_told_to(
    specs: Specs, digits: DataFacts
) -> None:
    project = chain(
        linear(in_features=28, out_features=5), "torch.nn.Flatten", linear(out_features=10)
    )
    main = compile.infer(project, specs, digits).networks["main"]
    assert not main.problems
    assert main.nodes["linear"].outputs["out"].text == "N×1×28×5"


# ----------------------------------------------------------------------------------------- the cache


def _chain(count: int) -> Project:
    layers = [
        conv(name=f"conv{n}", out_channels=4 + n % 7, kernel_size=3, padding=1)
        for n in range(count)
    ]
    return chain(*layers, "torch.nn.Flatten", linear(out_features=10))


def _copied(project: Project) -> Project:
    """Return an equal project of new objects, as it comes out of a message."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(project), type=Project)


def test_only_what_changed_and_what_lies_behind_it_is_asked_again(
    specs: Specs, digits: DataFacts
) -> None:
    cache, project = compile.Cache(), _chain(60)
    compile.infer(project, specs, digits, cache=cache)
    before = cache.asked
    compile.infer(_copied(project), specs, digits, cache=cache)
    assert cache.asked == before
    edited = SetParams("main", "conv57", {"out_channels": 99}).apply(project)
    facts = compile.infer(_copied(edited), specs, digits, cache=cache).networks["main"]
    assert cache.asked == before + 2, "the node itself and the one behind it"
    assert facts.nodes["conv58"].inferred == {"in_channels": 99}
    compile.infer(_copied(project), specs, digits, cache=cache)
    assert cache.asked == before + 2, "undo asks for nothing"


def test_names_places_and_flags_ask_for_nothing(specs: Specs, digits: DataFacts) -> None:
    cache, project = compile.Cache(), _chain(10)
    compile.infer(project, specs, digits, cache=cache)
    before = cache.asked
    for edit in (
        Rename("main", "conv3", "other"),
        MoveNodes("main", {"conv3": Place(4, 4)}),
        SetFlag("main", ("conv3",), "frozen", True),
    ):
        compile.infer(edit.apply(project), specs, digits, cache=cache)
    assert cache.asked == before


def test_layers_that_keep_shapes_are_asked_once_for_all_sizes(
    specs: Specs, digits: DataFacts
) -> None:
    cache = compile.Cache()
    layers = [
        layer
        for n in range(8)
        for layer in (conv(out_channels=n + 2, kernel_size=3), "torch.nn.ReLU")
    ]
    compile.infer(chain(*layers, output=False), specs, digits, cache=cache)
    assert cache.asked == 8 + 1


def test_cached_and_fresh_facts_are_equal(specs: Specs, digits: DataFacts) -> None:
    cache = compile.Cache()
    for project in (lenet(), residual(), transformer(), recurrent(), inception()):
        compile.infer(project, specs, digits, cache=cache)
        for edit in (SetFlag("main", ("x",), "frozen", True),):
            edited = edit.apply(project)
            assert compile.infer(edited, specs, digits, cache=cache) == compile.infer(
                edited, specs, digits
            )


def test_a_small_cache_forgets_and_stays_right(specs: Specs, digits: DataFacts) -> None:
    cache = compile.Cache(limit=4)
    first = compile.infer(_chain(30), specs, digits, cache=cache)
    assert len(cache.nodes) <= 4
    assert compile.infer(_chain(30), specs, digits, cache=cache) == first


def test_another_catalogue_is_noticed(specs: Specs, digits: DataFacts) -> None:
    cache = compile.Cache()
    compile.infer(lenet(), specs, digits, cache=cache)
    fewer = {kind: spec for kind, spec in specs.items() if kind != "torch.nn.Linear"}
    problems = compile.infer(lenet(), fewer, digits, cache=cache).networks["main"].problems
    assert problems[0].node == "fc1"


def test_receptive_fields_follow_stride_and_dilation(specs: Specs, digits: DataFacts) -> None:
    project = chain(
        conv(name="a", out_channels=2, kernel_size=3, stride=2),
        conv(name="b", out_channels=2, kernel_size=(3, 1), dilation=2),
        ("torch.nn.AdaptiveAvgPool2d", {"name": "pool"}),
        output=False,
    )
    nodes = compile.infer(project, specs, digits).networks["main"].nodes
    assert nodes["a"].receptive_field == (3, 3)
    assert nodes["b"].receptive_field == (11, 3)
    assert nodes["pool"].receptive_field == ()


def test_several_networks_have_facts_of_their_own(specs: Specs, digits: DataFacts) -> None:
    noise = Net("generator")
    noise.output(noise.add("torch.nn.Linear", noise.input("z", shape=(16,)), out_features=784))
    project = replace(lenet(), networks=lenet().networks | noise.project().networks)
    facts = compile.infer(project, specs, digits)
    assert not facts.errors
    assert facts.networks["generator"].parameters == 17 * 784
    module = compile.build(project, "generator", specs, digits)
    assert module(torch.rand(2, 16)).shape == (2, 784)


def test_types_are_those_of_the_data(specs: Specs) -> None:
    words = DataFacts(
        title="Words", train=1, validation=1, test=0, sample=TensorType((12,), "int64"),
        form="sequence", task="classification", classes=("a", "b"),
    )  # fmt: skip
    project = chain(
        ("torch.nn.Embedding", {"num_embeddings": 50, "embedding_dim": 8}),
        ("core.mean", {"dim": (1,)}),
        linear(out_features=2),
    )
    main = compile.infer(project, specs, words).networks["main"]
    assert not main.problems
    assert main.nodes["x"].outputs["out"].dtype == "int64"
    assert main.nodes["embedding"].outputs["out"] == TensorType(("N", 12, 8))


def test_answers_are_kept_between_starts(specs: Specs, digits: DataFacts, tmp_path: Path) -> None:
    project = lenet()
    first = compile.Cache(kept=compile.Kept(tmp_path))
    facts = compile.infer(project, specs, digits, cache=first)
    first.kept.save()
    second = compile.Cache(kept=compile.Kept(tmp_path))
    assert compile.infer(project, specs, digits, cache=second) == facts
    assert first.asked > 0
    assert second.asked == 0


@pytest.mark.parametrize("content", [b"", b"\x81", b"no cache at all", b"\x81\xa1a\x01"])
def test_a_broken_cache_costs_only_the_head_start(
    specs: Specs, digits: DataFacts, tmp_path: Path, content: bytes
) -> None:
    kept = compile.Cache(kept=compile.Kept(tmp_path))
    expected = compile.infer(lenet(), specs, digits, cache=kept)
    kept.kept.save()
    (file,) = tmp_path.iterdir()
    file.write_bytes(content)
    again = compile.Cache(kept=compile.Kept(tmp_path))
    assert compile.infer(lenet(), specs, digits, cache=again) == expected
    assert again.asked == kept.asked
