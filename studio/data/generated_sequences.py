"""Made-up tasks that answer a sequence with a sequence: copy it, reverse it, write a date another way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from studio.data.making import Draw, made_source
from studio.data.source import Loaded
from studio.data.tokens import END, PADDING, START
from studio.graph.facts import LEFT_OUT
from studio.graph.params import Param, Value

#: What stands for itself in every vocabulary here, in this order.
_SPECIAL = (PADDING, START, END)

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
#: Ways to write a date.
_STYLES = 6
_DIGITS = tuple("0123456789-")


def pairs(
    title: str,
    questions: Sequence[str],
    answers: Sequence[str],
    letters: tuple[str, ...],
    answer_letters: tuple[str, ...],
    note: str,
) -> Loaded:
    """Return questions and answers as tokens, one a letter.

    The answer ends with `<end>`; `more["target"]` is the answer one step later, after `<start>`, as a
    decoder is fed while it learns.

    Shapes: inputs `[n, s]` filled up with `<pad>`, targets and `target` `[n, t]`, targets −100 after the end.
    """
    vocabulary, classes = (*_SPECIAL, *letters), (*_SPECIAL, *answer_letters)
    asked = _tokens(questions, vocabulary, "", "", 0)
    wanted = _tokens(answers, classes, "", END, LEFT_OUT)
    fed = _tokens(answers, classes, START, "", 0)
    return Loaded(
        title=title,
        form="text",
        inputs=asked,
        targets=wanted,
        task="tokens",
        classes=classes,
        vocabulary=vocabulary,
        more={"target": fed},
        notes=(note,),
    )


def _tokens(
    texts: Sequence[str], vocabulary: Sequence[str], first: str, last: str, filler: int
) -> NDArray[np.int64]:
    number = {token: at for at, token in enumerate(vocabulary)}
    extra = bool(first) + bool(last)
    found = np.full((len(texts), max(map(len, texts)) + extra), filler, dtype=np.int64)
    for row, text in zip(found, texts, strict=True):
        tokens = [*([first] if first else []), *text, *([last] if last else [])]
        row[: len(tokens)] = [number[token] for token in tokens]
    return found


def _words(params: Mapping[str, Value], draw: Draw) -> list[str]:
    """Return words, each once as far as there are enough different ones."""
    letters = list("abcdefghijklmnopqrstuvwxyz"[: int(params["letters"])])
    count, longest = int(params["samples"]), int(params["length"])
    words = ["".join(draw.choice(letters, longest))]  # so that shapes do not depend on chance
    known = set(words)
    tries = 20 * count
    while len(words) < count:
        tries -= 1
        word = "".join(draw.choice(letters, int(draw.integers(1, longest + 1))))
        if word not in known or tries < 0:
            known.add(word)
            words.append(word)
    return words


def _copy(params: Mapping[str, Value], draw: Draw) -> Loaded:
    """Source: Graves, Wayne and Danihelka 2014, Neural Turing Machines, section 4.1."""
    words = _words(params, draw)
    letters = tuple("abcdefghijklmnopqrstuvwxyz"[: int(params["letters"])])
    note = f"Words of 1 to {params['length']} letters."
    return pairs("Copy", words, words, letters, letters, note)


def _reverse(params: Mapping[str, Value], draw: Draw) -> Loaded:
    """Source: Sutskever, Vinyals and Le 2014, Sequence to Sequence Learning, section 3.3, for the idea."""
    words = _words(params, draw)
    letters = tuple("abcdefghijklmnopqrstuvwxyz"[: int(params["letters"])])
    note = f"Words of 1 to {params['length']} letters."
    return pairs("Reverse", words, [word[::-1] for word in words], letters, letters, note)


def _dates(params: Mapping[str, Value], draw: Draw) -> Loaded:
    """Dates as people write them, and as ISO 8601 does."""
    first = date(1900, 1, 1)
    span = (date(2100, 1, 1) - first).days
    drawn = draw.choice(span * _STYLES, int(params["samples"]), replace=False)
    days = [first + timedelta(days=int(number % span)) for number in drawn]
    written = [_written(day, int(number // span)) for day, number in zip(days, drawn, strict=True)]
    letters = tuple(sorted({*"0123456789 .,", *"".join(_MONTHS + _DAYS), *"the of st nd rd"}))
    answers = [day.isoformat() for day in days]
    note = "Days from 1900 to 2099 in six ways of writing; the answer is always year-month-day."
    return pairs("Dates", written, answers, letters, _DIGITS, note)


def _written(day: date, style: int) -> str:
    """Return a date in one of six ways, in English whatever the machine's language is."""
    month, name = _MONTHS[day.month - 1], _DAYS[day.weekday()]
    if 11 <= day.day <= 13:
        ending = "th"
    else:
        ending = {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th")
    return (
        f"{day.day} {month} {day.year}",
        f"{month} {day.day}, {day.year}",
        f"{day.day}. {month[:3]}. {day.year}",
        f"{name}, {day.day} {month} {day.year}",
        f"{name[:3]} {month[:3]} {day.day} {day.year}",
        f"the {day.day}{ending} of {month} {day.year}",
    )[style]


_LETTERS = Param("letters", "int", 8, minimum=2, maximum=26, help="Different letters")
_LENGTH = Param("length", "int", 10, minimum=1, maximum=200, help="Letters of the longest word")
_MANY = Param("samples", "int", 2000, minimum=20, maximum=100_000, help="How many are made")

SEQUENCES = (
    made_source(
        "copy",
        "Copy",
        "Say a word again: what an encoder must carry over, attention just looks up.",
        "text",
        _copy,
        _LENGTH,
        _LETTERS,
        count=_MANY,
    ),
    made_source(
        "reverse",
        "Reverse",
        "Say a word backwards: attention draws the other diagonal.",
        "text",
        _reverse,
        _LENGTH,
        _LETTERS,
        count=_MANY,
    ),
    made_source(
        "dates",
        "Dates",
        "Written dates to ISO: 'the 3rd of May 1997' becomes 1997-05-03.",
        "text",
        _dates,
        count=_MANY,
    ),
)
