"""Options that several commands share."""

from __future__ import annotations

import hashlib
import math
import re
import shlex
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from nbnumba._cache import cache_directory
from nbnumba.atomic import check_distinct
from nbnumba.errors import NbnumbaError
from nbnumba.model.experiment import Experiment
from nbnumba.simulation import PRECISIONS, check_device
from nbnumba_cli import complete, voice
from nbnumba_cli.interrupt import heed

_PATIENCE = 2.0  # seconds

#: Settings that name files; numbers of items are left out.
FILES = (
    "crystal.reflections",
    "crystal.reflections.file",
    "detector.mask",
    "detector.geometry",
    "detector.geometry.file",
    "beam.sources",
    "beam.spectrum",
    "beam.spectrum.file",
    "background.table",
)

LIKE = "nbnumba_cli.like"

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _of_the_cpu(ctx: click.Context, _: click.Parameter, value: int | None) -> int | None:
    """A number of threads; one that the environment gives for all commands is not meant for a GPU."""
    given = ctx.get_parameter_source("threads") is not ParameterSource.ENVIRONMENT
    return value if given or ctx.params.get("device", "cpu") == "cpu" else None


def finite(_: click.Context, option: click.Parameter, value: float | None) -> float | None:
    """A number of an option, if it is one: floats of click may be nan and inf."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"found {value}; allowed: a finite number", param=option)
    return value


threads: Decorator = click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=None,
    callback=_of_the_cpu,
    help="Number of CPU threads [default: all].",
)
precision: Decorator = click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default=PRECISIONS[0],
    show_default=True,
    help="Arithmetic of the loops; mixed: float32 where it may be.",
)
device: Decorator = click.option(
    "--device",
    default="cpu",
    show_default=True,
    shell_complete=complete.devices,
    help="Where to compute: cpu, cuda (the first GPU) or cuda:1 and so on (extras cuda12, cuda13).",
)
overwrite: Decorator = click.option("--overwrite", is_flag=True, help="Replace output files that exist.")
image_number: Decorator = click.option(
    "--image",
    "number",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Number of the image in a file that holds several.",
)
raw_shape: Decorator = click.option(
    "--shape",
    type=(click.IntRange(min=1), click.IntRange(min=1)),
    metavar="SLOW FAST",
    help="Pixels of a raw file [default: those of an image it is compared with, or a square].",
)
parameters: Decorator = click.option(
    "--parameter",
    "names",
    multiple=True,
    metavar="NAME",
    shell_complete=complete.parameters,
    help="Parameter, as misset_x or cell_a; may be repeated.",
)
panel: Decorator = click.option(
    "--panel", type=click.IntRange(min=0), help="Number of the pixel's panel, where the detector lists panels."
)
as_json: Decorator = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")


def experiment_source(function: Callable[..., Any]) -> Callable[..., Any]:
    """Argument EXPERIMENT.toml, or --nanobragg instead, and --like and --set for either."""
    path = click.Path(path_type=Path)
    return click.argument("experiment", metavar="[EXPERIMENT.toml]", type=path, required=False)(
        experiment_changes(function)
    )


def experiment_changes(function: Callable[..., Any]) -> Callable[..., Any]:
    """--nanobragg in the place of an EXPERIMENT.toml, and --like and --set for either."""
    function = click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="NAME=VALUE",
        shell_complete=complete.settings,
        help="Change a value of the experiment, as in --set crystal.misset=10,20,30 (degrees); may be repeated. "
        "Names of files are relative to the working folder.",
    )(function)
    function = click.option(
        "--like",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        expose_value=False,
        callback=lambda context, _, value: context.meta.update({LIKE: value}),
        metavar="IMAGE",
        help="Measured image (NXmx, CBF, SMV, or a .expt file of DIALS) whose detector, wavelength, polarization and "
        "oscillation take the place of those of the experiment, which may leave [beam] and [detector] out.",
    )(function)
    return click.option(
        "--nanobragg", metavar='"FLAGS"', default=None, help="Flags of the nanoBragg program instead of a TOML file."
    )(function)


def load_settled(file: Path | None, nanobragg: str | None, settings: tuple[str, ...]) -> Experiment:
    """The same with numbers of steps, where it has a tolerance for them."""
    experiment = load_experiment(file, nanobragg, settings)
    if experiment.sampling.tolerance == 0.0:
        return experiment
    from nbnumba.convergence import choose_sampling

    with waiting("Choosing the sampling"):
        found = choose_sampling(experiment)
    numbers = ", ".join(f"{choice.name} {choice.number}" for choice in found.choices)
    voice.note(f"for sampling.tolerance {experiment.sampling.tolerance:g}: {numbers}")
    return found.experiment


def load_experiment(file: Path | None, nanobragg: str | None, settings: tuple[str, ...]) -> Experiment:
    """The experiment that the shared arguments describe."""
    if (file is None) == (nanobragg is None):
        raise click.UsageError('Give an EXPERIMENT.toml or --nanobragg "FLAGS", one of them.')
    changes, image = dict(setting(text) for text in settings), like()
    if image is not None:
        _tell_frame(image)
    if nanobragg is None:
        return Experiment.from_toml(Path(str(file)), changes, like=image)

    from nbnumba.compat import read_flags

    translation = read_flags(nanobragg)
    experiment = translation.experiment
    for note in translation.notes:
        voice.note(note)
    if not changes and image is None:
        return experiment
    return Experiment.from_toml(experiment.to_toml(inline=True), changes, like=image)


def _tell_frame(image: Path) -> None:
    from nbnumba.outputs.nexus import read_experiment

    if read_experiment(image) is None:
        voice.note(f"misset, and the axis of the spindle, count in the frame of NeXus: that of {image}")


def like() -> Path | None:
    """The measured image that was named."""
    return click.get_current_context().meta.get(LIKE)


def setting(text: str) -> tuple[str, Any]:
    """Name and value of NAME=VALUE: any TOML value, a list without brackets, or bare text."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or "\n" in text:
        raise NbnumbaError(f"--set: found {text!r}; allowed: NAME=VALUE, as in crystal.misset=10,20,30")
    for candidate in (value, f"[{value}]" if "," in value else value):
        try:
            value = tomllib.loads(f"value = {candidate}")["value"]
            break
        except (ValueError, RecursionError):  # numbers of thousands of digits, lists within thousands of lists
            continue
    return name.strip(), _from_here(name.strip(), value)


def _from_here(name: str, value: Any) -> Any:
    """Names of files on the command line are relative to the working folder, not to the TOML file."""
    if re.sub(r"\.\d+\.", ".", name) in FILES and isinstance(value, str):
        return str(Path(value).absolute())
    if isinstance(value, dict) and isinstance(value.get("file"), str):
        return {**value, "file": str(Path(value["file"]).absolute())}
    return value


def check_shape(shape: tuple[int, int] | None, *files: Path) -> None:
    """Refuse --shape where no file is raw, and it would be ignored."""
    from nbnumba.inputs.kinds import RAW, kind_of

    if shape is not None and RAW not in map(kind_of, files):
        raise NbnumbaError(f"--shape: found for {' and '.join(map(str, files))}, which are no raw files; leave it out")


def command_line() -> str:
    """The words of this run as a line; bytes that are not UTF-8 as escapes, so that a file can hold it.

    A comment behind it tells which file the image was that was named by --like.
    """
    image = like()
    comment = "" if image is None else f"  # {image.name}: SHA-256 {hashlib.sha256(image.read_bytes()).hexdigest()}"
    return (shlex.join(["nbnumba", *sys.argv[1:]]) + comment).encode("utf-8", "backslashreplace").decode("utf-8")


def keep_inputs(
    experiment: Experiment, file: Path | None, outputs: list[Path | None], others: tuple[Path | None, ...] = ()
) -> None:
    """Refuse outputs that are the same file as one another or as an input, also one that the TOML file names."""
    lists = [crystal.reflections for crystal in experiment.crystals]
    named: list[Path] = []
    if file is not None and file.is_file():  # and no pipe, which can be read once
        named = _files_in(tomllib.loads(file.read_text(encoding="utf-8-sig")), file.parent)
    check_distinct(outputs, [file, like(), *others, *named, *(each.origin.get("file") for each in lists if each)])


def _files_in(value: Any, folder: Path) -> list[Path]:
    """Files that strings within nested tables and lists name."""
    if isinstance(value, str):
        with suppress(OSError, ValueError):  # what is no name of a file
            return [folder / value] if (folder / value).is_file() else []
        return []
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [path for item in inner for path in _files_in(item, folder)]


def jsonable(value: Any) -> Any:
    """The value with None in place of numbers that do not exist, such as a beam centre off the detector's plane."""
    if isinstance(value, dict):
        return {key: jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _compiling() -> str:
    if cache_directory() is not None:
        return "Compiling for this kind of experiment; the next run starts at once."
    return (
        "Compiling, as in every run: compiled code cannot be kept in NUMBA_CACHE_DIR, XDG_CACHE_HOME or ~/.cache; set "
        "NUMBA_CACHE_DIR to a folder that can be written."
    )


class ProgressBar:
    """A bar on stderr, which counts time from its first call: what goes before is compilation."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar
        self._start = time.perf_counter()
        self._notice = threading.Timer(_PATIENCE, lambda: voice.tell(_compiling()))
        self._notice.daemon = True
        self._notice.start()

    def show(self, done: int, total: int) -> None:
        """Draw the bar at ``done`` of ``total``."""
        heed()
        self.hush()
        if done == 0:
            self._start = time.perf_counter()
        self._bar.length = total
        self._bar.update(done - self._bar.pos)

    def hush(self) -> None:
        """Drop the notice about compilation, if it was not given yet."""
        self._notice.cancel()

    @property
    def seconds(self) -> float:
        """Time since the first call."""
        return time.perf_counter() - self._start


@contextmanager
def progress_bar(label: str) -> Iterator[ProgressBar]:
    """A bar on stderr for one image."""
    hidden = voice.loudness() == voice.QUIET
    with click.progressbar(length=1, label=label, file=sys.stderr, hidden=hidden) as bar:
        shown = ProgressBar(bar)
        try:
            yield shown
        finally:
            shown.hush()


@contextmanager
def waiting(label: str) -> Iterator[None]:
    """Tell what is done, if it takes a while."""
    notice = threading.Timer(_PATIENCE, lambda: voice.tell(f"{label} ..."))
    notice.daemon = True
    notice.start()
    try:
        yield
    finally:
        notice.cancel()


@contextmanager
def limited(threads: int | None, device: str) -> Iterator[None]:
    """Run a block with a number of threads, if it runs on the CPU."""
    from nbnumba._run import thread_limit, using_threads

    if threads is not None and threads > thread_limit():
        raise NbnumbaError(f"--threads: found {threads}; allowed: 1 to {thread_limit()} on this machine")
    check_device(device, threads)
    with using_threads(threads):
        yield


def rate_frames(derivatives: dict[str, Any]) -> list[Any]:
    """Pictures of derivatives by name."""
    from nbnumba.model.parameters import rate_unit
    from nbnumba.outputs.gallery import Frame

    return [Frame(f"by {name}", image, True, rate_unit(name)) for name, image in derivatives.items()]
