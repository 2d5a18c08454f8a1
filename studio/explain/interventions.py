"""Wire surgery at work: a network whose wires are changed as the project says, its weights untouched."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import cast

import torch
from msgspec.structs import replace
from torch import Tensor, nn

from studio.data import Dataset
from studio.explain.question import ExplainProblem, Tap, Tapped, run_tapped, sample
from studio.graph.project import Project
from studio.graph.surgery import Intervention, trouble
from studio.graph.topology import name_path

#: Whose values are put in where an intervention names a sample.
SPLIT = "validation"

#: What `patch` puts in: the tensors that passed a port while the other sample was answered, in order.
Donors = dict[Intervention, list[Tensor]]


class Operated(nn.Module):
    """A network under surgery: called like the one inside it, which it leaves as it is."""

    def __init__(self, module: nn.Module, project: Project, donors: Donors) -> None:
        super().__init__()
        self.module = module
        self._project = project
        self._donors = donors
        self.train(module.training)

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs as they are after surgery."""
        return self.forward_tapped(x, lambda path, port, tensor: tensor)

    def forward_tapped(self, x: Tensor, tap: Tap) -> Tensor:
        """Return the outputs, showing `tap` every tensor as it goes on: after surgery.

        Raises: ExplainProblem where an intervention finds no port, no such channel or no fitting values.
        """
        surgery = Surgery(self._project, self._donors, tap)
        raw = cast(Tapped, self.module).forward_tapped(x, surgery)
        surgery.check()
        return raw


class Surgery:
    """A tap that changes what passes, then hands it to the next tap. Made anew for every pass."""

    def __init__(self, project: Project, donors: Donors, then: Tap) -> None:
        self._project = project
        self._donors = donors
        self._then = then
        self._passed = dict.fromkeys(project.surgery, 0)

    def __call__(self, path: str, port: str, tensor: Tensor) -> Tensor:
        for one in self._passed:
            if one.port == port and is_at(one.path, path):
                tensor = self._change(one, tensor)
                self._passed[one] += 1
        return self._then(path, port, tensor)

    def check(self) -> None:
        """Refuse what had nowhere to act.

        Raises: ExplainProblem.
        """
        for one, passed in self._passed.items():
            if not passed:
                raise ExplainProblem(
                    f"The surgery {one.text} belongs to {spelt(self._project, one)}, which no wire leads "
                    "away from in this network. Remove the surgery, or draw the wire again."
                )

    def _change(self, one: Intervention, tensor: Tensor) -> Tensor:
        donor = None
        if one.action == "patch":
            given = self._donors[one]
            at = self._passed[one]
            donor = given[at] if at < len(given) else None
        try:
            return changed(tensor, one, donor)
        except ExplainProblem as error:
            where = spelt(self._project, one)
            raise ExplainProblem(f"The surgery {one.text} on {where}: {error}") from None


def operated(
    module: nn.Module, project: Project, dataset: Dataset, network: str = "main"
) -> nn.Module:
    """Return `module`, a replica, as the project's surgery has it; without surgery the module itself.

    Raises: ExplainProblem where an intervention cannot be done.
    """
    mine = tuple(one for one in project.surgery if one.network == network)
    for one in mine:
        if wrong := trouble(one):
            raise ExplainProblem(wrong)
    if not mine:
        return module
    project = replace(project, surgery=mine)
    donors = {one: _donor(module, dataset, one) for one in mine if one.action == "patch"}
    return Operated(module, project, donors)


def is_at(place: str, path: str) -> bool:
    """Tell whether a tapped path is the place's own, or that of one pass of a repeated block."""
    if place == path:
        return True
    *blocks, node = path.split("/")
    return place == "/".join([*(part for part in blocks if not part.isdecimal()), node])


def channel_axis(dimensions: int) -> int:
    """Return the dimension of the channels of a batch: of `[n, t, f]` the last, else the second; −1: none."""
    return -1 if dimensions < 2 else 2 if dimensions == 3 else 1


def changed(tensor: Tensor, one: Intervention, donor: Tensor | None = None) -> Tensor:
    """Return the tensor `[n, …]` that goes on in place of this one; `donor` is `[1, …]`.

    Raises: ExplainProblem where there is no such channel, or the values do not fit.
    """
    if one.action in ("scale", "noise") and not tensor.is_floating_point():
        raise ExplainProblem(
            "only numbers with a fraction can be scaled or get noise, but these are whole "
            f"({str(tensor.dtype).removeprefix('torch.')}). Choose Zero, or another wire."
        )
    if one.action == "patch" and (donor is None or not _fits(donor, tensor)):
        raise ExplainProblem("the other sample gives no values of this shape here. Choose another.")
    if one.channel is None:
        return _act(tensor, one, donor)
    axis = channel_axis(tensor.dim())
    channels = tensor.shape[axis] if axis > 0 else 0
    if one.channel >= channels:
        known = f"{channels}, counted from 0" if channels else "none"
        raise ExplainProblem(f"there is no channel {one.channel} here: there are {known}.")
    picked = None if donor is None else donor.select(axis, one.channel)
    result = tensor.clone()
    result.select(axis, one.channel).copy_(_act(tensor.select(axis, one.channel), one, picked))
    return result


def spelt(project: Project, one: Intervention) -> str:
    """Return a place as in the code: `res1.conv1`; the port where it is not the usual one."""
    name = name_path(project, one.network, one.path)
    return name if one.port == "out" else f"{name}.{one.port}"


def _fits(donor: Tensor, tensor: Tensor) -> bool:
    """Tell whether one sample's values can stand for those of every sample of a batch."""
    return donor.dim() == tensor.dim() and all(
        there in (1, here) for there, here in zip(donor.shape, tensor.shape, strict=True)
    )


def _act(tensor: Tensor, one: Intervention, donor: Tensor | None) -> Tensor:
    match one.action:
        case "zero":  # a mask, so that a gradient still finds its way (and is zero)
            return tensor.masked_fill(torch.tensor(True), 0)
        case "scale":
            return tensor * one.amount
        case "noise":
            return tensor + one.amount * _noise(tensor.shape[1:], one).to(tensor)
        case "patch":
            assert donor is not None
            return donor.to(tensor).expand_as(tensor)


def _noise(shape: Sequence[int], one: Intervention) -> Tensor:
    """Return the noise of a place: the same at every pass and for every sample, other than elsewhere."""
    place = f"{one.path} {one.port} {one.channel}".encode()
    generator = torch.Generator().manual_seed(zlib.crc32(place))
    return torch.randn(tuple(shape), generator=generator)


def _donor(module: nn.Module, dataset: Dataset, one: Intervention) -> list[Tensor]:
    """Return what passes a port while another sample is answered without surgery."""
    passed: list[Tensor] = []

    def keep(path: str, port: str, tensor: Tensor) -> Tensor:
        if port == one.port and is_at(one.path, path):
            passed.append(tensor)
        return tensor

    with torch.no_grad():
        run_tapped(module, sample(dataset, SPLIT, one.sample), keep)
    return passed
