"""Words of the command line: every option of every command with values that it was not made for.

An input is the words, with a null character between them.
They are told in a folder of their own, which holds a few small files.
"""

import contextlib
import functools
import itertools
import json
import os
import random
import shutil
from pathlib import Path
from unittest import mock

import click
import numpy as np
from click.testing import CliRunner
from nbnumba_cli.main import COMMANDS, cli

import nbnumba as nb
from fuzz import seeds
from nbnumba.inputs.text import naming

TOML = """[crystal]
cell = [40, 50, 60, 90, 90, 90]
cells = [3, 3, 3]
default_f = 100.0
[beam]
wavelength = 1.0
[detector]
pixels = [8, 10]
pixel_size = 2.0
distance = 40.0
[sampling]
oversample = 1
"""
RECIPE = 'count = 2\norientation = "uniform"\nbase = "good.toml"\n'
FLAGS = "-cell 40 50 60 90 90 90 -N 3 -default_F 100 -lambda 1 -detpixels 8 -pixel 2 -distance 40 -oversample 1"
#: What each command can be told.
LINES = (
    ("bench", "--workload", "published", "--sizes", "8", "--repeats", "1"),
    ("check", "image.h5"),
    ("compare", "image.h5", "image.npy", "--png", "a.png"),
    ("completion", "bash"),
    ("convert", "image.h5", "a.npy"),
    ("convert", "good.toml", "a.csv", "--set", "crystal.misset=1,2,3"),
    ("convert", "scan.h5", "a.expt"),
    ("convert", "scan.h5", "a_##.cbf"),
    ("dataset", "recipe.toml", "--preview", "1", "-o", "set"),
    ("dataset", "recipe.toml", "-o", "set", "--workers", "1"),
    ("dataset", "recipe.toml", "-o", "set", "--slurm", "a.sh", "--sbatch", "time=1"),
    ("derivatives", "good.toml", "--parameter", "cell_a", "-o", "a.h5"),
    ("help", "simulate"),
    ("info", "good.toml", "--geometry", "--hkl", "1", "2", "3", "--pixel", "1", "2", "--png", "a.png"),
    ("info", "image.h5"),
    ("nanobragg", *FLAGS.split()),
    ("refine", "good.toml", "image.h5", "--parameter", "spot_scale", "-o", "a.toml", "--loss", "least-squares"),
    ("simulate", "good.toml", "-o", "a.h5"),
    ("simulate", "good.toml", "-o", "a.h5", "--images", "2", "--set", "scan.width=1", "--cbf", "a.cbf"),
    ("simulate", "good.toml", "-o", "a.h5", "--counts", "--keep-expected", "--png", "a.png"),
    ("trace", "good.toml", "--pixel", "3", "4"),
    ("trace", "good.toml", "--region", "1", "3", "2", "4"),
    ("view", "image.npy", "-o", "a.png", "--size", "100"),
    ("view", "image.h5", "-o", "a.png", "--size", "100"),
)  # fmt: skip
#: What stands where a value was.
VALUES = (
    "", " ", "nan", "-nan", "inf", "-inf", "0", "-0", "-1", "1", "2", "3", "0.5", "1e9", "1e308", "1e400", "-1e400",
    "1e-400", "1000000", "2147483647", "2147483648", "-2147483649", "9223372036854775807", "9223372036854775808",
    "1" + 30 * "0",
    "1" + 400 * "0", "9" * 5000, "0x10", "1_0", "\u0663", "\u00b2", "a\nb", "\udcff", "a\udcff.h5",
    "\u00fc", "\U0001d7d8", "x" * 300, "x" * 5000, "/".join(["x" * 200] * 30), ".", "..", "folder", "folder/",
    "nothing.toml", "nothing/a.h5", "good.toml", "image.h5", "image.h5/a", "good.toml/a.png", "empty", "a", "a.png",
    "a.svg", "a.xyz", "=", "a=", "=1", "a=b=c", "cell_a=nan:nan", "cell_a=1:0", "cell_a=0:inf", "cell_a=1e400:2",
    "cell_a=cell_a", "cell_a=40:0", "time=a\nb", ",", "1,2", "1,,2", "nan,1", "1:2", "nan:nan", ":", "--", "-", "-o",
    "%s", "{}", "{0}", "[1", "[" * 3000, "true", "auto", "none", "cuda", "cuda:-1", "cuda:99999999999", "cpu", "~",
    "*", "a_##.cbf", "##", "a_##_##.cbf", "$(id)", "`id`", "'", '"', "\x1b[31m", "0/0", "1/0", "-1/2", "99/100",
    "1/9999999999999999999999", "/nothing/a",
)  # fmt: skip
#: Largest whole numbers that these options are given here: they ask for work, and get what they ask for.
MOST = {"--images": 20, "--repeats": 2, "--processes": 1, "--sizes": 64, "--size": 1000}
#: What takes long, or runs programs.
LEFT_OUT = {"--cold", "--scaling", "--mixed", "--profile", "--dask", "--help", "-h", "--verbose", "--quiet"}


@functools.cache
def options_of(name: str) -> list[click.Option]:
    """Those that are tried."""
    found = cli.get_command(click.Context(cli), name).params
    return [one for one in found if isinstance(one, click.Option) and not LEFT_OUT & {*one.opts}]


def good() -> list[bytes]:
    """Lines that are right."""
    return [_packed(words) for words in LINES]


@functools.cache
def every() -> list[bytes]:
    """Each word of each line replaced by each value, and each option of each command with each value."""
    found = [_packed(words) for line in LINES for words in _each(line) if not asks_for_much(words)]
    random.Random(1).shuffle(found)  # so that some of them are of all commands
    return found


def _each(line):
    yield from ([*line[:i], value, *line[i + 1 :]] for i in range(1, len(line)) for value in VALUES)
    alone = line == next(one for one in LINES if one[0] == line[0])
    for option in options_of(line[0]) if alone else ():
        values = [None] if option.is_flag else VALUES
        yield from ([*line, *_told(option, value)] for value in values)


def _told(option, value):
    """Words of an option, whose values are all this one."""
    return [max(option.opts, key=len), *([] if option.is_flag else [value] * option.nargs)]


def some(chosen, _) -> bytes:
    """A line with several strange words."""
    while True:
        words = list(chosen.choice(LINES))
        for _ in range(chosen.choice((1, 2, 2, 3))):
            known = options_of(words[0])
            if known and chosen.random() < 0.7:
                option = chosen.choice(known)
                value = [chosen.choice(VALUES) for _ in range(option.nargs)]
                words += [max(option.opts, key=len), *([] if option.is_flag else value)]
            else:
                words[chosen.randrange(1, len(words))] = chosen.choice(VALUES)
        if not asks_for_much(words):
            return _packed(words)


def asks_for_much(words) -> bool:
    """Whether a line asks for more work than is tried here."""
    for option, value in itertools.pairwise(words):
        with contextlib.suppress(ValueError, OverflowError):
            if int(value.partition(",")[0]) > MOST.get(option, float("inf")):
                return True
    return False


def _packed(words) -> bytes:
    return "\0".join(words).encode("utf-8", "surrogateescape")


@functools.cache
def files() -> dict[str, bytes]:
    """What the folder holds."""
    experiment = nb.Experiment.from_toml(TOML)
    scan = nb.Experiment.from_toml(TOML, {"scan.width": 1.0})
    pixels = np.arange(80.0, dtype="f4").reshape(8, 10)
    made = seeds._written
    return {
        "good.toml": TOML.encode(),
        "recipe.toml": RECIPE.encode(),
        "image.npy": made(lambda path: np.save(path, pixels), ".npy"),
        "image.h5": made(lambda path: nb.write_nexus(path, experiment, pixels[np.newaxis]), ".h5"),
        "scan.h5": made(lambda path: nb.write_nexus(path, scan, np.stack([pixels, pixels])), ".h5"),
        "empty": b"",
        "folder/b.toml": b"",
    }


@contextlib.contextmanager
def folder_of_files(beside: Path):
    """The folder, as the one that words are told in."""
    top = beside.parent / "above"
    here = top / "here"
    shutil.rmtree(top, ignore_errors=True)
    (here / "folder").mkdir(parents=True)
    for name, content in files().items():
        (here / name).write_bytes(content)
    try:
        with contextlib.chdir(here):
            yield here
    finally:
        shutil.rmtree(top, ignore_errors=True)


def line(path: Path) -> None:
    """Exit code 0, 1 or 2; JSON where it is asked for; and after 2 no file that was not there, none that is changed."""
    words = path.read_bytes().decode("utf-8", "surrogateescape").split("\0")
    with naming(path):
        if words[0] not in COMMANDS or asks_for_much(words):
            raise nb.NbnumbaError("no line that is tried")
        with folder_of_files(path) as here:
            done = CliRunner().invoke(cli, words)
            if isinstance(done.exception, nb.NbnumbaError):
                refused = str(done.exception)
            elif isinstance(done.exception, SystemExit) or done.exception is None:
                assert done.exit_code in (0, 1, 2), done.exit_code
                refused = done.stderr if done.exit_code == 2 else ""
            else:
                raise done.exception
            if not refused:
                _check_told(done, words)
                return
            there = {str(one.relative_to(here)): one.read_bytes() for one in here.rglob("*") if one.is_file()}
            there.pop("set/manifest.json", None)  # of a folder that a data set was to come to
            assert there == files(), f"left behind: {sorted(set(there) ^ set(files()))} by {refused}"
        raise nb.NbnumbaError(refused)


def _check_told(done, words) -> None:
    assert "Traceback" not in done.output
    if done.exit_code == 0 and "--json" in words and done.stdout.startswith("{"):
        json.loads(done.stdout, parse_constant=_no_number)


def _no_number(text: str) -> None:
    raise AssertionError(f"{text} in JSON")


def completion(path: Path) -> None:
    """What bash asks for when Tab is pressed after these words."""
    import nbnumba_cli.bash
    from nbnumba_cli.main import COMPLETE

    words = path.read_bytes().decode("utf-8", "surrogateescape").replace("\0", "\n").split("\n")
    for place in {len(words) - 1, len(words)}:
        with mock.patch.dict(os.environ, {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(place)}):
            nbnumba_cli.bash.Bash(cli, {}, "nbnumba", COMPLETE).complete()
