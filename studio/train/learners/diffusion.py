"""Diffusion: a network learns to take noise away, a little at a time, until a sample is left."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from studio.data import Samples
from studio.engine import protocol as p
from studio.graph.answers import Answer, Wanted
from studio.graph.facts import DataFacts, TensorType
from studio.graph.params import Param, Value
from studio.graph.spec import OptionSpec
from studio.train.learner import Learning, Modes, Setup
from studio.train.measures import OfNothing
from studio.train.one_network import OneNetwork
from studio.train.options import checked
from studio.train.pictured import pictured

#: The network's inputs of these names get the time (0 to 1) and the class, where it has them.
TIME, LABEL = "t", "label"
_SHOWN, _FILM = 8, 8
#: Steps that a preview takes at most: training waits for it.
_PREVIEWED = 50


def noise_levels(schedule: str, steps: int) -> Tensor:
    """Return ᾱ, the share of a sample that is left after each of `steps` steps, float32 `[steps]`.

    Source: Ho et al. 2020, section 4 (linear, 10⁻⁴ to 0.02 over 1000 steps, scaled to fewer);
    Nichol and Dhariwal 2021, equation 17 (cosine).
    """
    if schedule == "linear":
        scale = 1000 / steps
        beta = torch.linspace(1e-4 * scale, min(0.02 * scale, 0.999), steps, dtype=torch.float64)
    else:
        at = torch.arange(steps + 1, dtype=torch.float64) / steps
        level = ((at + 0.008) / 1.008 * math.pi / 2).cos().square()
        beta = (1 - level[1:] / level[:-1]).clamp(max=0.999)
    return (1 - beta).cumprod(0).float()


class Diffusion:
    """Denoising diffusion with classifier-free guidance.

    Source: Ho et al. 2020; Ho and Salimans 2022.
    """

    spec = OptionSpec(
        kind="core.diffusion",
        title="Diffusion",
        doc="Noise is added to samples in many steps, and the network learns to predict it. Samples are "
        "then made out of nothing but noise. Its input x gets the noisy sample, t the time between 0 and "
        "1, and label the class number, if it has such an input (0: no class).",
        params=(
            Param(
                "steps", "int", 200, minimum=2, maximum=4000, help="Steps from a sample to noise"
            ),
            Param(
                "schedule",
                "choice",
                "cosine",
                choices=("cosine", "linear"),
                help="How the noise grows",
            ),
            Param(
                "drop_label",
                "float",
                0.1,
                minimum=0.0,
                maximum=1.0,
                help="Share of samples learned without their class, which guidance needs",
            ),
            Param(
                "guidance",
                "float",
                1.5,
                minimum=0.0,
                maximum=20.0,
                help="How strongly shown samples follow their class; 0: as learned",
            ),
        ),
    )
    roles = ("main",)

    def suits(self, facts: DataFacts) -> str:
        """Return why noise cannot be taken away."""
        if facts.sample.dtype.startswith("float") and set(facts.more) <= {TIME, LABEL}:
            return ""
        return f"Noise is added to numbers, but {facts.title} gives {facts.sample.dtype}."

    def gives(self, facts: DataFacts, params: Mapping[str, Value]) -> dict[str, TensorType]:
        """Return what the network's inputs get beside the noisy sample."""
        return {TIME: TensorType((1,)), LABEL: TensorType((1,), "int64")}

    def wanted(self, facts: DataFacts, params: Mapping[str, Value]) -> Wanted:
        """Return the noise, of a sample's shape."""
        shape = "×".join(map(str, facts.sample.shape))
        return {"main": Answer(("N", *facts.sample.shape), f"The noise in {shape} is predicted")}

    def score(self, facts: DataFacts) -> str:
        """Return the loss, on validation where there is one."""
        return "val_loss" if facts.validation else "train_loss"

    def start(self, setup: Setup) -> Learning:
        """Begin a run.

        Raises: TrainProblem.
        """
        return _Denoising(setup)


class _Denoising(OneNetwork):
    def __init__(self, setup: Setup) -> None:
        super().__init__(setup, OfNothing())
        settings = checked(Diffusion.spec, setup.recipe.learner_params, "learner")
        self._levels = noise_levels(str(settings["schedule"]), int(settings["steps"])).to(
            setup.device
        )
        self._drop, self._guidance = float(settings["drop_label"]), float(settings["guidance"])
        labelled = LABEL in setup.inputs["main"] and setup.facts.task == "classification"
        self._classes = len(setup.facts.classes) if labelled else 0
        low, high = setup.facts.value_range
        self._middle, self._half = (low + high) / 2, max((high - low) / 2, 1e-12)

    def prepared(self, batch: Samples, generator: torch.Generator | None = None) -> Samples:
        """Return samples under noise, with the noise as targets."""
        clean = (batch.inputs - self._middle) / self._half
        count, device = len(clean), clean.device
        at = torch.randint(len(self._levels), (count,), device=device, generator=generator)
        noise = torch.randn(clean.shape, device=device, generator=generator)
        level = self._levels[at].reshape(-1, *[1] * (clean.ndim - 1))
        noisy = level.sqrt() * clean + (1 - level).sqrt() * noise
        label = torch.zeros(count, 1, dtype=torch.long, device=device)
        if self._classes:
            kept = torch.rand(count, device=device, generator=generator) >= self._drop
            label[:, 0] = (batch.targets + 1) * kept
        return Samples(noisy, noise, self._more(at, label))

    def _more(self, at: Tensor, label: Tensor) -> dict[str, Tensor]:
        time = (at.float() / max(1, len(self._levels) - 1))[:, None]
        return {TIME: time, LABEL: label}

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Source: Ho et al. 2020, equation 14."""
        return mse_loss(outputs.reshape(targets.shape), targets)

    # ------------------------------------------------------------------------------------ sampling

    def sampled(
        self, like: Tensor, label: Tensor, generator: torch.Generator, most: int, films: int = 0
    ) -> tuple[Tensor, list[Tensor]]:
        """Return samples made of noise in `most` steps at most, and `films` looks at them on the way.

        Source: Ho et al. 2020, algorithm 2; fewer steps: Nichol and Dhariwal 2021, section 4;
        guidance: Ho and Salimans 2022, equation 6.
        """
        last = len(self._levels) - 1
        count = min(most, last + 1)
        steps = torch.linspace(0, last, count).round().long().tolist()
        looks = {round(k * (count - 1) / max(1, films - 1)) for k in range(films)}
        x = torch.randn(like.shape, device=like.device, generator=generator)
        film: list[Tensor] = []
        for number in reversed(range(count)):
            level = self._levels[steps[number]]
            before = self._levels[steps[number - 1]] if number else torch.ones_like(level)
            noise = self._noise(x, steps[number], label)
            clean = ((x - (1 - level).sqrt() * noise) / level.sqrt()).clamp(-1.5, 1.5)
            alpha = level / before
            pull = before.sqrt() * (1 - alpha) * clean + alpha.sqrt() * (1 - before) * x
            x = pull / (1 - level)
            if number:
                spread = ((1 - before) / (1 - level) * (1 - alpha)).sqrt()
                x = x + spread * torch.randn(x.shape, device=x.device, generator=generator)
            if number in looks:
                film.append(x)
        return x, film

    def _noise(self, x: Tensor, at: int, label: Tensor) -> Tensor:
        """Return the noise that the network sees in `x` at a step, led towards its class."""
        time = torch.full((len(x),), at, device=x.device)
        seen = self._told(x, time, label)
        if not self._classes or not self._guidance:
            return seen
        plain = self._told(x, time, torch.zeros_like(label))
        return seen + self._guidance * (seen - plain)

    def _told(self, x: Tensor, time: Tensor, label: Tensor) -> Tensor:
        return self.setup.answer("main", Samples(x, x, self._more(time, label))).reshape(x.shape)

    def preview(self, samples: Samples) -> p.Preview:
        """Return a film strip: a row for each sample, from noise to what was made of it."""
        setup = self.setup
        generator = torch.Generator(setup.device).manual_seed(setup.recipe.seed)
        like = samples.inputs[:_SHOWN]
        label = torch.arange(len(like), device=like.device)[:, None] % max(1, self._classes)
        label = label + 1 if self._classes else torch.zeros_like(label)
        with Modes([setup.networks["main"]]), torch.no_grad():
            made, film = self.sampled(like, label, generator, _PREVIEWED, _FILM)
        strip = torch.stack(film, 1).flatten(0, 1) * self._half + self._middle
        if like.ndim == 2 and like.shape[1] == 2:
            points = made * self._half + self._middle
            arrays = {"points": points.float().cpu().numpy(), "real": like.float().cpu().numpy()}
            return p.Preview(0, "points", "Made of noise, over real ones", arrays)
        arrays = {"images": pictured(strip, setup.facts.value_range)}
        title = f"From noise to a sample, {_FILM} looks each"
        return p.Preview(0, "images", title, arrays)
