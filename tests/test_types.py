"""Type checkers and editors know the public names, and a user's script passes the strictest of checks."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbnumba as nb

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "tests" / "typed_script.py"


def test_the_stub_holds_the_public_names():
    stub = (ROOT / "nbnumba" / "__init__.pyi").read_text()
    known = dict(reversed(line) for line in re.findall(r"^from ([\w.]+) import \w+ as (\w+)$", stub, re.M))
    wanted = [f"from {home} import {name} as {name}" for name, home in nb._HOME.items() if known.get(name) != home]
    assert not wanted, "add to nbnumba/__init__.pyi:\n" + "\n".join(wanted)
    assert set(known) == set(nb._HOME), "take out of nbnumba/__init__.pyi what is not in _HOME"


def test_the_script_uses_every_public_name():
    unused = [name for name in nb.__all__ if not re.search(rf"\bnb\.{name}\b", SCRIPT.read_text())]
    assert not unused, f"use {', '.join(unused)} in tests/typed_script.py"


def test_a_script_passes_strict_checks():
    folder = ROOT / ".mypy_cache" / "users"  # another one than that of the house, whose options differ
    words = ["--strict", "--follow-imports=silent", "--config-file=", f"--cache-dir={folder}", str(SCRIPT)]
    result = subprocess.run(
        [sys.executable, "-m", "mypy", *words],
        capture_output=True, text=True, check=False, env={**os.environ, "MYPYPATH": str(ROOT)},
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
