"""What the compiler's tests share: the catalogue and two kinds of data."""

import pytest

from studio import layers
from studio.graph.facts import DataFacts, TensorType
from studio.graph.spec import LayerSpec


@pytest.fixture(scope="session")
def specs() -> dict[str, LayerSpec]:
    return layers.builtin()


@pytest.fixture(scope="session")
def digits() -> DataFacts:
    return DataFacts(
        title="Digits",
        train=100,
        validation=20,
        test=0,
        sample=TensorType((1, 28, 28)),
        form="image",
        task="classification",
        classes=tuple("0123456789"),
    )


@pytest.fixture(scope="session")
def table() -> DataFacts:
    return DataFacts(
        title="Table",
        train=100,
        validation=20,
        test=0,
        sample=TensorType((8,)),
        form="table",
        task="regression",
        target_shape=(1,),
    )
