"""Distributions of single values: each turns a number u, even over (0, 1), into a value by its quantiles.

So random numbers, a low-discrepancy sequence and a grid are three ways to choose u, or a place, and nothing else.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, time
from itertools import accumulate
from statistics import NormalDist
from typing import Any, ClassVar

from nbnumba.errors import NbnumbaError
from nbnumba.model.validate import flag, number, refuse, unknown_key, whole

_NORMAL = NormalDist()
_LARGEST = 2**63


@dataclass(frozen=True)
class Uniform:
    """Even between low and high."""

    low: float
    high: float
    short: ClassVar[tuple[str, ...]] = ("low", "high")

    def check(self, where: str) -> None:
        """Refuse limits that are none."""
        _check_limits(where, self.low, self.high)

    def quantile(self, u: float) -> float:
        """Value below which a share u lies."""
        return self.low + (self.high - self.low) * u


@dataclass(frozen=True)
class LogUniform(Uniform):
    """Even in the logarithm between low and high, both above 0."""

    def check(self, where: str) -> None:
        """Refuse limits that have no logarithm."""
        number(f"{where}.low", self.low, above=0.0)
        _check_limits(where, self.low, self.high)

    def quantile(self, u: float) -> float:
        """Value below which a share u lies."""
        return float(self.low * (self.high / self.low) ** u)


@dataclass(frozen=True)
class Integer:
    """Whole numbers from low to high, both included, all alike."""

    low: int
    high: int
    short: ClassVar[tuple[str, ...]] = ("low", "high")

    def check(self, where: str) -> None:
        """Refuse limits that are none."""
        low = whole(f"{where}.low", self.low, low=-(2**53), high=2**53)
        whole(f"{where}.high", self.high, low=low, high=2**53)

    def quantile(self, u: float) -> int:
        """Value below which a share u lies."""
        return min(int(self.low + math.floor((self.high - self.low + 1) * u)), int(self.high))


@dataclass(frozen=True)
class Normal:
    """Normal, of mean and standard deviation, cut off at low and high if they are given."""

    mean: float
    sd: float
    low: float = -math.inf
    high: float = math.inf
    short: ClassVar[tuple[str, ...]] = ("mean", "sd")

    def check(self, where: str) -> None:
        """Refuse a width that is none, and limits with nothing between them."""
        number(f"{where}.mean", self.mean)
        number(f"{where}.sd", self.sd, low=0.0)
        for name in ("low", "high"):
            if isinstance(getattr(self, name), bool | str) or math.isnan(getattr(self, name)):
                raise refuse(f"{where}.{name}", getattr(self, name), "a number")
        first, last = self._shares
        if not self.low < self.high or (self.sd > 0.0 and not last - first > 1e-12):
            raise refuse(f"{where}.low and high", (self.low, self.high), "limits with a share of the normal between")

    @property
    def _shares(self) -> tuple[float, float]:
        """Shares of the whole normal distribution below low and high."""
        if self.sd == 0.0:
            return 0.0, 1.0
        return _NORMAL.cdf((self.low - self.mean) / self.sd), _NORMAL.cdf((self.high - self.mean) / self.sd)

    def quantile(self, u: float) -> float:
        """Value below which a share u lies."""
        first, last = self._shares
        share = min(max(first + (last - first) * u, 1e-300), 1.0 - 2.0**-53)
        return min(max(self.mean + self.sd * _NORMAL.inv_cdf(share), self.low), self.high)


@dataclass(frozen=True)
class Choice:
    """One of several values, all alike or by weights."""

    values: tuple[Any, ...]
    weights: tuple[float, ...] | None = None
    short: ClassVar[tuple[str, ...]] = ("values",)

    def check(self, where: str) -> None:
        """Refuse nothing to choose from, and weights that are none."""
        _check_values(where, self.values)
        weights = self.weights
        if weights is not None:
            each = [number(f"{where}.weights[{i}]", w, low=0.0) for i, w in enumerate(weights)]
            if len(each) != len(self.values) or not sum(each) > 0.0:
                raise refuse(f"{where}.weights", weights, f"{len(self.values)} weights, one for each value, not all 0")

    def quantile(self, u: float) -> Any:
        """Value at a share u of the weights, in the order given."""
        if self.weights is None:
            return self.values[min(int(u * len(self.values)), len(self.values) - 1)]
        sums = list(accumulate(self.weights))
        return self.values[min(bisect_right(sums, u * sums[-1]), len(self.values) - 1)]


@dataclass(frozen=True)
class Grid:
    """Image i takes the i-th combination of the values of all grids, those of the last one changing fastest."""

    values: tuple[Any, ...]
    short: ClassVar[tuple[str, ...]] = ("values",)

    def check(self, where: str) -> None:
        """Refuse an empty grid."""
        _check_values(where, self.values)


@dataclass(frozen=True)
class Expression:
    """What follows from other values."""

    text: str
    short: ClassVar[tuple[str, ...]] = ("text",)

    def check(self, where: str) -> None:
        """Refuse what is no arithmetic."""
        from nbnumba.datasets.expressions import parsed

        if not isinstance(self.text, str):
            raise refuse(where, self.text, "an expression, as text")
        parsed(where, self.text)


#: Shares nearest to 0 and 1 of the random numbers, and values of a long list that are looked at.
_SHARE, _SEVERAL = 2.0**-53, 100


def extremes(distribution: Distribution, count: int) -> tuple[Any, ...]:
    """Values that show whether all that are drawn of ``count`` images are good: both ends, or all that are listed.

    Of a normal distribution without an end, what one of so many images is beyond; of a long list of numbers, its ends.
    """
    if isinstance(distribution, Choice | Grid):
        values = distribution.values
        are_numbers = all(isinstance(value, int | float) for value in values)
        return (min(values), max(values)) if are_numbers and len(values) > _SEVERAL else values
    if isinstance(distribution, Expression):
        return ()
    is_open = [isinstance(distribution, Normal) and math.isinf(end) for end in (distribution.low, distribution.high)]
    low, high = (1.0 / (count + 1) if one else _SHARE for one in is_open)
    return distribution.quantile(low), distribution.quantile(1.0 - high)


Distribution = Uniform | LogUniform | Integer | Normal | Choice | Grid | Expression
KINDS: dict[str, type] = {
    "uniform": Uniform,
    "loguniform": LogUniform,
    "integer": Integer,
    "normal": Normal,
    "choice": Choice,
    "grid": Grid,
    "expression": Expression,
}
#: How a drawn number becomes the value of a field.
MODIFIERS = ("scaled", "added", "each", "sobol")


@dataclass(frozen=True)
class Drawing:
    """How a value is drawn.

    Attributes:
        distribution: of the number.
        scaled: the base's value is multiplied by it (of a cell, its lengths).
        added: it is added to the base's value.
        each: every component of the base's value gets a number of its own.
        sobol: numbers fill the space of all values so marked evenly.
    """

    distribution: Distribution
    scaled: bool = False
    added: bool = False
    each: bool = False
    sobol: bool = False

    def table(self) -> dict[str, Any]:
        """As in TOML, all parameters by name."""
        kind = next(name for name, known in KINDS.items() if type(self.distribution) is known)
        found: dict[str, Any] = {"distribution": kind}
        for item in fields(self.distribution):
            value = getattr(self.distribution, item.name)
            if value is not None and not (isinstance(value, float) and math.isinf(value)):
                found[item.name] = plain(value)
        return found | {name: True for name in MODIFIERS if getattr(self, name)}


def plain(value: Any) -> Any:
    """Tuples as lists, at any depth."""
    return [plain(item) for item in value] if isinstance(value, tuple | list) else value


def frozen(value: Any) -> Any:
    """Lists as tuples, at any depth."""
    return tuple(frozen(item) for item in value) if isinstance(value, list | tuple) else value


def drawing(where: str, table: Mapping[str, Any]) -> Drawing:
    """A drawing from a table {distribution = "uniform", low = 0, high = 1}, as ``spelled_out`` makes it.

    Raises:
        NbnumbaError: an unknown distribution or parameter, or a value that is not allowed.
    """
    values = dict(table)
    name = values.pop("distribution", None)
    if not isinstance(name, str) or name not in KINDS:
        raise unknown_distribution(where, str(name))
    kind = KINDS[name]
    modifiers = {key: flag(f"{where}.{key}", values.pop(key)) for key in MODIFIERS if key in values}
    known = [item.name for item in fields(kind)]
    for key in values:
        if key not in known:
            raise unknown_key(where, key, [*known, *MODIFIERS])
    missing = [key for key in kind.short if key not in values]  # type: ignore[attr-defined]
    if missing:
        raise NbnumbaError(f"{where}.{missing[0]}: found nothing; {name} needs {', '.join(kind.short)}")  # type: ignore[attr-defined]
    distribution = kind(**{key: frozen(value) for key, value in values.items()})
    distribution.check(where)
    if kind in (Uniform, LogUniform, Normal):  # 1 and 1.0 are one limit
        distribution = kind(**{key: float(value) for key, value in values.items()})
    _check_modifiers(where, name, modifiers)
    return Drawing(distribution, **modifiers)


def _check_modifiers(where: str, kind: str, modifiers: Mapping[str, bool]) -> None:
    if modifiers.get("scaled") and modifiers.get("added"):
        raise refuse(f"{where}.scaled and added", True, "one of them")
    if kind in ("grid", "expression") and (modifiers.get("sobol") or modifiers.get("each")):
        raise refuse(f"{where}.sobol and each", True, f"nothing for {kind}, which draws no random numbers")


def spelled_out(where: str, value: Any) -> dict[str, Any]:
    """Table with all parameters by name of {uniform = [0, 1]}, {uniform = {low = 0, high = 1}} or one that is so.

    Raises:
        NbnumbaError: it is none of these.
    """
    if not isinstance(value, dict):
        raise spelled_error(where, value)
    kinds = [key for key in value if key in KINDS]
    if "distribution" in value or len(kinds) != 1:
        if "distribution" in value and not kinds:
            return dict(value)
        raise refuse(where, value, f"one of {', '.join(KINDS)}")
    kind, given = kinds[0], value[kinds[0]]
    others = {key: item for key, item in value.items() if key != kind}
    if isinstance(given, dict):
        return {"distribution": kind, **given, **others}
    short: tuple[str, ...] = KINDS[kind].short  # type: ignore[attr-defined]
    if len(short) == 1:
        return {"distribution": kind, short[0]: given, **others}
    if not isinstance(given, list | tuple) or len(given) != len(short):
        raise refuse(f"{where}.{kind}", given, f"[{', '.join(short)}]")
    return {"distribution": kind, **dict(zip(short, given, strict=True)), **others}


def is_spelled(value: Any) -> bool:
    """Whether this table describes a distribution, rather than holding several by name."""
    return isinstance(value, dict) and ("distribution" in value or any(key in KINDS for key in value))


def by_name(where: str, tables: Any) -> dict[str, dict[str, Any]]:
    """Tables of distributions by dotted name, out of tables that may be nested."""
    if not isinstance(tables, dict):
        raise refuse(where, tables, "a table of distributions")
    found: dict[str, dict[str, Any]] = {}
    for key, value in tables.items():
        here = f"{where}.{key}"
        if is_spelled(value):
            found[key] = spelled_out(here, value)
        elif isinstance(value, dict) and value:
            found |= {f"{key}.{name}": table for name, table in by_name(here, value).items()}
        else:
            raise unknown_distribution(where, key) if isinstance(value, list) else spelled_error(here, value)
    return found


def spelled_error(where: str, value: Any) -> NbnumbaError:
    """Error for what is no distribution."""
    return refuse(where, value, "a distribution, as {uniform = [0.1, 0.5]}")


def unknown_distribution(where: str, name: str) -> NbnumbaError:
    """Error for a distribution that does not exist."""
    return unknown_key(f"{where}, distribution", name, list(KINDS))


def _check_limits(where: str, low: Any, high: Any) -> None:
    number(f"{where}.high", high, low=number(f"{where}.low", low))


def _check_values(where: str, values: Any) -> None:
    if not isinstance(values, tuple) or not values:
        raise refuse(f"{where}.values", values, "a list of one or more values")
    for value in values:
        if isinstance(value, str) and "\0" in value:  # which ends a text in a file
            raise refuse(f"{where}.values", value, "texts without the character 0")
        if isinstance(value, int) and abs(value) >= _LARGEST:
            raise refuse(f"{where}.values", value, "whole numbers of 64 bits")
        if _is_moment(value):
            raise refuse(f"{where}.values", value, "numbers, texts, true, false, and lists and tables of these")


def _is_moment(value: Any) -> bool:
    """Whether there is a date or a time in it."""
    if isinstance(value, tuple | list | Mapping):
        return any(map(_is_moment, value.values() if isinstance(value, Mapping) else value))
    return isinstance(value, date | time)
