"""Formulas: an arithmetic over names, exact where it can be, and never a traceback."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.graph.formulas import FormulaError, evaluate, is_formula, names_in, resolve

NAMES = {"width": 6, "rate": 0.5, "size": (3, 4), "on": True, "word": "abc"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("=width*2", 12),
        ("= width + 1 ", 7),
        ("=width/2", 3),
        ("=width/4", 1.5),
        ("=width//4", 1),
        ("=-width % 4", 2),
        ("=2**10", 1024),
        ("=rate*width", 3),
        ("=max(1, width - 9)", 1),
        ("=ceil(width/4)", 2),
        ("=int(sqrt(width*6))", 6),
        ("=log2(8)", 3),
        ("=(width, width*2)", (6, 12)),
        ("=size", (3, 4)),
        ("=on", True),
        ("=1e3", 1000),
    ],
)
def test_formulas_give_numbers_and_whole_ones_stay_whole(text: str, wanted: object) -> None:
    found = evaluate(text, NAMES)
    assert found == wanted
    assert type(found) is type(wanted)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("=", "needs 1 to 200 characters"),
        ("=" + "1+" * 200 + "1", "needs 1 to 200 characters"),
        ("=1 +", "is no formula"),
        ("=width = 3", "is no formula"),
        (
            "=depth*2",
            "reads depth, which has no value here. Known names: on, rate, size, width, word",
        ),
        ("=1/0", "cannot be worked out"),
        ("=9**99", "too large"),
        ("=2**62*2**62", "no number of usable size"),
        ("=(-8)**0.5", "no number of usable size"),
        ("=word*2", "needs to be a number, got 'abc'"),
        ("=on+1", "needs to be a number, got True"),
        ("=open('x')", "is not allowed"),
        ("=width.real", "is not allowed"),
        ("=[1, 2]", "is not allowed"),
        ("=max", "reads max, which has no value here"),
        ("=sqrt(1, 2)", "cannot be worked out"),
        ("=" + "9" * 199, "no number of usable size"),
        ("=min(width)", "needs two numbers or more"),
        ("=max()", "needs two numbers or more"),
        ("=max(*size)", "is not allowed"),
        ("=width if on else 2", "is not allowed"),
        ("='a'", "is not allowed"),
    ],
)
def test_what_is_no_formula_is_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(FormulaError) as refused:
        evaluate(text, NAMES)
    assert said in str(refused.value)


@settings(deadline=None, derandomize=True)
@given(st.text(alphabet="width0123456789+-*/%() .,!'=\"[]{}e_ñ\0\n", max_size=60))
def test_any_text_is_answered_or_refused(text: str) -> None:
    for use in (lambda: evaluate("=" + text, NAMES), lambda: names_in("=" + text)):
        with suppress(FormulaError):
            use()


def test_names_are_those_that_are_read() -> None:
    assert names_in("=max(width, rate*2) + width") == {"width", "rate"}


def test_only_texts_that_begin_with_the_sign_are_formulas() -> None:
    assert is_formula("=width")
    assert not any(is_formula(value) for value in ("width", "", 3, None, ("=width",)))


def test_parameters_without_formulas_are_handed_back_themselves() -> None:
    plain = {"a": 1, "b": "x"}
    assert resolve(plain, NAMES) is plain
    assert resolve({"a": "=width", "b": "x"}, NAMES) == {"a": 6, "b": "x"}


def test_a_failing_parameter_is_named() -> None:
    with pytest.raises(FormulaError) as refused:
        resolve({"a": 1, "b": "=gone"}, NAMES)
    assert refused.value.param == "b"
