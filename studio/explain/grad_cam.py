"""Grad-CAM: which places of a layer's feature maps raise the score, read through taps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from studio.explain.method import Attribution, Method
from studio.explain.question import ExplainProblem, Question
from studio.graph.graph import INPUT, OUTPUT
from studio.graph.params import Param, Value
from studio.graph.spec import MethodSpec


def _grad_cam(question: Question, params: Mapping[str, Value]) -> Attribution:
    x = question.sample_with_gradient("Grad-CAM")
    maps: dict[str, Tensor] = {}
    convolutions: list[str] = []

    def keep(path: str, port: str, tensor: Tensor) -> Tensor:
        kind = question.nodes[path].kind if path in question.nodes else ""
        if not _is_feature_map(question, tensor) or kind in (INPUT, OUTPUT) or port == "weights":
            return tensor
        if "Conv" in kind.rpartition(".")[2]:
            convolutions.append(path)
        if convolutions:
            maps[path] = tensor
        return tensor

    with torch.enable_grad():
        score = question.score_tapped(x, keep)
        path = _choose(question, maps, convolutions, params["layer"])
        features = maps[path]
        (gradient,) = torch.autograd.grad(score.sum(), features, allow_unused=True)
    if gradient is None:
        raise ExplainProblem(
            f"The score does not depend on {_name(question, path)}. Choose another layer."
        )
    places = tuple(range(2, features.dim()))
    weights = gradient.mean(places, keepdim=True)
    cam = (weights * features.detach()).sum(1, keepdim=True)
    if params["positive"]:
        cam = cam.relu()
    return Attribution(
        _over_the_sample(cam, question.x),
        _caption(question, path, features, params["positive"]),
        settings={"layer": path},
    )


def _is_feature_map(question: Question, tensor: Tensor) -> bool:
    """Channels and more than one place, as many dimensions as a batch of the input would have."""
    dimensions = {"image": 4, "sequence": 3}.get(question.facts.form, 0)
    return tensor.dim() == dimensions and tensor.requires_grad and tensor.shape[2:].numel() > 1


def _choose(
    question: Question, maps: Mapping[str, Tensor], convolutions: Sequence[str], wish: str
) -> str:
    """Return the path of the layer that was asked for by path or name, else the default.

    The default is where the last convolution's maps have become what the rest of the network reads:
    behind its activation, and behind the sum or the concatenation with other branches. A map before
    the ReLU would count what the network never sees. Sequences: the convolution itself, as a later
    tensor may hold steps where it holds channels.
    """
    if not convolutions:
        raise ExplainProblem(
            "Grad-CAM needs a layer with feature maps, and this network has none. "
            "Choose Saliency or Occlusion."
        )
    if not wish:
        if question.facts.form != "image":
            return convolutions[-1]
        last = maps[convolutions[-1]].shape
        return [
            path
            for path, tensor in maps.items()
            if tensor.shape[2:] == last[2:] and tensor.shape[1] >= last[1]
        ][-1]
    for path in maps:
        if wish in (path, _name(question, path)):
            return path
    names = ", ".join(_name(question, path) for path in maps)
    raise ExplainProblem(
        f"There is no layer with feature maps named {wish!r}. Choose one of {names}, "
        "or leave it empty for the last."
    )


def _caption(question: Question, path: str, features: Tensor, positive: bool) -> str:
    places = "×".join(map(str, features.shape[2:]))
    return f"{_name(question, path)}, {'positive' if positive else 'signed'}, {places}"


def _name(question: Question, path: str) -> str:
    return question.nodes[path].name if path in question.nodes else path


def _over_the_sample(cam: Tensor, x: Tensor) -> Tensor:
    """Return the map `[1, 1, …]` upsampled to an image's `[h, w]`, or to a sequence's `[steps, features]`."""
    if cam.dim() == 4:
        return F.interpolate(cam, size=x.shape[-2:], mode="bilinear", align_corners=False)[0, 0]
    along = F.interpolate(cam, size=x.shape[1], mode="linear", align_corners=False)[0, 0]
    return along[:, None].expand(x.shape[1:]) if x.dim() == 3 else along


GRAD_CAM = Method(
    MethodSpec(
        kind="core.grad_cam",
        title="Grad-CAM",
        doc="Weights the feature maps of a convolution by how much the score rises with each, and adds "
        "them up. Coarse, as the layer's maps are; signed here: blue places speak against.",
        formula="Σₖ αₖ Aᵏ, αₖ = mean over places of ∂f / ∂Aᵏ",
        paper="Selvaraju, Cogswell, Das, Vedantam, Parikh, Batra: Grad-CAM (2017), section 3",
        needs=("conv",),
        params=(
            Param(
                "layer",
                "str",
                default="",
                help="The layer to look at, by name; empty: the last convolution, behind its activation.",
            ),
            Param(
                "positive",
                "bool",
                default=False,
                help="Show only what speaks for the score, as the paper does.",
            ),
        ),
    ),
    _grad_cam,
    "No gradient reaches this layer (dead ReLUs or saturated units after it), or nothing speaks for "
    "the score. Choose another layer, or Occlusion.",
)
