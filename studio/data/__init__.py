"""Samples: where they come from, what is done to them, how they are divided, what is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from studio.data.audio import AUDIO
from studio.data.augmentation import augmenter, builtin_augmentations
from studio.data.cifar import CIFAR
from studio.data.csv_file import CSV
from studio.data.dataset import Dataset, open_dataset
from studio.data.download import fetch
from studio.data.generated import GENERATED
from studio.data.generated_graphs import GRAPHS
from studio.data.generated_pictures import PICTURES
from studio.data.generated_points import POINTS
from studio.data.generated_sequences import SEQUENCES
from studio.data.graph_files import GRAPH_FILES
from studio.data.idx import IDX
from studio.data.image_folder import IMAGE_FOLDER
from studio.data.image_masks import IMAGE_MASKS
from studio.data.image_table import IMAGE_TABLE
from studio.data.networkx_sets import NETWORKX
from studio.data.numpy_file import NUMPY
from studio.data.parquet_file import PARQUET
from studio.data.published import published_set, published_sources
from studio.data.samples import Samples
from studio.data.series import SERIES
from studio.data.sklearn_sets import SKLEARN
from studio.data.source import DataProblem, Loaded, Source
from studio.data.survey import survey
from studio.data.tar_samples import TAR
from studio.data.text_file import TEXT
from studio.data.text_labels import TEXT_LABELS
from studio.data.transforms import Fitted, Transform, builtin_transforms
from studio.data.worlds import GYMNASIUM
from studio.graph.project import DataRef
from studio.graph.spec import OptionSpec, SourceSpec

__all__ = [
    "DataProblem",
    "Dataset",
    "Fitted",
    "Loaded",
    "Samples",
    "Source",
    "Transform",
    "augmentations",
    "augmenter",
    "builtin_sources",
    "builtin_transforms",
    "fetch",
    "open",
    "published_set",
    "published_sources",
    "sources",
    "survey",
    "transforms",
]


#: In the order in which a person sees them: what is there, what is made up, what files hold.
_SOURCES = (
    *SKLEARN,
    *NETWORKX,
    *GENERATED,
    *POINTS,
    *SEQUENCES,
    *PICTURES,
    *GRAPHS,
    IMAGE_FOLDER,
    IMAGE_TABLE,
    IMAGE_MASKS,
    IDX,
    CIFAR,
    TAR,
    CSV,
    PARQUET,
    NUMPY,
    SERIES,
    TEXT,
    TEXT_LABELS,
    AUDIO,
    GRAPH_FILES,
    GYMNASIUM,
)


def builtin_sources() -> dict[str, Source]:
    """Return the sources that need no plugin, by kind."""
    return {source.spec.kind: source for source in _SOURCES}


def sources() -> dict[str, SourceSpec]:
    """Return what the catalogue shows of the built-in sources, by kind."""
    return {kind: source.spec for kind, source in builtin_sources().items()}


def transforms() -> dict[str, OptionSpec]:
    """Return what the catalogue shows of the built-in transforms, by kind."""
    return {kind: transform.spec for kind, transform in builtin_transforms().items()}


def augmentations() -> dict[str, OptionSpec]:
    """Return what the catalogue shows of the built-in augmentations, by kind."""
    return {kind: one.spec for kind, one in builtin_augmentations().items()}


def open(
    ref: DataRef,
    base: Path,
    extra_sources: Mapping[str, Source] | None = None,
    extra_transforms: Mapping[str, Transform] | None = None,
) -> Dataset:
    """Load what `ref` names; relative paths start at `base`, the project file's folder.

    Raises: DataProblem.
    """
    return open_dataset(
        ref,
        base,
        builtin_sources() | dict(extra_sources or {}),
        builtin_transforms() | dict(extra_transforms or {}),
    )
