"""Dimensions with names: what stands for `T` in a probe, and the expression behind its answers.

A layer that gets `N×T×32` is asked several times, with other numbers for `T` each time. What comes out is
PyTorch's own answer; only the straight line through it is ours: `T−2`, `⌊(T−1)/2⌋`, `28·T`.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache

from studio.graph.facts import Dim
from studio.graph.formulas import evaluate

#: Samples in a probe: a prime that no layer has as its size, so that `N` can be told from numbers.
SAMPLES = 100_003
#: What a name counts as in costs where no data says how long it is.
TYPICAL = 64
#: Names stand for multiples of this, so that strides and windows of up to six come out even at first.
_STEP = 720
_PRIMES = (7, 11, 13, 17, 19, 23, 29, 31)
#: Offsets tried to find out where a rounded division jumps.
_JUMPS = 16

#: Numbers by name, and what a dimension was with them; None where PyTorch refused.
Sizes = Mapping[str, int]
Ask = Callable[[Sizes], int | None]


def names_in(dims: Iterable[Dim]) -> tuple[str, ...]:
    """Return the names in some dimensions, each once, without `N`."""
    found = {name for dim in dims if isinstance(dim, str) and dim != "N" for name in words(dim)}
    return tuple(sorted(found - {"N"}))


def worth(dim: Dim, sizes: Sizes) -> int:
    """Return the number that a dimension is, `N` being `SAMPLES` where no size says otherwise.

    Raises: FormulaError, for a name without a size.
    """
    if isinstance(dim, int):
        return dim
    if dim == "N":
        return sizes.get("N", SAMPLES)
    return int(evaluate(_formula(dim), {"N": SAMPLES, **sizes}))


def stand_ins(names: Sequence[str]) -> dict[str, int]:
    """Return a number for each name, far from those of layers and from each other."""
    return {
        name: _STEP * _PRIMES[place % len(_PRIMES)] * (1 + place // len(_PRIMES))
        for place, name in enumerate(names)
    }


def points(names: Sequence[str]) -> Iterator[dict[str, int]]:
    """Yield the sizes at which a layer has to work: the first ones, each doubled, all doubled."""
    base = stand_ins(names)
    yield base
    for name in names:
        yield base | {name: 2 * base[name]}
    if len(names) > 1:
        yield {name: 2 * size for name, size in base.items()}


def expression(names: Sequence[str], given: Iterable[Dim], ask: Ask) -> Dim | None:
    """Return the dimension whose number `ask` tells for any sizes, None where no expression fits.

    `given` are the dimensions that came in: what is one of them, or a product of some, is called so.
    """
    found = [(sizes, ask(sizes)) for sizes in points(names)]
    known = [(sizes, number) for sizes, number in found if number is not None]
    if len(known) < len(found):
        return None
    first = known[0][1]
    if all(number == first for _, number in known):
        return batches(first)
    product = _product(list(dict.fromkeys(dim for dim in given if isinstance(dim, str))), known)
    if product is not None:
        return product
    if all(number % SAMPLES == 0 for _, number in known):

        def of_one_sample(sizes: Sizes) -> int | None:
            number = ask(sizes)
            return None if number is None else number // SAMPLES

        line = _line(names, of_one_sample)
        return f"N·{_wrapped(line)}" if line else None
    return _line(names, ask)


def batches(number: int) -> Dim:
    """Return a constant, with `N` for the samples of a probe."""
    if number == 0 or number % SAMPLES:
        return number
    times = number // SAMPLES
    return "N" if times == 1 else f"{times}N"


def _product(given: Sequence[str], known: Sequence[tuple[Sizes, int]]) -> str | None:
    """Return the dimensions that were multiplied, with a whole factor: flattening gives `28·T`."""
    for count in range(1, min(len(given), 4) + 1):
        for parts in itertools.combinations(given, count):
            factors = set()
            for sizes, number in known:
                whole = math.prod(worth(part, sizes) for part in parts)
                factors.add(Fraction(number, whole) if whole else None)
            (factor, *others) = factors
            if others or factor is None or factor.denominator != 1 or factor < 1:
                continue
            if factor % SAMPLES == 0:  # one of the dimensions is still missing: N
                continue
            text = "·".join(_wrapped(part) if count > 1 else part for part in parts)
            if factor == 1:
                return text
            return f"{factor}{text}" if text.isidentifier() else f"{factor}·{_wrapped(text)}"
    return None


def _line(names: Sequence[str], ask: Ask) -> str | None:
    """Return the sum of multiples of names, or the rounded division of one, that answers as `ask`."""
    base = stand_ins(names)
    start = ask(base)
    assert start is not None  # `expression` has asked before
    slopes: dict[str, Fraction] = {}
    for name in names:
        there = ask(base | {name: 2 * base[name]})
        assert there is not None
        slopes[name] = Fraction(there - start, base[name])
    active = {name: slope for name, slope in slopes.items() if slope}
    rest = start - sum(slope * base[name] for name, slope in active.items())
    if rest.denominator != 1:
        return None
    if len(active) == 1:
        ((name, slope),) = active.items()
        return _division(name, slope, int(rest), base, ask)
    doubled = ask({name: 2 * size for name, size in base.items()})
    if doubled != 2 * (start - rest) + rest or any(s.denominator > 1 for s in active.values()):
        return None
    return _sum({name: int(slope) for name, slope in active.items()}, int(rest))


def _division(name: str, slope: Fraction, rest: int, base: dict[str, int], ask: Ask) -> str | None:
    """Return `⌊(p·T + c)/q⌋` with the only `c` that jumps where the answers do."""
    times, by = slope.numerator, slope.denominator
    if by == 1:
        near = ask(base | {name: base[name] + 1})
        straight = near in (None, times * (base[name] + 1) + rest)
        return _sum({name: times}, rest) if straight else None
    offsets = list(range(by * rest, by * rest + by))
    for beyond in range(1, min(by, _JUMPS)):
        number = ask(base | {name: base[name] + beyond})
        if number is None:  # it has to come out even
            offsets = [by * rest]
            break
        top = times * (base[name] + beyond)
        offsets = [offset for offset in offsets if (top + offset) // by == number]
    if len(offsets) != 1:
        return None
    whole = _sum({name: times}, offsets[0])
    return f"⌊{_wrapped(whole)}/{by}⌋"


def _sum(times: Mapping[str, int], rest: int) -> str:
    parts = []
    for name, factor in times.items():
        sign = "−" if factor < 0 else "+"
        parts.append(f"{sign}{'' if abs(factor) == 1 else abs(factor)}{name}")
    if rest:
        parts.append(f"{'−' if rest < 0 else '+'}{abs(rest)}")
    return "".join(parts).removeprefix("+")


def _wrapped(text: str) -> str:
    """Return an expression as a factor: sums in brackets."""
    plain = re.sub(r"⌊[^⌋]*⌋", "", text)
    return f"({text})" if re.search(r"[+−]", plain) else text


_NAME = re.compile(r"[A-Za-z_]\w*")


@lru_cache(maxsize=4096)
def words(text: str) -> frozenset[str]:
    return frozenset(_NAME.findall(text))


@lru_cache(maxsize=4096)
def _formula(text: str) -> str:
    """Return a dimension as a formula: `⌊(2T−1)/3⌋` is `=((2*T-1)//3)`."""
    plain = text.translate(str.maketrans("−·⌊⌋", "-*()"))
    return "=" + re.sub(r"(?<![\w])(\d+)(?=[A-Za-z_(])", r"\1*", plain.replace("/", "//"))
