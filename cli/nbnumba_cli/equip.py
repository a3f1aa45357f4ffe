"""What every command gets: -v and -q, a variable of the environment for each option, and help that tells of them."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import click
from click.core import ParameterSource

from nbnumba.errors import NbnumbaError, NbnumbaJobError
from nbnumba_cli import voice

PREFIX = "NBNUMBA"
#: Options whose variables without a command's name serve all commands.
SHARED = ("device", "precision", "threads")

_EPILOG = """\b
Environment:
  {specific} and so on: values of options not given on the command line.
{shared}  NUMBA_CACHE_DIR: folder for compiled code [default: XDG_CACHE_HOME or ~/.cache].

\b
Exit codes:
  0 done, 1 the job failed, 2 bad input or usage, 130 interrupted.
"""


def equip(command: click.Command, name: str = "") -> click.Command:
    """Give a command, or with no name the program itself, what all of them have, once.

    A command without parameters reads its words itself and stays as it is.
    """
    if (not command.params and name) or any(option.name == "verbose" for option in command.params):
        return command
    command.params += [_verbose(), _quiet()]
    for option in command.params:
        if isinstance(option, click.Option) and option.envvar is None and option.name != "version":
            option.envvar = variables(option, name)
    if name:
        command.callback = _naming_variables(command.callback)
        command.epilog = "\n\n".join(filter(None, [command.epilog, _epilog(command)]))
    return command


def variables(option: click.Option, command: str) -> list[str]:
    """Variables of the environment that an option is taken from, the first that is set."""
    word = max(option.opts, key=len).lstrip("-")
    names = [word, f"{command}-{word}"] if word in SHARED else [f"{command}-{word}"]
    return [f"{PREFIX}_{name.strip('-').replace('-', '_').upper()}" for name in reversed(names)]


def from_environment(ctx: click.Context) -> str:
    """Variables that options of the command were taken from, with their values."""
    taken = (o for o in ctx.command.params if ctx.get_parameter_source(str(o.name)) is ParameterSource.ENVIRONMENT)
    names = (next(name for name in option.envvar or [] if os.environ.get(name)) for option in taken)
    return ", ".join(f"{name}={os.environ[name]}" for name in names)


def _naming_variables(run: Callable[..., Any] | None) -> Callable[..., Any]:
    """The same function, whose errors about input add what was taken from the environment."""
    assert run is not None

    @functools.wraps(run)
    def running(*words: Any, **options: Any) -> Any:
        try:
            return run(*words, **options)
        except NbnumbaError as error:
            variables = from_environment(click.get_current_context())
            if variables and not isinstance(error, NbnumbaJobError):
                error.args = (f"{error} (from the environment: {variables})",)
            raise

    return running


def _verbose() -> click.Option:
    return click.Option(
        ["-v", "--verbose"], count=True, expose_value=False, callback=_more,
        help="Tell on stderr of files, sampling, loops and seconds; -vv of more.",
    )  # fmt: skip


def _quiet() -> click.Option:
    return click.Option(
        ["-q", "--quiet"], is_flag=True, expose_value=False, callback=_nothing,
        help="No progress and no notes on stderr; warnings and errors stay.",
    )  # fmt: skip


def _more(ctx: click.Context, option: click.Parameter, value: int) -> None:
    if value and not ctx.resilient_parsing:
        voice.ask(_source(ctx, option), value)


def _nothing(ctx: click.Context, option: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        voice.ask(_source(ctx, option), voice.QUIET)


def _source(ctx: click.Context, option: click.Parameter) -> ParameterSource:
    return ctx.get_parameter_source(str(option.name)) or ParameterSource.COMMANDLINE


def _epilog(command: click.Command) -> str:
    options = [option for option in command.params if isinstance(option, click.Option)]
    shared = [f"{PREFIX}_{option.name.upper()}" for option in options if option.name in SHARED]
    told = f"  {', '.join(shared)}: the same for all commands.\n" if shared else ""
    return _EPILOG.format(specific=(options[0].envvar or [""])[0], shared=told).strip()
