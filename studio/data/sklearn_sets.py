"""scikit-learn's own data sets: real, small, and there without a download."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from studio.data.source import Loaded, Source
from studio.data.transforms import STANDARDIZE_PARAM
from studio.graph.params import Value
from studio.graph.spec import SourceSpec


def _bunch(name: str, **settings: bool) -> Any:
    """Return one of scikit-learn's sets. It is imported only here: that takes half as long as torch."""
    from sklearn import datasets

    return getattr(datasets, f"load_{name}")(**settings)


def _digits_table() -> npt.NDArray[np.float64]:
    """Return 64 pixels from 0 to 16 and the digit, a row each.

    Every start of the studio shows these, so the file is read where scikit-learn keeps it: importing
    scikit-learn for it takes 0.7 s. Where it is not found there, scikit-learn is asked.
    """
    found = find_spec("sklearn")
    place = Path(found.origin or "").parent if found else Path()
    try:
        return np.loadtxt(place / "datasets" / "data" / "digits.csv.gz", delimiter=",")
    except (OSError, ValueError):
        bunch = _bunch("digits")
        return np.column_stack([bunch.data, bunch.target])


def read_digits() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Return scikit-learn's digits. Shapes: images `[1797, 8, 8]`, 0 to 1, and labels `[1797]`."""
    table = _digits_table()
    images = (table[:, :-1].reshape(-1, 8, 8) / 16).astype(np.float32)
    return images, table[:, -1].astype(np.int64)


def _digits(params: Mapping[str, Value], base: Path) -> Loaded:
    """Shapes: `[1797, 1, 8, 8]`. Source: Alpaydin and Kaynak 1998, UCI optical digits (test half)."""
    images, labels = read_digits()
    return Loaded(
        title="Digits",
        form="image",
        inputs=images[:, None],
        targets=labels,
        classes=tuple("0123456789"),
        scale=(0.0, 1.0),
    )


def _iris(params: Mapping[str, Value], base: Path) -> Loaded:
    """Shapes: `[150, 4]`. Source: Fisher 1936."""
    return _classes("Iris", _bunch("iris"))


def _breast_cancer(params: Mapping[str, Value], base: Path) -> Loaded:
    """Shapes: `[569, 30]`. Source: Street, Wolberg and Mangasarian 1993, Wisconsin diagnostic."""
    return _classes("Breast cancer", _bunch("breast_cancer"))


def _diabetes(params: Mapping[str, Value], base: Path) -> Loaded:
    """Shapes: `[442, 10]`, target `[442, 1]`. Source: Efron et al. 2004, Least angle regression."""
    bunch = _bunch("diabetes", scaled=False)
    return Loaded(
        title="Diabetes",
        form="table",
        inputs=bunch.data.astype(np.float32),
        targets=bunch.target[:, None].astype(np.float32),
        features=tuple(bunch.feature_names),
        target_names=("disease progression after a year",),
    )


def _wine(params: Mapping[str, Value], base: Path) -> Loaded:
    """Shapes: `[178, 13]`. Source: Forina et al. 1991, UCI wine recognition data."""
    return _classes("Wine", _bunch("wine"))


def _linnerud(params: Mapping[str, Value], base: Path) -> Loaded:
    """Shapes: `[20, 3]`, targets `[20, 3]`. Source: Tenenhaus 1998, La régression PLS."""
    bunch = _bunch("linnerud")
    return Loaded(
        title="Linnerud",
        form="table",
        inputs=bunch.data.astype(np.float32),
        targets=bunch.target.astype(np.float32),
        features=tuple(bunch.feature_names),
        target_names=tuple(bunch.target_names),
    )


def _classes(title: str, bunch: Any) -> Loaded:
    return Loaded(
        title=title,
        form="table",
        inputs=bunch.data.astype(np.float32),
        targets=bunch.target.astype(np.int64),
        classes=tuple(str(name) for name in bunch.target_names),
        features=tuple(str(name) for name in bunch.feature_names),
    )


SKLEARN = (
    Source(
        SourceSpec(
            kind="sklearn.digits",
            title="Digits",
            doc="1 797 handwritten digits, 8×8 pixels, from 43 people.",
            form="image",
        ),
        _digits,
    ),
    Source(
        SourceSpec(
            kind="sklearn.iris",
            title="Iris",
            doc="150 flowers of three species, told apart by four lengths and widths.",
            form="table",
            params=(STANDARDIZE_PARAM,),
        ),
        _iris,
    ),
    Source(
        SourceSpec(
            kind="sklearn.breast_cancer",
            title="Breast cancer",
            doc="569 tumours, benign or malignant, by 30 measures of cell nuclei.",
            form="table",
            params=(STANDARDIZE_PARAM,),
        ),
        _breast_cancer,
    ),
    Source(
        SourceSpec(
            kind="sklearn.diabetes",
            title="Diabetes",
            doc="442 patients; how far the disease has come a year later. Regression.",
            form="table",
            params=(STANDARDIZE_PARAM,),
        ),
        _diabetes,
    ),
    Source(
        SourceSpec(
            kind="sklearn.wine",
            title="Wine",
            doc="178 wines of three growers by 13 chemical measures.",
            form="table",
            params=(STANDARDIZE_PARAM,),
        ),
        _wine,
    ),
    Source(
        SourceSpec(
            kind="sklearn.linnerud",
            title="Linnerud",
            doc="20 men: weight, waist and pulse from three exercises. Regression of several targets; far too few samples to trust a figure.",
            form="table",
            params=(STANDARDIZE_PARAM,),
        ),
        _linnerud,
    ),
)
