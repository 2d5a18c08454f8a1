"""Edits of block definitions: set, rename, add, remove, detach an instance, promote a parameter."""

from __future__ import annotations

from contextlib import suppress

from msgspec.structs import replace

from studio.graph.edits.edit import BaseEdit, EditRefused, node_at, sheet_at, with_graph
from studio.graph.edits.instances import (
    block_at,
    block_of,
    blocks_below,
    blocks_in,
    check_block_name,
    sheets,
    users,
    with_instances,
)
from studio.graph.edits.nodes import SetParams
from studio.graph.edits.sharing import released
from studio.graph.formulas import FUNCTIONS, FormulaError, evaluate, is_formula, names_in
from studio.graph.graph import BLOCK, is_name
from studio.graph.params import Param, ParamError, ParamType, Value
from studio.graph.project import Block, Project
from studio.graph.scope import readers
from studio.graph.unfold import REPEAT, SHARE_WEIGHTS

#: Names inside a block that are not the block's to give.
GIVEN = ("index", REPEAT.name, SHARE_WEIGHTS.name, *FUNCTIONS)


class SetBlock(BaseEdit, frozen=True, tag=True, omit_defaults=True):
    """Change what a block lets its instances set, or its description; None leaves either as it is."""

    name: str
    params: tuple[Param, ...] | None = None
    doc: str | None = None

    @property
    def title(self) -> str:
        return f"Change block {self.name}"

    @property
    def merge(self) -> str:
        return f"block {self.name}" if self.params is None else ""

    def apply(self, project: Project) -> Project:
        block = block_at(project, self.name)
        if self.doc is not None:
            block = replace(block, doc=self.doc)
        if self.params is not None:
            _check_params(self.params)
            gone = {param.name for param in block.params} - {param.name for param in self.params}
            project = _without_values(project, self.name, gone)
            block = replace(project.blocks[self.name], doc=block.doc, params=self.params)
        return replace(project, blocks=project.blocks | {self.name: block})


def _check_params(params: tuple[Param, ...]) -> None:
    names = [param.name for param in params]
    for param in params:
        if not is_name(param.name) or param.name in GIVEN:
            raise EditRefused(
                "A block's parameter needs a name of letters, digits and underscores, starting with "
                f"a letter, and none of {', '.join(GIVEN)}. "
                f"Got {param.name!r}."
            )
        if names.count(param.name) > 1:
            raise EditRefused(f"Two parameters of a block cannot both be named {param.name}.")
        if not param.required and not is_formula(param.default):
            try:
                param.check(param.default)
            except ParamError as error:
                raise EditRefused(f"The default does not fit: {error}") from None


def _without_values(project: Project, name: str, gone: set[str]) -> Project:
    """Return the project in which no instance of a block sets parameters that the block lost."""
    if not gone:
        return project
    for where, sheet in sheets(project):
        for node in sheet.graph.of_kind(BLOCK + name):
            if gone & node.params.keys():
                edit = SetParams(where, node.id, reset=tuple(sorted(gone)))
                project = edit.apply(project)
    return project


class RenameBlock(BaseEdit, frozen=True, tag=True, omit_defaults=True):
    """Give a block another name; its instances follow."""

    name: str
    new: str

    @property
    def title(self) -> str:
        return f"Rename block to {self.new}"

    def apply(self, project: Project) -> Project:
        block_at(project, self.name)
        if self.new == self.name:
            return project
        check_block_name(project, self.new)
        project = with_instances(project, self.name, BLOCK + self.new)
        blocks = {
            self.new if name == self.name else name: block for name, block in project.blocks.items()
        }
        return replace(project, blocks=blocks)


class AddBlocks(BaseEdit, frozen=True, tag=True, omit_defaults=True):
    """Add blocks to the project. One that is there already, just the same, is no matter."""

    blocks: dict[str, Block]

    @property
    def title(self) -> str:
        return "Add block " + next(iter(self.blocks), "") if len(self.blocks) == 1 else "Add blocks"

    def apply(self, project: Project) -> Project:
        for name, block in self.blocks.items():
            if project.blocks.get(name) != block:
                check_block_name(project, name)
        blocks = project.blocks | self.blocks
        for name in self.blocks:
            inner = blocks_in(blocks[name].sheet.graph)
            missing = sorted(inner - blocks.keys())
            if missing:
                raise EditRefused(f"{name} is made of {missing[0]}, which is not in this project.")
            if name in blocks_below(blocks, inner):
                raise EditRefused(f"{name} holds itself without end, which no network can run.")
        return replace(project, blocks=blocks)


class RemoveBlock(BaseEdit, frozen=True, tag=True, omit_defaults=True):
    """Take a block that nothing uses out of the project."""

    name: str

    @property
    def title(self) -> str:
        return f"Delete block {self.name}"

    def apply(self, project: Project) -> Project:
        block_at(project, self.name)
        used = users(project, self.name)
        if used:
            shown = ", ".join(used[:4]) + (f" and {len(used) - 4} more" if len(used) > 4 else "")
            raise EditRefused(f"{self.name} is in use: {shown}. Delete or unpack these first.")
        blocks = {name: block for name, block in project.blocks.items() if name != self.name}
        return replace(project, blocks=blocks)


class Detach(BaseEdit, frozen=True, tag=True, omit_defaults=True):
    """Give one instance its own copy of its block, under a new name."""

    where: str
    node: str
    name: str

    @property
    def title(self) -> str:
        return f"Detach as {self.name}"

    def apply(self, project: Project) -> Project:
        node = node_at(project, self.where, self.node)
        if not block_of(node):
            raise EditRefused(f"{node.name} is no block, so there is nothing to detach it from.")
        block = block_at(project, block_of(node))
        check_block_name(project, self.name)
        project = replace(project, blocks=project.blocks | {self.name: block})
        graph = released(sheet_at(project, self.where).graph, {node.id})
        graph = graph.with_node(replace(node, kind=BLOCK + self.name, shares=""))
        return with_graph(project, self.where, graph)


class Promote(BaseEdit, frozen=True, tag=True, omit_defaults=True):
    """Make a parameter of a node inside a block one that each instance of the block can set.

    The block's parameter is called `name` and starts from the present value; `declared` is what the
    node's kind says of it (limits, choices, help, default), where that is known.
    """

    where: str
    node: str
    param: str
    name: str
    declared: Param | None = None

    @property
    def title(self) -> str:
        return f"Promote {self.param} as {self.name}"

    def apply(self, project: Project) -> Project:
        if not self.where.startswith(BLOCK):
            raise EditRefused(
                "Only inside a block can a parameter be promoted: its instances then set it. "
                "On a network, write a constant and a formula: =width."
            )
        node = node_at(project, self.where, self.node)
        name = self.where.removeprefix(BLOCK)
        block = block_at(project, name)
        if any(param.name == self.name for param in block.params):
            raise EditRefused(
                f"{name} has a parameter {self.name} already. Choose another name, or write "
                f"={self.name} to use that one."
            )
        if any(reader.where == self.where for reader in readers(project, self.name)):
            raise EditRefused(
                f"Formulas inside {name} read the constant {self.name}, which a parameter of this "
                "name would hide. Choose another name."
            )
        self._check_reads(block, node.params.get(self.param))
        promoted = self._promoted(project, node.params.get(self.param))
        project = SetBlock(name, (*block.params, promoted)).apply(project)
        values: dict[str, Value] = {self.param: f"={self.name}"}
        return SetParams(self.where, self.node, values).apply(project)

    def _check_reads(self, block: Block, value: Value) -> None:
        """See that the present value is the same in every instance and every pass."""
        own = {"index", REPEAT.name, *(param.name for param in block.params)}
        with suppress(FormulaError):
            read = own & names_in(value) if is_formula(value) else set()
            if read:
                raise EditRefused(
                    f"{self.param} reads {min(read)}, which differs by instance already. Promote a "
                    "plain value, or let the formula read what it needs."
                )

    def _promoted(self, project: Project, given: Value) -> Param:
        declared = self.declared
        value = given if given is not None or declared is None else declared.default
        if is_formula(value):
            try:
                value = evaluate(value, project.constants)
            except FormulaError as error:
                raise EditRefused(str(error)) from None
        if value is None and (declared is None or not declared.optional):
            raise EditRefused(
                f"{self.param} has no value of its own yet, so instances would have nothing to start "
                "from. Set it first."
            )
        if declared is None:
            return Param(self.name, _type_of(value), value)
        return replace(
            declared, name=self.name, default=value, required=False, inferred=False, reads=""
        )


def _type_of(value: Value) -> ParamType:
    match value:
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float"
        case tuple():
            return "ints"
        case _:
            return "str"
