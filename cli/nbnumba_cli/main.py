"""The program ``nbnumba``: its commands, each loaded when it is used, and what its exit codes mean."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from importlib import import_module
from typing import Any, NoReturn

import click

from nbnumba import __version__
from nbnumba.errors import NbnumbaError, NbnumbaJobError
from nbnumba_cli.interrupt import stop

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130

#: Command -> (module, one line of help), so that --help needs no command's imports.
COMMANDS = {
    "bench": ("nbnumba_cli.bench", "Measure the speed of rendering on this machine."),
    "check": ("nbnumba_cli.check", "Tell which rules of NXmx and of its readers an HDF5 file breaks."),
    "compare": ("nbnumba_cli.compare", "Tell how alike two images are, in figures and as a picture."),
    "convert": ("nbnumba_cli.convert", "Turn nanoBragg's flags into an experiment, or an image into another format."),
    "demo": ("nbnumba_cli.demo", "Render a built-in example: HDF5, picture and what to try next."),
    "derivatives": ("nbnumba_cli.derivatives", "Render an image and its derivatives by parameters."),
    "info": ("nbnumba_cli.info", "Tell about this installation, or about the geometry of an experiment."),
    "nanobragg": ("nbnumba_cli.nanobragg", "Take nanoBragg's flags and write its files."),
    "refine": ("nbnumba_cli.refine", "Refine parameters of an experiment against an image."),
    "simulate": ("nbnumba_cli.simulate", "Render the image of an experiment into an HDF5 file."),
    "trace": ("nbnumba_cli.trace", "Show every number inside one pixel, step by step."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        return import_module(COMMANDS[cmd_name][0]).command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="nbnumba")
def cli() -> None:
    """Simulate X-ray diffraction images of crystals.

    Results go to stdout; progress and warnings to stderr. Exit codes: 0 done, 1 the job failed, 2 bad input or usage,
    130 interrupted.
    """


def _print_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    click.echo(f"Warning: {message}", err=True)


def main(args: list[str] | None = None) -> NoReturn:
    """Run the program and exit with its code; bad input ends in one message, never in a traceback."""
    warnings.showwarning = _print_warning
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # so that half-written files are removed
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) is not signal.SIG_IGN:  # as under nohup
            signal.signal(getattr(signal, name), stop)
    try:
        code = cli.main(args=args, prog_name="nbnumba", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
        for number in (signal.SIGINT, signal.SIGTERM):  # all is done: what comes now is too late to matter
            signal.signal(number, signal.SIG_IGN)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except NbnumbaError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(FAILED if isinstance(error, NbnumbaJobError) else BAD_INPUT)
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted: no half-written file was left behind.", err=True)
        sys.exit(INTERRUPTED)
    except MemoryError:
        click.echo("Error: out of memory; ask for fewer pixels or a smaller reflection list.", err=True)
        sys.exit(FAILED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(FAILED)
    except OSError as error:
        click.echo(f"Error: {error.filename or 'output'}: {error.strerror}", err=True)
        os._exit(FAILED)  # nothing more can be flushed
    sys.exit(code if isinstance(code, int) else 0)
