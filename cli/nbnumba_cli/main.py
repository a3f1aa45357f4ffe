"""The program ``nbnumba``: its commands, each loaded when it is used, and what its exit codes mean."""

from __future__ import annotations

import difflib
import os
import sys
import warnings
from contextlib import suppress
from importlib import import_module
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

from nbnumba import __version__
from nbnumba.errors import NbnumbaError, NbnumbaJobError
from nbnumba_cli import interrupt, voice
from nbnumba_cli.equip import equip, from_environment

COMPLETE = "_NBNUMBA_COMPLETE"  # variable by which a shell asks for completions
FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130

#: Command -> (module, one line of help), so that --help needs no command's imports.
COMMANDS = {
    "bench": ("nbnumba_cli.bench", "Measure the speed of rendering on this machine."),
    "check": ("nbnumba_cli.check", "Tell which rules of NXmx and of its readers an HDF5 file breaks."),
    "compare": ("nbnumba_cli.compare", "Tell how alike two images are, in figures and as a picture."),
    "completion": ("nbnumba_cli.completion", "Print the script that completes words in a shell."),
    "convert": ("nbnumba_cli.convert", "Turn nanoBragg's flags into an experiment, or an image into another format."),
    "dataset": (
        "nbnumba_cli.dataset",
        "Make a data set for machine learning: many images with labels, from one recipe.",
    ),
    "demo": ("nbnumba_cli.demo", "Render a built-in example: HDF5, picture and what to try next."),
    "derivatives": ("nbnumba_cli.derivatives", "Render an image and its derivatives by parameters."),
    "help": ("nbnumba_cli.help", "Tell about the program, or about a command."),
    "info": ("nbnumba_cli.info", "Tell about this installation, what a file holds, or an experiment's geometry."),
    "nanobragg": ("nbnumba_cli.nanobragg", "Take nanoBragg's flags and write its files."),
    "refine": ("nbnumba_cli.refine", "Refine parameters of an experiment against an image."),
    "simulate": ("nbnumba_cli.simulate", "Render the image of an experiment into an HDF5 file."),
    "trace": ("nbnumba_cli.trace", "Show every number inside one pixel, step by step."),
    "view": ("nbnumba_cli.view", "Draw the image of a file, with resolution rings and predicted spots."),
}


EPILOG = """\b
Environment:
  NBNUMBA_DEVICE, NBNUMBA_PRECISION, NBNUMBA_THREADS: defaults of these options in all commands.
  NBNUMBA_VERBOSE, NBNUMBA_QUIET: numbers for -v, 1 for -q.
  NBNUMBA_COMMAND_OPTION: default of an option of one command, as NBNUMBA_SIMULATE_OUTPUT.
  NUMBA_CACHE_DIR: folder for compiled code [default: XDG_CACHE_HOME or ~/.cache].
"""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        return equip(import_module(COMMANDS[cmd_name][0]).command, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; one that does not exist gets the nearest that does."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            near = difflib.get_close_matches(name, COMMANDS, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"There is: {', '.join(COMMANDS)}."
            ctx.fail(f"No such command {name!r}. {hint}")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names of commands, without importing them."""
        found = [CompletionItem(name, help=text) for name, (_, text) in COMMANDS.items() if name.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the program's own options."""
        voice.begin()
        if any("\0" in word for word in args):
            raise click.UsageError("Found a null character; no word can hold one.")
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command, with the library's log on stderr."""
        threads = os.environ.get("NUMBA_NUM_THREADS", "")
        if threads.lstrip("-").isdecimal() and not 1 <= int(threads) <= 4096:  # with which Numba ends in a crash
            raise NbnumbaError(f"NUMBA_NUM_THREADS: found {threads}; allowed: 1 to 4096, or nothing for all cores")
        if hasattr(sys.stdout, "reconfigure"):  # names of files need not be UTF-8
            sys.stdout.reconfigure(errors="backslashreplace")
        with voice.listening():
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="nbnumba")
def cli() -> None:
    """Simulate X-ray diffraction images of crystals.

    Results go to stdout; progress and warnings to stderr. Exit codes: 0 done, 1 the job failed, 2 bad input or usage,
    130 interrupted. nbnumba help COMMAND, or nbnumba COMMAND --help, tells about a command.

    \b
    Examples:
      nbnumba demo
      nbnumba help simulate
      nbnumba -v simulate crystal.toml -o image.h5
    """


equip(cli)


def _print_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    click.echo(f"Warning: {message}", err=True)


def _show(error: click.ClickException) -> None:
    """Tell what is wrong with the words of the command line, and which of them variables stand for."""
    error.show()
    ctx = getattr(error, "ctx", None)
    variables = "" if ctx is None else from_environment(ctx)
    if variables:
        click.echo(f"From the environment: {variables}", err=True)


def main(args: list[str] | None = None, name: str = "nbnumba") -> NoReturn:
    """Run the program and exit with its code; bad input ends in one message, never in a traceback.

    Args:
        args: the words of the command line; None: those that this process was given.
        name: of the program in lines about its usage.
    """
    warnings.showwarning = _print_warning
    if COMPLETE in os.environ:
        import_module("nbnumba_cli.bash")
    interrupt.listen()
    try:
        code = _run(args, name)
        interrupt.be_deaf()
    except (KeyboardInterrupt, click.Abort) as error:
        left = str(error.__cause__ or error) or "no half-written file was left behind"
        click.echo(f"Interrupted: {left}.", err=True)
        if sys.stdout is not None:
            with suppress(OSError):
                sys.stdout.flush()
        os._exit(INTERRUPTED)  # Python's own end can crash where compiled code was being loaded
    sys.exit(code)


def _run(args: list[str] | None, name: str) -> int:
    """Run the program; its exit code."""
    try:
        code = cli.main(args=args, prog_name=name, complete_var=COMPLETE, standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except click.ClickException as error:
        _show(error)
        return error.exit_code
    except NbnumbaError as error:
        click.echo(f"Error: {error}", err=True)
        return FAILED if isinstance(error, NbnumbaJobError) else BAD_INPUT
    except MemoryError:
        click.echo("Error: out of memory; ask for fewer pixels or a smaller reflection list.", err=True)
        return FAILED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return FAILED
    except OSError as error:
        click.echo(f"Error: {error.filename or 'output'}: {error.strerror}", err=True)
        os._exit(FAILED)  # nothing more can be flushed
    return code if isinstance(code, int) else 0
