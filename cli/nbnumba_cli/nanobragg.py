"""``nbnumba nanobragg``: the flags of the C program, unchanged."""

from __future__ import annotations

import click

from nbnumba.compat.flags import FLAGS, VALUE_KINDS, Flag


class FlagCommand(click.Command):
    """A command whose words are not click's to read."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep all words, but for a plea for help."""
        if not args or {"--help", "-help", "-h"} & set(args):
            click.echo(self.get_help(ctx))
            ctx.exit(0 if args else 2)
        ctx.params["flags"] = tuple(args)
        return []

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the flags with values, units and defaults."""
        with formatter.section("Flags"):
            formatter.write_dl([(_left(flag), _right(flag)) for flag in FLAGS])


def _left(flag: Flag) -> str:
    names = ", ".join(f"-{name}" for name in flag.names)
    return " ".join([names, *(VALUE_KINDS[kind].upper().replace(" ", "-") for kind in flag.values)])


def _right(flag: Flag) -> str:
    unit = f" [{flag.unit}]" if flag.unit else ""
    default = f" (default: {flag.default})" if flag.default else ""
    return f"{flag.meaning}{unit}{default}"


@click.command("nanobragg", cls=FlagCommand)
def command(flags: tuple[str, ...]) -> None:
    """Take nanoBragg's flags and write its files, with the same numbers.

    \b
    Example:
      nbnumba nanobragg -hkl P1.hkl -cell 70 80 90 90 90 90 -N 10 -lambda 1 -distance 100
    """
    from nbnumba.compat import read_flags
    from nbnumba.compat.deviations import warnings
    from nbnumba.compat.printout import printed_pixels, printout
    from nbnumba.compat.report import results, settings
    from nbnumba.compat.run import run
    from nbnumba_cli.interrupt import heed
    from nbnumba_cli.options import command_line, progress_bar
    from nbnumba_cli.voice import note

    translation = read_flags(list(flags))
    for text in [*translation.notes, *warnings(translation, in_files=True)]:
        note(text)
    pixels = printed_pixels(translation)
    click.echo(settings(translation))
    meter = translation.flags.last_of("progress", "noprogress")
    if meter is not None and meter.name == "noprogress":
        result = run(translation, progress=lambda *_: heed(), command_line=command_line())
    else:
        with progress_bar("Rendering") as bar:
            result = run(translation, progress=bar.show, command_line=command_line())
    for lines in printout(translation.experiment, pixels, result.image):
        click.echo(lines)
    click.echo(results(translation, result))
