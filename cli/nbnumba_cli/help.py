"""``nbnumba help``: the same as --help."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem


def _commands(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [item for item in ctx.find_root().command.shell_complete(ctx, incomplete) if item.value[:1] != "-"]


@click.command("help")
@click.argument("name", metavar="[COMMAND]", required=False, shell_complete=_commands)
def command(name: str | None) -> None:
    """Tell about the program, or about a COMMAND: what it does, its options and examples.

    \b
    Examples:
      nbnumba help
      nbnumba help simulate
    """
    root = click.get_current_context().find_root()
    group = root.command
    assert isinstance(group, click.Group)
    if name is None:
        click.echo(group.get_help(root))
        return
    _, found, _ = group.resolve_command(root, [name])
    assert found is not None
    click.echo(found.get_help(click.Context(found, info_name=name, parent=root)))
