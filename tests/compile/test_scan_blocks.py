"""Blocks that run over time: an LSTM drawn from its gates is PyTorch's."""

import pytest
import torch
from blocks_drawn import lstm, lstm_block
from torch import Tensor, nn

from studio import compile
from studio.graph.builder import Net
from studio.graph.edits import Disconnect, RemoveNodes, SetFlag, SetParams
from studio.graph.facts import DataFacts
from studio.graph.project import Project
from studio.graph.spec import LayerSpec

Specs = dict[str, LayerSpec]


def copy_weights(cell: nn.Module, lstm: nn.LSTM) -> None:
    """Give the drawn gates the weights of PyTorch's layer, whose gates lie below one another."""
    with torch.no_grad():
        for source, target in (("ih", "x"), ("hh", "h")):
            weights = getattr(lstm, f"weight_{source}_l0").chunk(4)
            biases = getattr(lstm, f"bias_{source}_l0").chunk(4)
            for name, weight, bias in zip("ifgo", weights, biases, strict=True):
                layer = getattr(cell, f"{target}_{name}")
                layer.weight.copy_(weight)
                layer.bias.copy_(bias)


@pytest.mark.parametrize(("steps", "features", "hidden"), [(1, 1, 1), (7, 5, 16), (30, 3, 8)])
def test_drawn_lstm_is_that_of_pytorch(
    steps: int, features: int, hidden: int, specs: Specs
) -> None:
    torch.manual_seed(0)
    project = lstm(steps, features, hidden)
    module = compile.build(project, "main", specs, None)
    own = nn.LSTM(features, hidden, batch_first=True)
    copy_weights(module.cell, own)
    x = torch.randn(4, steps, features)
    out, h, c = module(x)
    wanted, (hn, cn) = own(x)
    for ours, theirs in ((out, wanted), (h, hn[0]), (c, cn[0])):
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)
    start = torch.randn(4, hidden), torch.randn(4, hidden)
    again, _, _ = module.cell(x, *start)
    wanted, _ = own(x, (start[0][None], start[1][None]))
    torch.testing.assert_close(again, wanted, atol=1e-6, rtol=0)
    facts = compile.infer(project, specs, None).networks["main"]
    assert facts.parameters == sum(p.numel() for p in own.parameters())


def test_gradients_are_those_of_pytorch(specs: Specs) -> None:
    torch.manual_seed(0)
    module = compile.build(lstm(), "main", specs, None)
    own = nn.LSTM(5, 16, batch_first=True)
    copy_weights(module.cell, own)
    x = torch.randn(4, 7, 5)
    module(x)[0].pow(2).sum().backward()
    own(x)[0].pow(2).sum().backward()
    drawn = torch.cat([getattr(module.cell, f"h_{name}").weight.grad for name in "ifgo"])
    torch.testing.assert_close(drawn, own.weight_hh_l0.grad, atol=1e-5, rtol=1e-5)


def test_shapes_of_a_step_and_of_all_steps(specs: Specs) -> None:
    facts = compile.infer(lstm(), specs, None).networks["main"]
    assert not facts.problems
    assert facts.nodes["cell/x"].outputs["out"].text == "N×5"
    assert facts.nodes["cell/h"].outputs["out"].text == "N×16"
    assert {port: kind.text for port, kind in facts.nodes["cell"].outputs.items()} == {
        "out": "N×7×16", "h": "N×16", "c": "N×16",
    }  # fmt: skip
    assert facts.nodes["cell"].flops == 7 * 2 * 4 * 16 * (5 + 16)


def test_code_of_a_step_and_its_loop(specs: Specs) -> None:
    project = lstm()
    text = compile.source(project, "main", specs, compile.infer(project, specs, None)).text
    assert (
        "    def step(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:\n"
        in text
    )
    assert "        self, x: Tensor, h: Tensor | None = None, c: Tensor | None = None\n" in text
    assert "            h = x.new_zeros(x.shape[0], 16)\n" in text
    assert "        for x_t in x.unbind(1):\n            out, h, c = self.step(x_t, h, c)\n" in text
    assert "        return torch.stack(outs, dim=1), h, c\n" in text


def test_a_layer_named_like_a_method_does_not_hide_it(specs: Specs) -> None:
    net = Net()
    with net.block("Cell") as block:
        h = block.state("h", shape=(3,))
        y = block.add("core.add", block.add("torch.nn.Linear", block.input(), name="step",
                      out_features=3), h, name="total")  # fmt: skip
        block.next("h", y)
        block.output(y)
    net.output(net.use("Cell", net.input("x", shape=(4, 2)), name="cell"))
    module = compile.build(net.project(), "main", specs, None)
    x = torch.randn(2, 4, 2)
    torch.testing.assert_close(module(x), module.cell.step(x).cumsum(1))


def test_taps_reach_every_port_at_every_step(specs: Specs) -> None:
    project = lstm()
    module = compile.build(project, "main", specs, None)
    seen: dict[str, list[tuple[int, ...]]] = {}

    def tap(path: str, port: str, tensor: Tensor) -> Tensor:
        seen.setdefault(f"{path}.{port}", []).append(tuple(tensor.shape))
        return tensor

    x = torch.randn(2, 7, 5)
    tapped = module.forward_tapped(x, tap)
    assert all(torch.equal(a, b) for a, b in zip(module(x), tapped, strict=True))
    facts = compile.infer(project, specs, None).networks["main"]
    for path, node in facts.nodes.items():
        for port, kind in node.outputs.items():
            shape = tuple(2 if dim == "N" else dim for dim in kind.shape)
            assert seen[f"{path}.{port}"] == [shape] * (7 if "/" in path else 1)


def test_a_change_at_a_tap_changes_every_step_behind_it(specs: Specs) -> None:
    module = compile.build(lstm(), "main", specs, None)

    def off(path: str, port: str, tensor: Tensor) -> Tensor:
        return torch.zeros_like(tensor) if path == "cell/o" else tensor

    assert torch.equal(module.forward_tapped(torch.randn(2, 7, 5), off)[0], torch.zeros(2, 7, 16))


def test_states_start_where_they_are_wired(specs: Specs) -> None:
    net = Net()
    lstm_block(net)
    x, h0 = net.input("x", shape=(6, 3)), net.input("h0", shape=(4,))
    net.output(net.use("Cell", x, h0, name="cell", hidden=4))
    project = net.project()
    module = compile.build(project, "main", specs, None)
    start, x = torch.randn(2, 4), torch.randn(2, 6, 3)
    assert torch.equal(module(x, start), module.cell(x, h=start)[0])
    tapped = module.forward_tapped(x, start, lambda path, port, tensor: tensor)
    assert torch.equal(tapped, module(x, start))
    wrong = SetParams("main", "h0", {"shape": (5,)}).apply(project)
    problem = compile.infer(wrong, specs, None).errors[0]
    assert (problem.node, problem.port) == ("cell", "h")
    assert "N×4" in problem.message


def test_a_learned_start_is_a_parameter_of_its_state(specs: Specs) -> None:
    net = Net()
    lstm_block(net, init="learned")
    net.output(net.use("Cell", net.input("x", shape=(6, 3)), name="cell", hidden=4))
    project = net.project()
    module = compile.build(project, "main", specs, None)
    facts = compile.infer(project, specs, None).networks["main"]
    assert module.state_dict()["cell.h"].shape == (1, 4)
    assert facts.parameters == sum(p.numel() for p in module.parameters())
    module(torch.randn(2, 6, 3)).sum().backward()
    assert module.cell.h.grad.abs().sum() > 0
    frozen = SetFlag("block.Cell", ("h",), "frozen", True).apply(project)
    assert not compile.build(frozen, "main", specs, None).cell.h.requires_grad


def test_layers_of_lstm_are_a_repeated_cell(specs: Specs) -> None:
    torch.manual_seed(0)
    project = lstm(repeat=3)
    module = compile.build(project, "main", specs, None)
    own = nn.LSTM(5, 16, num_layers=3, batch_first=True)
    for number, cell in enumerate(module.cell):
        one = nn.LSTM(5 if number == 0 else 16, 16, batch_first=True)
        copy_weights(cell, one)
        own.load_state_dict(
            own.state_dict()
            | {name.replace("l0", f"l{number}"): value for name, value in one.state_dict().items()}
        )
    x = torch.randn(2, 7, 5)
    out, h, _ = module(x)
    wanted, (hn, _) = own(x)
    torch.testing.assert_close(out, wanted, atol=1e-6, rtol=0)
    torch.testing.assert_close(h, hn[-1], atol=1e-6, rtol=0)


def test_words_are_read_one_by_one_and_the_whole_is_there_at_every_step(specs: Specs) -> None:
    net = Net()
    with net.block("Reader") as block:
        word, page = block.input("word"), block.input("page", whole=True)
        h = block.state("h", shape=(6,))
        vector = block.add("torch.nn.Embedding", word, num_embeddings=20, embedding_dim=6)
        glance = block.add("core.mean", page, dim=1)
        sum_ = block.add("core.add", block.add("core.add", vector, h), glance, name="total")
        block.next("h", sum_)
        block.output(sum_)
    words = net.input("words", shape=(5,), dtype="int64")
    net.output(net.use("Reader", words, net.input("page", shape=(9, 6)), name="reader"))
    module = compile.build(net.project(), "main", specs, None)
    words, page = torch.randint(0, 20, (3, 5)), torch.randn(3, 9, 6)
    out = module(words, page)
    steps = module.reader.embedding(words) + page.mean(1, keepdim=True)
    torch.testing.assert_close(out, steps.cumsum(1))


def test_a_drawn_cell_learns_to_remember_the_first_step(specs: Specs) -> None:
    net = Net()
    lstm_block(net)
    x = net.use("Cell", net.input("x", shape=(6, 2)), name="cell", hidden=8)
    net.output(net.add("torch.nn.Linear", x["h"], name="fc", out_features=2))
    torch.manual_seed(0)
    module = compile.build(net.project(), "main", specs, None)
    x = torch.randn(128, 6, 2)
    wanted = (x[:, 0, 0] > 0).long()
    optimizer = torch.optim.Adam(module.parameters(), lr=0.03)
    for _ in range(150):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(module(x), wanted)
        loss.backward()
        optimizer.step()
    assert (module(x).argmax(1) == wanted).float().mean() > 0.97


# ------------------------------------------------------------------------------------------- mistakes


def _message(project: Project, specs: Specs, data: DataFacts | None = None) -> tuple[str, str]:
    problem = compile.infer(project, specs, data).errors[0]
    with pytest.raises(compile.Unfinished):
        compile.source(project, "main", specs, compile.infer(project, specs, data))
    return problem.node, problem.message


def test_a_state_without_a_next_is_told(specs: Specs) -> None:
    project = RemoveNodes("block.Cell", ("c_next",)).apply(lstm())
    node, message = _message(project, specs)
    assert node == "cell/c"
    assert (
        message == "c never changes. Add a Next with state set to c, and wire its new value there."
    )


def test_a_next_without_its_state_is_told(specs: Specs) -> None:
    project = SetParams("block.Cell", "c_next", {"state": "k"}).apply(lstm())
    node, message = _message(project, specs)
    assert node == "cell/c_next"
    assert "States of this block: h, c." in message


def test_two_nexts_of_one_state_are_told(specs: Specs) -> None:
    project = SetParams("block.Cell", "c_next", {"state": "h"}).apply(lstm())
    node, message = _message(project, specs)
    assert node == "cell/c_next"
    assert message == "c_next and h_next both set h. Keep one of them."


def test_a_next_of_another_size_is_told(specs: Specs) -> None:
    project = SetParams("block.Cell", "h", {"shape": (4,)}).apply(lstm())
    node, message = _message(project, specs)
    assert node == "cell/h_next"
    assert "h is N×4, but h_next would set it to N×16" in message


def test_a_next_that_nothing_leads_to_is_told(specs: Specs) -> None:
    project = lstm()
    wire = project.sheet("block.Cell").graph.into("c_next", "x")
    node, message = _message(Disconnect("block.Cell", wire).apply(project), specs)
    assert node == "cell/c_next"
    assert "gets nothing" in message


@pytest.mark.parametrize("kind", ["core.state", "core.next"])
def test_time_outside_a_block_is_told(kind: str, specs: Specs) -> None:
    net = Net()
    x = net.input("x", shape=(3,))
    y = net.add(kind, *([x] if kind == "core.next" else []), name="h")
    net.output(y if kind == "core.state" else x)
    node, message = _message(net.project(), specs)
    assert node == "h"
    assert "only a block can do" in message


def test_one_number_has_no_steps(specs: Specs) -> None:
    net = Net()
    lstm_block(net)
    x = net.add("core.select", net.input("x", shape=(5,)), name="one", dim=1, index=0)
    net.output(net.use("Cell", x, name="cell"))
    node, message = _message(net.project(), specs)
    assert node == "cell"
    assert "cell runs over time, along dimension 1, but x gets N." in message


def test_no_input_tells_the_number_of_steps(specs: Specs) -> None:
    project = SetParams("block.Cell", "x", {"whole": True}).apply(lstm())
    _, message = _message(project, specs)
    assert "no input tells how many steps" in message


def test_inputs_of_different_lengths_are_told(specs: Specs) -> None:
    net = Net()
    with net.block("Two") as block:
        a, b, h = block.input("a"), block.input("b"), block.state("h", shape=(3,))
        total = block.add("core.add", block.add("core.add", a, b), h, name="total")
        block.next("h", total)
        block.output(total)
    net.output(
        net.use("Two", net.input("p", shape=(4, 3)), net.input("q", shape=(5, 3)), name="two")
    )
    _, message = _message(net.project(), specs)
    assert message == "two gets 4 steps at a, but 5 at b. Make them equal."
