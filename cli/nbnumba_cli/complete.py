"""What a shell can complete after an option; each list is read where it is kept, when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields

import click
from click.shell_completion import CompletionItem

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def among(words: Callable[[], Iterable[str]], last: bool = False) -> Complete:
    """Complete words; with ``last``, the last one of a list with commas."""

    def complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
        before = incomplete[: incomplete.rfind(",") + 1] if last else ""
        return [CompletionItem(before + word) for word in words() if (before + word).startswith(incomplete)]

    return complete


def parameters(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of parameters, with their units."""
    from nbnumba.model.parameters import PARAMETERS

    return [CompletionItem(name, help=p.unit) for name, p in PARAMETERS.items() if name.startswith(incomplete)]


def _parameters_to_set() -> Iterable[str]:
    from nbnumba.model.parameters import PARAMETERS

    return [f"{name}=" for name in PARAMETERS]


def _quantities() -> Iterable[str]:
    from nbnumba.tracer.quantities import QUANTITIES

    return QUANTITIES


def _systems() -> Iterable[str]:
    from nbnumba.refinement.free import SYSTEMS

    return SYSTEMS


def _settings() -> Iterable[str]:
    """Fields of all parts of an experiment, and detectors where one can be named."""
    from nbnumba.model.changes import PARTS
    from nbnumba.model.presets import PRESETS

    for part, kind in PARTS.items():
        yield from (f"{part}.{field.name}=" for field in fields(kind))
    for part in ("detector", "response"):
        yield from (f"{part}.preset={name}" for name in PRESETS)


devices = among(lambda: ("cpu", "cuda"))
settings = among(_settings)
set_parameters = among(_parameters_to_set)
quantities = among(_quantities, last=True)
systems = among(_systems)
