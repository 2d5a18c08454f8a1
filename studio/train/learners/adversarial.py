"""Adversarial learning: a generator makes samples up, a discriminator tells them from real ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

from studio.data import Samples
from studio.engine import protocol as p
from studio.graph.answers import Answer, Wanted
from studio.graph.facts import DataFacts, TensorType
from studio.graph.params import Param, Value
from studio.graph.spec import OptionSpec
from studio.train.distance import frechet_distance
from studio.train.learner import Evaluation, Learning, Modes, Setup, Trace
from studio.train.options import checked
from studio.train.pictured import pictured
from studio.train.updates import Computed

#: The generator's input of this name gets random numbers; the discriminator is the role that is looked into.
LATENT = "z"
ROLES = ("discriminator", "generator")
_SHOWN, _JUDGED = 24, 512

Losses = Callable[[Tensor, Tensor], Tensor]


def _minimax(real: Tensor, fake: Tensor) -> Tensor:
    """Source: Goodfellow et al. 2014, equation 1, on logits."""
    return softplus(-real).mean() + softplus(fake).mean()


def _least_squares(real: Tensor, fake: Tensor) -> Tensor:
    """Source: Mao et al. 2017, equation 2 with a = 0, b = 1."""
    return 0.5 * ((real - 1).square().mean() + fake.square().mean())


def _hinge(real: Tensor, fake: Tensor) -> Tensor:
    """Source: Lim and Ye 2017, Geometric GAN, equation 16."""
    return relu(1 - real).mean() + relu(1 + fake).mean()


#: What the discriminator goes down, and what the generator does with its fakes' scores.
_LOSSES: Mapping[str, tuple[Losses, Callable[[Tensor], Tensor]]] = {
    "non-saturating": (_minimax, lambda fake: softplus(-fake).mean()),
    "least squares": (_least_squares, lambda fake: 0.5 * (fake - 1).square().mean()),
    "hinge": (_hinge, lambda fake: -fake.mean()),
}


class Adversarial:
    """Two networks, two optimisers, two steps a batch. Source: Goodfellow et al. 2014."""

    spec = OptionSpec(
        kind="core.adversarial",
        title="Adversarial",
        doc="A generator makes samples out of random numbers, a discriminator tells them from real ones, "
        "and each learns from the other. Draw two networks: generator, whose input z gets the random "
        "numbers, and discriminator, which answers one number.",
        params=(
            Param("latent", "int", 64, minimum=1, maximum=4096, help="Random numbers in z"),
            Param(
                "loss",
                "choice",
                "non-saturating",
                choices=tuple(_LOSSES),
                help="What the two networks minimise",
            ),
            Param(
                "discriminator_lr",
                "float",
                1.0,
                minimum=0.0,
                maximum=100.0,
                help="The discriminator's learning rate, as a multiple of the generator's",
            ),
            Param(
                "discriminator_steps",
                "int",
                1,
                minimum=1,
                maximum=20,
                help="Steps of the discriminator for each of the generator's",
            ),
        ),
    )
    roles = ROLES

    def suits(self, facts: DataFacts) -> str:
        """Return why samples cannot be made up."""
        if facts.sample.dtype.startswith("float") and set(facts.more) <= {LATENT}:
            return ""
        return f"Samples are made of numbers, but {facts.title} gives {facts.sample.dtype}."

    def gives(self, facts: DataFacts, params: Mapping[str, Value]) -> dict[str, TensorType]:
        """Return what the networks' inputs get beside the data."""
        return {LATENT: TensorType((int(params["latent"]),))}

    def wanted(self, facts: DataFacts, params: Mapping[str, Value]) -> Wanted:
        """Return a sample of the generator, one score of the discriminator."""
        shape = "×".join(map(str, facts.sample.shape))
        return {
            "generator": Answer(("N", *facts.sample.shape), f"Samples of {shape} are made up"),
            "discriminator": Answer(("N", 1), "Each sample gets one score: real, or made up"),
        }

    def score(self, facts: DataFacts) -> str:
        """Return how far made-up samples are from real ones."""
        return f"{'val' if facts.validation else 'train'}_frechet_distance"

    def start(self, setup: Setup) -> Learning:
        """Begin a run.

        Raises: TrainProblem.
        """
        return _Duel(setup)


class _Duel:
    def __init__(self, setup: Setup) -> None:
        settings = checked(Adversarial.spec, setup.recipe.learner_params, "learner")
        self._setup = setup
        self._latent = int(settings["latent"])
        self._of_discriminator, self._of_generator = _LOSSES[str(settings["loss"])]
        self._rounds = int(settings["discriminator_steps"])
        lr = setup.recipe.optimizer_params.get("lr")
        share = float(settings["discriminator_lr"])
        values = {"lr": share * float(lr)} if isinstance(lr, int | float) and share != 1 else None
        self._generator = setup.updates("generator")
        self._discriminator = setup.updates("discriminator", values=values)
        self.optimizers = (*self._generator.optimizers, *self._discriminator.optimizers)
        self._pace = 0

    # ------------------------------------------------------------------------------------ networks

    def _made(self, like: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return as many made-up samples as `like` has."""
        count, device = len(like), like.device
        latent = torch.randn(count, self._latent, device=device, generator=generator)
        given = Samples(like, like, {LATENT: latent})
        return self._setup.answer("generator", given).reshape(like.shape)

    def _scored(self, samples: Tensor) -> Tensor:
        return self._setup.answer("discriminator", Samples(samples, samples))

    # ---------------------------------------------------------------------------------- the course

    def step(self, batch: Samples) -> Trace:
        """Let the discriminator learn, and after its share of steps the generator."""
        real = batch.inputs
        with torch.no_grad():
            fake = self._made(real)

        def judge() -> Computed:
            of_real, of_fake = self._scored(real), self._scored(fake)
            return self._of_discriminator(of_real, of_fake), of_real.mean(), of_fake.mean()

        def deceive() -> Computed:
            return (self._of_generator(self._scored(self._made(real))),)

        told = [tensor.detach() for tensor in self._discriminator.take(judge)]
        for _ in range(self._rounds - 1):
            with torch.no_grad():
                fake = self._made(real)
            told = [tensor.detach() for tensor in self._discriminator.take(judge)]
        (loss,) = self._generator.take(deceive)
        return loss.detach(), *told

    def figures(self, traces: Sequence[Trace]) -> dict[str, Tensor]:
        """Return both losses, and the mean scores of real and of made-up samples."""
        names = ("train_loss", "discriminator_loss", "score_real", "score_made_up")
        columns = zip(*traces, strict=True)
        return {
            name: torch.stack(column).float() for name, column in zip(names, columns, strict=True)
        }

    def evaluate(self, samples: Samples) -> Evaluation:
        """Measure how far as many made-up samples are from these."""
        setup = self._setup
        generator = torch.Generator(setup.device).manual_seed(setup.recipe.seed)
        real = samples.inputs[:_JUDGED]
        with Modes(list(setup.networks.values())), torch.no_grad():
            made = self._made(real, generator)
            of_real, of_made = self._scored(real), self._scored(made)
            loss = self._of_generator(of_made)
            told = (
                (of_real > of_made.mean()).float().mean()
                + (of_made < of_real.mean()).float().mean()
            ) / 2
        metrics = {
            "loss": float(loss),
            "told_apart": float(told),
            "frechet_distance": frechet_distance(real, made),
        }
        return Evaluation(metrics)

    def present(self, outputs: Tensor) -> Tensor:
        """Return how sure the discriminator is that samples are real."""
        return outputs.float().sigmoid()

    def preview(self, samples: Samples) -> p.Preview:
        """Return samples made of the same random numbers every time."""
        setup, like = self._setup, samples.inputs
        generator = torch.Generator(setup.device).manual_seed(setup.recipe.seed)
        if like.ndim == 2 and like.shape[1] == 2:
            made = self._made(like, generator)
            arrays = {"points": made.float().cpu().numpy(), "real": like.float().cpu().numpy()}
            return p.Preview(0, "points", "Made up, over real ones", arrays)
        made = self._made(like[:_SHOWN], generator)
        arrays = {"images": pictured(made, setup.facts.value_range)}
        return p.Preview(0, "images", "Made up of the same random numbers", arrays)
