"""Which names formulas read where they stand, and who reads a name."""

from __future__ import annotations

from msgspec.structs import replace

from studio.graph.builder import Net
from studio.graph.params import Param
from studio.graph.project import Project
from studio.graph.scope import Reader, names_at, readers, renamed

_LINEAR = "torch.nn.Linear"


def project() -> Project:
    """Two instances of a block within a block; widths go down through both."""
    net = Net()
    with net.block("inner") as inner:
        inner.output(inner.add(_LINEAR, inner.input(), name="fc", out_features="=width*2"))
    with net.block("outer") as outer:
        x = outer.input()
        x = outer.add("block.inner", x, name="a", width="=size+1")
        x = outer.add("block.inner", x, name="b", repeat=3, width="=size*(index+1)")
        outer.output(x)
    x = net.input()
    x = net.add("block.outer", x, name="one", size=10)
    x = net.add("block.outer", x, name="two", size="=base")
    x = net.add(_LINEAR, x, name="head", out_features="=max(base, 4)")
    net.output(x)
    made = net.project()
    width, size = Param("width", "int", 7), Param("size", "int", 5)
    blocks = {
        "inner": replace(made.blocks["inner"], params=(width,)),
        "outer": replace(made.blocks["outer"], params=(size,)),
    }
    return replace(made, blocks=blocks, constants={"base": 32})


def test_a_network_reads_the_constants() -> None:
    assert names_at(project(), "main", "main") == {"base": 32}


def test_a_block_reads_what_the_instances_on_the_way_give() -> None:
    made = project()
    assert names_at(made, "block.outer", "main", "one/")["size"] == 10
    assert names_at(made, "block.outer", "main", "two/")["size"] == 32
    assert names_at(made, "block.inner", "main", "two/a/")["width"] == 33
    assert names_at(made, "block.inner", "main", "one/a/")["base"] == 32


def test_a_block_that_is_seen_through_none_reads_its_defaults() -> None:
    made = project()
    assert names_at(made, "block.inner", "main")["width"] == 7
    assert names_at(made, "block.inner", "main", "gone/")["width"] == 7


def test_an_instance_that_never_runs_reads_the_defaults() -> None:
    made = project()
    graph = made.networks["main"].graph
    idle = replace(graph.nodes["one"], params={"size": 10, "repeat": 0})
    sheet = replace(made.networks["main"], graph=graph.with_node(idle))
    made = replace(made, networks={"main": sheet})
    assert names_at(made, "block.outer", "main", "one/")["size"] == 5


def test_readers_are_told_with_their_place() -> None:
    made = project()
    assert readers(made, "base") == (
        Reader("main", "two", "size"),
        Reader("main", "head", "out_features"),
    )
    assert readers(made, "width", "inner") == (Reader("block.inner", "fc", "out_features"),)


def test_a_parameter_hides_the_constant_of_its_name() -> None:
    made = replace(project(), constants={"width": 3})
    assert readers(made, "width") == ()


def test_a_renamed_name_leaves_functions_and_longer_names_alone() -> None:
    assert renamed("=max(max, maximum)+max*2", "max", "most") == "=max(most, maximum)+most*2"
