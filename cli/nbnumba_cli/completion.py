"""``nbnumba completion``: a script for a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from nbnumba_cli import bash  # noqa: F401  # known to click from now on

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print the script by which a shell completes commands, options, files and values of nbnumba.

    It serves the shells that start after it was installed. bash needs version 4.4 and the package bash-completion; the
    folder of zsh has to be in fpath before compinit.

    \b
    Examples, each of which installs it for one user:
      nbnumba completion bash > ~/.local/share/bash-completion/completions/nbnumba
      nbnumba completion zsh > ~/.zsh/completions/_nbnumba
      nbnumba completion fish > ~/.config/fish/completions/nbnumba.fish
    """
    from nbnumba_cli.main import COMPLETE, cli

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(cli, {}, "nbnumba", COMPLETE).source())
