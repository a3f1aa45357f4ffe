"""What shells complete, asked for as they do it."""

import os
import shutil
import subprocess
import sys

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner
from nbnumba_cli.main import COMMANDS, COMPLETE, cli

import nbnumba as nb
from nbnumba.model.parameters import PARAMETERS


def completed(*words):
    *before, last = words
    return [item.value for item in ShellComplete(cli, {}, "nbnumba", COMPLETE).get_completions(before, last)]


def test_commands():
    assert completed("") == list(COMMANDS)
    assert completed("sim") == ["simulate"]
    assert completed("help", "tr") == ["trace"]
    assert "--version" in completed("--")


def test_options_of_a_command():
    assert completed("simulate", "--keep") == ["--keep-expected"]
    assert {"--verbose", "--quiet", "--json"} <= set(completed("trace", "--"))


def test_names_of_parameters():
    assert completed("derivatives", "--parameter", "") == list(PARAMETERS)
    assert completed("refine", "--bound", "cell_al") == ["cell_alpha="]
    assert completed("refine", "--tie", "cells_") == ["cells_a=", "cells_b=", "cells_c="]


def test_settings_and_presets():
    assert completed("simulate", "--set", "crystal.mis") == ["crystal.misset="]
    found = completed("simulate", "--set", "detector.preset=")
    assert found == [f"detector.preset={name}" for name in nb.PRESETS]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("simulate", "--precision", ""), ["double", "mixed"]),
        (("simulate", "--device", "cu"), ["cuda"]),
        (("refine", "--loss", "g"), ["gaussian"]),
        (("refine", "--system", "t"), ["triclinic", "tetragonal", "trigonal"]),
        (("trace", "--columns", "h,solid"), ["h,solid_angle"]),
        (("completion", ""), ["bash", "zsh", "fish"]),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else "",
)
def test_values(words, found):
    assert completed(*words) == found


def test_files_are_left_to_the_shell():
    items = ShellComplete(cli, {}, "nbnumba", COMPLETE).get_completions(["simulate"], "")
    assert [item.type for item in items] == ["file"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_ask_the_program_in_the_way_of_their_shell(shell):
    result = CliRunner().invoke(cli, ["completion", shell])
    assert result.exit_code == 0
    assert f"_NBNUMBA_COMPLETE={shell}_complete" in result.stdout
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=result.stdout, text=True, check=True)


TRY = r"""
source <(nbnumba completion bash)
compopt() { echo "$1 $2"; }
try() {
  COMP_WORDS=(nbnumba "$@") COMP_CWORD=$# COMPREPLY=()
  _nbnumba_completion nbnumba
  echo "${COMPREPLY[*]}"
}
try sim
try simulate --set crystal.miss
try simulate --set detector.preset = eiger2-1m
try simulate --set crystal.misset = 1,2,3 --keep
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not there")
def test_bash_takes_a_name_and_its_value_as_one_word(tmp_path):
    program = tmp_path / "nbnumba"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m nbnumba_cli "$@"\n')
    program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    result = subprocess.run(["bash", "--norc", "-c", TRY], capture_output=True, text=True, env=environment, timeout=60)
    assert result.stderr == ""
    # no space after an equals sign; and bash keeps what stands before it
    assert result.stdout.splitlines() == ["simulate", "-o nospace", "crystal.misset=", "eiger2-1m", "--keep-expected"]
