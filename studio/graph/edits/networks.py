"""Edits of the networks of a project: their names are the roles that a learner asks for."""

from __future__ import annotations

from msgspec import field
from msgspec.structs import replace

from studio.graph.edits.edit import BaseEdit, EditRefused
from studio.graph.graph import is_name
from studio.graph.project import Project, Sheet


class AddNetwork(BaseEdit, frozen=True, tag=True, omit_defaults=True):
    """Add a network beside those that are there."""

    name: str
    sheet: Sheet = field(default_factory=Sheet)

    @property
    def title(self) -> str:
        return f"Add network {self.name}"

    def apply(self, project: Project) -> Project:
        _check_free(project, self.name)
        return replace(project, networks=project.networks | {self.name: self.sheet})


class RenameNetwork(BaseEdit, frozen=True, tag=True, omit_defaults=True):
    """Give a network another role."""

    name: str
    new: str

    @property
    def title(self) -> str:
        return f"Rename network {self.name}"

    def apply(self, project: Project) -> Project:
        _check_there(project, self.name)
        if self.new == self.name:
            return project
        _check_free(project, self.new)
        networks = {
            self.new if name == self.name else name: sheet
            for name, sheet in project.networks.items()
        }
        surgery = tuple(
            replace(one, network=self.new) if one.network == self.name else one
            for one in project.surgery
        )
        return replace(project, networks=networks, surgery=surgery)


class RemoveNetwork(BaseEdit, frozen=True, tag=True, omit_defaults=True):
    """Remove a network; the last one stays."""

    name: str

    @property
    def title(self) -> str:
        return f"Remove network {self.name}"

    def apply(self, project: Project) -> Project:
        _check_there(project, self.name)
        if len(project.networks) == 1:
            raise EditRefused(
                f"{self.name} is the only network of the project. Add another one first, or clear its sheet."
            )
        networks = {name: sheet for name, sheet in project.networks.items() if name != self.name}
        surgery = tuple(one for one in project.surgery if one.network != self.name)
        return replace(project, networks=networks, surgery=surgery)


def _check_there(project: Project, name: str) -> None:
    if name not in project.networks:
        raise EditRefused(f"There is no network named {name!r} any more.")


def _check_free(project: Project, name: str) -> None:
    if not is_name(name):
        raise EditRefused(
            f"{name!r} cannot be a network's name: expected letters, digits and underscores, beginning "
            "with a letter, as in Python."
        )
    if name in project.networks:
        raise EditRefused(f"There is a network named {name!r} already. Choose another name.")
