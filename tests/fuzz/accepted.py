"""What reads inputs, and what has to hold of all that is accepted: most of it is read again, slowly and by itself."""

import gzip
import json
import math
import random
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner
from nbnumba_cli.main import cli
from nbnumba_cli.options import jsonable, setting

import nbnumba as nb
from fuzz import seeds
from nbnumba.compat import read_flags
from nbnumba.compat.deviations import warnings as deviations
from nbnumba.compat.reference import parse
from nbnumba.compat.report import settings
from nbnumba.contents import file_report, file_text
from nbnumba.datasets.draw import draw
from nbnumba.datasets.expressions import evaluated, names_in
from nbnumba.datasets.master import unfinished, write_master
from nbnumba.datasets.recipe import Recipe
from nbnumba.inputs.dump import read_dump
from nbnumba.inputs.kinds import kind_of
from nbnumba.inputs.like import likened
from nbnumba.inputs.matrix import read_matrix
from nbnumba.inputs.sources import read_sources
from nbnumba.inputs.text import naming
from nbnumba.outputs.nexus import read_experiment
from nbnumba.outputs.stored import experiment_of, stored


def finite(values: Any) -> bool:
    """Whether there are numbers, and all are finite."""
    array = np.asarray(values)
    return array.size > 0 and bool(np.isfinite(array).all())


def same_again(experiment: nb.Experiment) -> None:
    """An experiment comes back from its text, and has no number that is none."""
    text = experiment.to_toml(inline=True)
    assert nb.Experiment.from_toml(text) == experiment, "another experiment comes back from its TOML"
    assert not re.search(r"[=\[ ](nan|inf|-inf)\b", text), "a number that is none"


def listed(text: str) -> list[list[str]]:
    """Words of the lines that hold any, without comments."""
    return [words for line in re.split(r"\r\n|\r|\n", text) if (words := line.partition("#")[0].split())]


def hkl(path: Path) -> None:
    """The last amplitude of each index, in the order of the first."""
    found = nb.read_reflections(path, format="hkl")
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    wanted: dict[tuple[float, ...], float] = {}
    for words in listed(content.decode("utf-8-sig", "replace")):
        wanted[tuple(float(word) for word in words[:3])] = float(words[3])
    assert [tuple(row) for row in found.hkl.tolist()] == list(wanted)
    assert found.amplitude.tolist() == list(wanted.values())
    assert finite(found.amplitude)


def reflections(path: Path, **options: Any) -> None:
    """Finite, each index once, and with its Friedel mate."""
    found = nb.read_reflections(path, **options)
    assert finite(found.amplitude)
    table = dict(zip(map(tuple, found.hkl.tolist()), found.amplitude.tolist(), strict=True))
    assert len(table) == len(found)
    assert all(table[tuple(-i for i in index)] == f for index, f in table.items()), "no Friedel mate"
    assert found.cell is None or finite(found.cell)


def dump(path: Path) -> None:
    """The numbers of the box, read one by one."""
    found, content = read_dump(path), path.read_bytes()
    head, _, body = content.partition(b"\n\f")
    h0, h1, k0, k1, l0, l1 = map(int, head.split())
    size, wanted = (h1 - h0 + 2, k1 - k0 + 2, l1 - l0 + 2), {}
    for i in range(size[0] - 1):
        for j in range(size[1] - 1):
            for k in range(size[2] - 1):
                (value,) = struct.unpack_from("<d", body, 8 * ((i * size[1] + j) * size[2] + k))
                wanted[h0 + i, k0 + j, l0 + k] = value
    assert dict(zip(map(tuple, found.hkl.tolist()), found.amplitude.tolist(), strict=True)) == wanted


def matrix(path: Path) -> None:
    """Rows that span a volume."""
    rows = read_matrix(path, 1.0)
    assert finite(rows)
    assert np.linalg.det(rows) != 0.0


def sources(path: Path) -> None:
    """As many as there are lines, with their wavelengths."""
    found = read_sources(path, 1.0, (1.0, 0.0, 0.0))
    lines = [words for line in path.read_bytes().decode().splitlines() if (words := line.partition("#")[0].split())]
    assert len(found.rows) == len(lines)
    for words, row in zip(lines, found.rows, strict=True):
        assert finite(row)
        given = float(words[4]) if len(words) > 4 else math.nan
        assert row[4] == (1.0 if math.isnan(given) else given * 1e10)


def spectrum(path: Path) -> None:
    """Finite."""
    found = nb.read_spectrum(path)
    assert finite(found.wavelengths)
    assert finite(found.weights)


def scattering(path: Path) -> None:
    """As many rows as lines, and a background of them."""
    rows = nb.read_scattering(path)
    nb.Background(table=rows, thickness=1.0, density=1.0, molecular_weight=18.0)
    lines = path.read_bytes().decode().splitlines()
    assert len(rows) == sum(bool(line.partition("#")[0].split()) for line in lines)
    assert finite(rows)


def geometry(path: Path) -> nb.Experiment:
    """What is told makes an experiment that comes back from its text."""
    found = nb.read_geometry(path)
    crystal = nb.Crystal(cell=(50, 60, 70, 90, 90, 90), default_f=1.0)
    still = {"crystal": crystal, "sampling": nb.Sampling(oversample=1)}
    with naming(path):
        experiment = nb.Experiment(beam=found.beam, detector=found.detector, **still)
    same_again(experiment)
    assert found.spindle is None or finite(found.spindle)
    assert found.oscillation is None or finite(found.oscillation)
    if not found.detector.panels:
        assert all(map(finite, experiment.geometry[:4])), experiment.geometry
    likened({"crystal": {}, "beam": {}, "detector": {}}, path)
    return experiment


def any_of(*calls: Callable[[Path], Any], each: int | None = None) -> Callable[[Path], None]:
    """All of them, or so many of each input, which need not be content; refused where none is."""

    def read(path: Path) -> None:
        refused = []
        tried = calls if each is None else random.Random(zlib.crc32(path.read_bytes())).sample(calls, each)
        for call in tried:
            try:
                call(path)
            except nb.NbnumbaError as error:
                refused.append(error)
        for error in refused:
            assert path.name in str(error), f"no name of the file in {error}"
        if len(refused) == len(tried):
            raise refused[0]

    return read


def image(path: Path) -> np.ndarray:
    """Pixels, as many as the file can hold."""
    found = nb.read_image(path)
    assert found.ndim in (2, 3)
    assert found.size > 0
    assert found.dtype.kind in "biuf"
    return found


def plain_image(path: Path) -> np.ndarray:
    """Pixels that are not compressed: a byte or more for each."""
    found = image(path)
    assert found.nbytes <= path.stat().st_size
    return found


def smv(path: Path) -> None:
    """Pixels after the header, one by one."""
    found, content = plain_image(path), path.read_bytes()
    if kind_of(path) != "smv":
        return  # another kind of file by now
    about = dict(re.findall(r"(\w+)\s*=([^;\n]*)", content[: content.index(b"}")].decode("latin-1")))
    head, fast, slow = (int(float(about[key].strip())) for key in ("HEADER_BYTES", "SIZE1", "SIZE2"))
    order = ">" if about.get("BYTE_ORDER", "").strip().startswith("big") else "<"
    assert found.shape == (slow, fast)
    assert found.ravel().tolist() == list(struct.unpack_from(f"{order}{slow * fast}H", content, head))


def cbf(path: Path) -> None:
    """Differences, added up one by one."""
    found, content = image(path), path.read_bytes()
    if kind_of(path) != "cbf":
        return  # another kind of file by now
    marks = content.count(b"--CIF-BINARY-FORMAT-SECTION--")
    if marks != 2 * content.count(b"\x0c\x1a\x04\xd5"):
        return  # so damaged that it can be told in several ways where arrays begin
    flat, place = [], 0
    while (place := content.find(b"\x0c\x1a\x04\xd5", place) + 4) > 3 and len(flat) < found.size:
        head = content[max(content.rfind(b"--CIF-BINARY-FORMAT-SECTION--", 0, place), 0) : place]
        if b"x-cbf_byte_offset" not in head.lower():
            return  # which fabio alone reads
        shape = [
            int(re.findall(rb"X-Binary-Size-%s-Dimension *[:=] *\"?(\d+)" % name, head)[-1])
            for name in (b"Second", b"Fastest")
        ]
        flat += _added_up(content[place:], math.prod(shape))
    assert len(flat) == found.size
    assert found.ravel().tolist() == flat


def _added_up(packed: bytes, count: int) -> list[int]:
    value, place, found = 0, 0, []
    for _ in range(count):
        for size in (1, 2, 4, 8):
            step = int.from_bytes(packed[place : place + size], "little", signed=True)
            place += size
            if step != -(1 << (8 * size - 1)):
                break
        value += step
        found.append(value)
    return found


def told(path: Path) -> None:
    """What ``info`` says, as text and as JSON."""
    report = file_report(path)
    file_text(report).encode()
    json.dumps(jsonable(report), allow_nan=False)


def nexus(path: Path) -> None:
    """What ``write_nexus`` has written."""
    experiment, images = nb.read_nexus(path)
    assert images.shape[-len(experiment.detector.shape) :] == experiment.detector.shape


def own(path: Path) -> None:
    """Experiment and beams of images."""
    stored(path)
    for number in range(2):
        found = experiment_of(path, number)
        assert found is None or isinstance(found, nb.Experiment)
    assert read_experiment(path) is not None


def text_of(path: Path) -> str:
    """What a terminal hands over."""
    return path.read_bytes().decode("utf-8", "surrogateescape")


def toml(path: Path) -> None:
    """An experiment that comes back from its text."""
    same_again(nb.Experiment.from_toml(path))


def recipe(path: Path) -> None:
    """A recipe that comes back from its text, and images that are drawn."""
    found = Recipe.from_toml(path)
    again = Recipe.from_toml(found.to_toml(), folder=found.folder)
    assert again == found, "another recipe comes back from its TOML"
    if found.base.detector.rows * found.base.detector.pixels[1] < 10**6:
        with naming(path):
            draw(found, found.count - 1)


def manifest(path: Path) -> None:
    """The files of a data set that are missing, which are all; nothing is written by what it names."""
    folder = path.parent / "set"
    folder.mkdir(exist_ok=True)
    (folder / "manifest.json").write_bytes(path.read_bytes())
    before = sorted(path.parent.rglob("*"))
    try:
        with naming(path):
            names = unfinished(folder)
            assert names == list(json.loads(text_of(path))["shards"])
            assert all(re.fullmatch(r"shard-[^/]+\.h5", name) for name in names)
            assert _has_no_master(folder)
    finally:
        assert sorted(path.parent.rglob("*")) == before


def _has_no_master(folder: Path) -> bool:
    """Whether a master is refused for want of finished files."""
    try:
        write_master(folder)
    except nb.NbnumbaError as error:
        return "found no finished file" in str(error)
    return False


def flags(path: Path) -> None:
    """An experiment that comes back from its text, and what the command tells of it."""
    with naming(path):
        found = read_flags(text_of(path), path.parent)
        listed = found.experiment.beam.sources
        if listed is None or len(listed.rows) < 1000:  # more are right, and take long
            same_again(found.experiment)
        settings(found)
        deviations(found, in_files=True)


def printed(path: Path) -> None:
    """Numbers of a pixel that nanoBragg prints."""
    found = parse(text_of(path), path, 4, 9)
    assert all(isinstance(x, float) for each in found.values() for x in each)


def expression(path: Path) -> None:
    """A finite number."""
    text = text_of(path)
    with naming(path):
        names_in("x", text)
        assert math.isfinite(evaluated("x", text, lambda name: float(len(name))))


def changes(path: Path) -> None:
    """``--set``."""
    with naming(path):
        found = dict(setting(text) for text in text_of(path).split("\n"))
        same_again(nb.Experiment.from_toml(seeds.TOML.decode(), found))


def options(path: Path) -> None:
    """Colours, ranges and numbers of a command."""
    words = [word for word in text_of(path).split() if not word.startswith(("-o", "--o"))]
    np.save(path.parent / "a.npy", np.arange(120.0).reshape(10, 12))
    command = ["view", str(path.parent / "a.npy"), "-o", str(path.parent / "a.png"), "--overwrite"]
    done = CliRunner().invoke(cli, [*command, *words])
    with naming(path):
        if isinstance(done.exception, SystemExit):
            raise nb.NbnumbaError(done.output)
        if done.exception is not None:
            raise done.exception
