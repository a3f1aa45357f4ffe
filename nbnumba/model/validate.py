"""Checks of single values, whose errors name the field, the value found and what is allowed."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

from nbnumba.errors import NbnumbaError

#: Wavelengths [A] of a beam, however they are given.
WAVELENGTHS = {"low": 1e-4, "high": 1e4}
#: Structure factors [electrons], factors on images, and photons/m^2: up to here, all that a product of them may leave
#: of a pixel, or take from it, is smaller than what float32 holds.
MOST_AMPLITUDE, MOST_SCALE, MOST_FLUENCE = 1e40, 1e40, 1e80
#: Offsets [mm] on a detector.
OFFSETS = {"low": -1e9, "high": 1e9}
#: Of random numbers by counter: seeds, numbers of images, and of pixels in an image.
LARGEST_SEED, LARGEST_IMAGE, LARGEST_PIXELS = 2**63 - 1, 2**32 - 1, 2**32
#: First and last pixels along slow and fast, the last ones excluded.
Roi = tuple[tuple[int, int], tuple[int, int]]
_LONGEST = 500  # characters of a value in a message


def refuse(field: str, found: Any, allowed: str) -> NbnumbaError:
    """Error that every check raises, in one form."""
    return NbnumbaError(f"{cut(field)}: found {shown(found)}; allowed: {allowed}")


def shown(value: Any) -> str:
    """A value in a message; of a long one, its beginning."""
    return cut(repr(value))


def cut(text: str) -> str:
    """Text, of a long one its beginning."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


def number(
    field: str,
    value: Any,
    unit: str = "",
    *,
    low: float = -math.inf,
    high: float = math.inf,
    above: float = -math.inf,
) -> float:
    """Return a finite float with low <= value <= high and value > above."""
    allowed = "a number" + _range_text(low, high, above) + (f" [{unit}]" if unit else "")
    if isinstance(value, (bool, str, bytes)):
        raise refuse(field, value, allowed)
    try:
        result = float(value)
    except (TypeError, ValueError, OverflowError):
        raise refuse(field, value, allowed) from None
    if not math.isfinite(result) or not low <= result <= high or not result > above:
        raise refuse(field, result, allowed)
    return result


def _range_text(low: float, high: float, above: float) -> str:
    parts = []
    if above > -math.inf:
        parts.append(f"above {above:g}")
    if low > -math.inf:
        parts.append(f"from {low:g}")
    if high < math.inf:
        parts.append(f"up to {high:g}")
    return " " + " ".join(parts) if parts else ""


def whole(field: str, value: Any, *, low: int, high: int = 2**31 - 1) -> int:
    """Return an integer with low <= value <= high; whole floats count."""
    allowed = f"a whole number from {low} to {high}"
    if isinstance(value, bool):
        raise refuse(field, value, allowed)
    try:
        result = int(value) if isinstance(value, float) and value.is_integer() else operator.index(value)
    except TypeError:
        raise refuse(field, value, allowed) from None
    if not low <= result <= high:
        raise refuse(field, result, allowed)
    return result


def flag(field: str, value: Any) -> bool:
    """Return True or False, nothing else."""
    if isinstance(value, bool):
        return value
    raise refuse(field, value, "true or false")


def choice(field: str, value: Any, allowed: Sequence[str]) -> str:
    """Return one of the allowed words; a misspelt one gets a suggestion."""
    if isinstance(value, str) and value in allowed:
        return value
    close = get_close_matches(str(value), allowed, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    raise refuse(field, value, " | ".join(allowed) + hint)


def is_list(value: Any) -> bool:
    """Whether a value holds others, as a tuple or an array does and a text does not."""
    return isinstance(value, Iterable) and not isinstance(value, str | bytes)


def numbers(field: str, values: Any, count: int, unit: str = "", **limits: float) -> tuple[float, ...]:
    """Return ``count`` floats, each checked as by ``number``."""
    allowed = f"{count} numbers" + (f" [{unit}]" if unit else "")
    if not is_list(values):
        raise refuse(field, values, allowed)
    items = list(values)
    if len(items) != count:
        raise refuse(field, items, allowed)
    return tuple(number(f"{field}[{i}]", item, unit, **limits) for i, item in enumerate(items))


def one_or_several(field: str, value: Any, count: int, unit: str = "", **limits: float) -> float | tuple[float, ...]:
    """Return a float, or ``count`` of them, each checked as by ``number``."""
    if is_list(value):
        return numbers(field, value, count, unit, **limits)
    return number(field, value, unit, **limits)


def counts(field: str, values: Any) -> tuple[int, ...]:
    """Return two whole numbers from 1 to a million, as of pixels along slow and fast."""
    return tuple(whole(field, n, low=1, high=10**6) for n in numbers(field, values, 2))


def ranges(field: str, value: Any, sizes: Sequence[int] = ()) -> Roi:
    """Return ((slow start, slow stop), (fast start, fast stop)), stops excluded; within sizes, if they are given."""
    within = f" within {sizes[0]} x {sizes[1]} pixels" if sizes else ""
    try:
        (s0, s1), (f0, f1) = value
    except (TypeError, ValueError):
        raise refuse(field, value, f"((slow start, slow stop), (fast start, fast stop)){within}") from None
    slow, fast = sizes or (2**31 - 1, 2**31 - 1)
    return _range(field, s0, s1, slow), _range(field, f0, f1, fast)


def _range(field: str, start: Any, stop: Any, size: int) -> tuple[int, int]:
    first = whole(field, start, low=0, high=size - 1)
    return first, whole(field, stop, low=first + 1, high=size)


def both(value: float | tuple[float, ...]) -> tuple[float, float]:
    """Two numbers, where one serves for both."""
    first, second = value if isinstance(value, tuple) else (value, value)
    return first, second


def direction(field: str, values: Any) -> tuple[float, ...]:
    """Return three components that are not all zero, as they were given."""
    components = numbers(field, values, 3)
    if not 1e-150 < math.hypot(*components) < 1e150:
        raise refuse(field, components, "a vector x, y, z of non-zero length")
    return components


def unknown_key(where: str, key: str, known: Sequence[str]) -> NbnumbaError:
    """Error for a name that does not exist, with the nearest one that does."""
    return NbnumbaError(f"{where}: no such key {shown(key)}.{nearest(key, known)} There are: {', '.join(known)}")


def nearest(name: str, known: Sequence[str]) -> str:
    """What to ask somebody who used a name that does not exist; empty where none is near."""
    close = get_close_matches(name, known, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
