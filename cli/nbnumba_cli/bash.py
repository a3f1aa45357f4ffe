"""Completion in bash of words that hold an equals sign, which bash takes for several words."""

from __future__ import annotations

import os

from click.shell_completion import BashComplete, CompletionItem, add_completion_class, split_arg_string

_AFTER_NAME = "\n    [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace\n    return 0\n"


class Bash(BashComplete):
    """As click's, with NAME=VALUE as one word, after whose NAME= no space comes."""

    source_template = BashComplete.source_template.replace("\n    return 0\n", _AFTER_NAME)

    def get_completion_args(self) -> tuple[list[str], str]:
        """Words before the one that is completed, and that one."""
        given, place = os.environ["COMP_WORDS"].split("\n"), int(os.environ["COMP_CWORD"])
        line = "\n".join([*given, ""][: place + 1])
        words = line.replace("\n=\n", "=").replace("\n=", "=").split("\n")
        *before, last = ["".join(split_arg_string(word)) for word in words]  # without quotes
        return before[1:], last

    def format_completion(self, item: CompletionItem) -> str:
        """Only what comes after the equals sign, if that is there already."""
        before, equals, _ = self.get_completion_args()[1].rpartition("=")
        return f"{item.type},{item.value.removeprefix(before + equals)}"


add_completion_class(Bash)
