"""Grad-CAM: which places of a layer's feature maps raise the score, read through taps."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from studio.explain.method import Attribution, Method
from studio.explain.question import ExplainProblem, Question
from studio.graph.params import Param, Value
from studio.graph.spec import MethodSpec


def _grad_cam(question: Question, params: Mapping[str, Value]) -> Attribution:
    x = question.sample_with_gradient("Grad-CAM")
    maps: dict[str, Tensor] = {}

    def keep(path: str, port: str, tensor: Tensor) -> Tensor:
        if _is_feature_map(question, path, tensor):
            maps[path] = tensor
        return tensor

    with torch.enable_grad():
        score = question.score_tapped(x, keep)
        path = _choose(question, maps, params["layer"])
        features = maps[path]
        (gradient,) = torch.autograd.grad(score.sum(), features, allow_unused=True)
    if gradient is None:
        raise ExplainProblem(
            f"The score does not depend on {question.nodes[path].name}. Choose another layer."
        )
    places = tuple(range(2, features.dim()))
    weights = gradient.mean(places, keepdim=True)
    cam = (weights * features.detach()).sum(1, keepdim=True)
    if params["positive"]:
        cam = cam.relu()
    return Attribution(
        _over_the_sample(cam, question.x),
        settings={"layer": path},
        notes=(f"{'×'.join(map(str, features.shape[2:]))} places of {question.nodes[path].name}.",),
    )


def _is_feature_map(question: Question, path: str, tensor: Tensor) -> bool:
    """A convolution's output with channels and more than one place, as many dimensions as the input."""
    node = question.nodes.get(path)
    kind = node.kind.rpartition(".")[2] if node else ""
    dimensions = {"image": 4, "sequence": 3}.get(question.facts.form, 0)
    return (
        "Conv" in kind
        and tensor.dim() == dimensions
        and tensor.requires_grad
        and tensor.shape[2:].numel() > 1
    )


def _choose(question: Question, maps: Mapping[str, Tensor], wish: str) -> str:
    """Return the path of the layer that was asked for by path or name, else of the last one."""
    if not maps:
        raise ExplainProblem(
            "Grad-CAM needs a layer with feature maps, and this network has none. "
            "Choose Saliency or Occlusion."
        )
    if not wish:
        return list(maps)[-1]
    for path in maps:
        if wish in (path, question.nodes[path].name):
            return path
    names = ", ".join(question.nodes[path].name for path in maps)
    raise ExplainProblem(
        f"There is no layer with feature maps named {wish!r}. Choose one of {names}, "
        "or leave it empty for the last."
    )


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
                help="The convolution to look at, by name; empty for the last with feature maps.",
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
