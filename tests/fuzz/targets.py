"""What reads inputs, with good ones to damage, and what has to hold of all that is accepted."""

import functools
import json
import math
import re
import struct
import tomllib
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import seeds
import tomli_w
from click.testing import CliRunner
from mutations import NUMBERS, VALUES, altered, damaged, damaged_hdf5

import nbnumba as nb
from nbnumba.checks import check_nexus
from nbnumba.compat import read_flags
from nbnumba.compat.deviations import warnings as deviations
from nbnumba.compat.flags import FLAGS
from nbnumba.compat.report import settings
from nbnumba.contents import file_report, file_text
from nbnumba.datasets.draw import draw
from nbnumba.datasets.expressions import evaluated, names_in
from nbnumba.datasets.folder import unfinished, write_master
from nbnumba.datasets.recipe import Recipe
from nbnumba.inputs.dump import read_dump
from nbnumba.inputs.like import likened
from nbnumba.inputs.mask import read_mask
from nbnumba.inputs.matrix import read_matrix
from nbnumba.inputs.sources import read_sources
from nbnumba.inputs.text import naming
from nbnumba.model.changes import PARTS
from nbnumba.outputs.nexus import read_experiment
from nbnumba.outputs.stored import experiment_of, stored
from nbnumba_cli.main import cli
from nbnumba_cli.options import _setting as setting
from nbnumba_cli.options import jsonable

Make = Callable[[Any, list[bytes]], bytes]


class Target(NamedTuple):
    """Something that reads inputs.

    ``read`` takes the path of a file, and raises AssertionError where what it accepts is wrong. ``ending`` is that of
    the file. ``share``: of the inputs that others get, where one takes long. ``fragile``: HDF5's own library may crash or hang on it, which is counted apart.
    """

    name: str
    ending: str
    seeds: Callable[[], list[bytes]]
    read: Callable[[Path], None]
    make: Make = damaged
    share: float = 1.0
    fragile: bool = False


def either(*ways: Make) -> Make:
    """One of several ways to make an input."""
    return lambda chosen, good: chosen.choice(ways)(chosen, good)


# --- what is accepted


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
        import gzip

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
    assert all(table[-h, -k, -l] == f for (h, k, l), f in table.items()), "no Friedel mate"
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


def any_of(*calls: Callable[[Path], Any]) -> Callable[[Path], None]:
    """All of them, which need not be content; refused where none is."""

    def read(path: Path) -> None:
        refused = []
        for call in calls:
            try:
                call(path)
            except nb.NbnumbaError as error:
                assert path.name in str(error), f"no name of the file in {error}"
                refused.append(error)
        if len(refused) == len(calls):
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
    if not content.startswith(b"{"):
        return  # another kind of file by now
    about = dict(re.findall(r"(\w+)\s*=([^;\n]*)", content[: content.index(b"}")].decode("latin-1")))
    head, fast, slow = (int(float(about[key])) for key in ("HEADER_BYTES", "SIZE1", "SIZE2"))
    order = ">" if about.get("BYTE_ORDER", "").strip().startswith("big") else "<"
    assert found.shape == (slow, fast)
    assert found.ravel().tolist() == list(struct.unpack_from(f"{order}{slow * fast}H", content, head))


def cbf(path: Path) -> None:
    """Differences, added up one by one."""
    found, content = image(path), path.read_bytes()
    if not content.startswith(b"###CBF"):
        return  # another kind of file by now
    flat, place = [], 0
    while (place := content.find(b"\x0c\x1a\x04\xd5", place) + 4) > 3 and len(flat) < found.size:
        head = content[max(content.rfind(b"--CIF-BINARY-FORMAT-SECTION--", 0, place), 0) : place]
        if b"x-cbf_byte_offset" not in head.lower():
            return  # which fabio alone reads
        shape = [int(re.findall(rb"X-Binary-Size-%s-Dimension *[:=] *\"?(\d+)" % name, head)[-1]) for name in (b"Second", b"Fastest")]
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


# --- texts


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
        try:
            draw(found, found.count - 1)
        except nb.NbnumbaError as error:
            raise nb.NbnumbaError(f"{path}: {error}") from None


def manifest(path: Path) -> None:
    """What is missing of a data set, and its master."""
    content = path.read_bytes()
    folder = path.parent / "set"
    folder.mkdir(exist_ok=True)
    (folder / "manifest.json").write_bytes(content)
    before = sorted(path.parent.rglob("*"))
    try:
        assert isinstance(unfinished(folder), list)
        write_master(folder)
    except nb.NbnumbaError as error:
        raise nb.NbnumbaError(f"{path}: {error}") from None
    finally:
        assert sorted(path.parent.rglob("*")) == before


def flags(path: Path) -> None:
    """An experiment that comes back from its text, and what the command tells of it."""
    try:
        found = read_flags(text_of(path), path.parent)
        if found.experiment.beam.sources is None or len(found.experiment.beam.sources.rows) < 1000:
            same_again(found.experiment)
        settings(found)
        deviations(found, in_files=True)
    except nb.NbnumbaError as error:
        raise nb.NbnumbaError(f"{path}: {error}") from None


def expression(path: Path) -> None:
    """A finite number."""
    text = text_of(path)
    try:
        names_in("x", text)
        assert math.isfinite(evaluated("x", text, lambda name: float(len(name))))
    except nb.NbnumbaError as error:
        raise nb.NbnumbaError(f"{path}: {error}") from None


@functools.cache
def base() -> str:
    """An experiment to be changed."""
    return seeds.TOML.decode()


def changes(path: Path) -> None:
    """``--set``."""
    try:
        found = dict(setting(text) for text in text_of(path).split("\n"))
        same_again(nb.Experiment.from_toml(base(), found))
    except nb.NbnumbaError as error:
        raise nb.NbnumbaError(f"{path}: {error}") from None


def options(path: Path) -> None:
    """Colours, ranges and numbers of a command."""
    words = [word for word in text_of(path).split() if word not in ("-o", "--output", "-")]
    np.save(path.parent / "a.npy", np.arange(120.0).reshape(10, 12))
    picture = path.parent / "a.png"
    done = CliRunner().invoke(cli, ["view", str(path.parent / "a.npy"), "-o", str(picture), "--overwrite", *words])
    if done.exit_code and not isinstance(done.exception, SystemExit):
        raise done.exception if not isinstance(done.exception, nb.NbnumbaError) else nb.NbnumbaError(f"{path}: {done.exception}")
    if done.exit_code:
        raise nb.NbnumbaError(f"{path}: {done.output}")


# --- how they are made


def toml_tree(chosen: Any, good: list[bytes]) -> bytes:
    """Tables with strange values."""
    return tomli_w.dumps(_for_toml(altered(chosen, tomllib.loads(chosen.choice(good).decode())))).encode("utf-8", "replace")


def _for_toml(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _for_toml(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_for_toml(value) for value in tree]
    return 2**63 - 1 if isinstance(tree, int) and not isinstance(tree, bool) and tree >= 2**63 else tree or 0 if tree is None else tree


def toml_document(chosen: Any, good: list[bytes]) -> bytes:
    """As above, where the whole is a table."""
    found = toml_tree_of(chosen, good)
    return tomli_w.dumps(found).encode("utf-8", "replace")


def toml_tree_of(chosen: Any, good: list[bytes]) -> dict[str, Any]:
    """The tables."""
    tree = _for_toml(altered(chosen, tomllib.loads(chosen.choice(good).decode())))
    return tree if isinstance(tree, dict) else {"crystal": tree}


def json_tree(chosen: Any, good: list[bytes]) -> bytes:
    """JSON with strange values."""
    return json.dumps(altered(chosen, json.loads(chosen.choice(good)))).encode()


def many_flags(chosen: Any, good: list[bytes]) -> bytes:
    """Flags that exist, with values that may."""
    words = [chosen.choice(good)] if chosen.random() < 0.8 else []
    for _ in range(chosen.choice((1, 1, 2, 4, 8))):
        flag = chosen.choice(FLAGS)
        words.append(b"-" + chosen.choice(flag.names).encode())
        words += [_some_number(chosen) for _ in flag.values[: chosen.choice((9, 9, 9, 1))]]
    return b" ".join(words)


def _some_number(chosen: Any) -> bytes:
    ordinary = (b"1", b"2", b"0.5", b"10", b"100", b"90", b"-3", b"0")
    return chosen.choice(ordinary if chosen.random() < 0.6 else NUMBERS) or b"0"


def some_settings(chosen: Any, good: list[bytes]) -> bytes:
    """Fields that exist, with values that may."""
    lines = []
    for _ in range(chosen.choice((1, 1, 2, 3))):
        part = chosen.choice((*PARTS, "lattices.0", "background.0", "crystal.mosaic", "beam.spectrum"))
        kind = PARTS.get(part, nb.Crystal if part == "lattices.0" else nb.Background if part == "background.0" else nb.Mosaic)
        name = chosen.choice([field.name for field in fields(kind)])
        value = chosen.choice((_some_number(chosen).decode(), *(json.dumps(chosen.choice(VALUES)) for _ in range(3))))
        lines.append(f"{part}.{name}={value}".replace("\n", " "))
    return "\n".join(lines).encode("utf-8", "replace")


def grown_expression(chosen: Any, good: list[bytes]) -> bytes:
    """Arithmetic of all kinds, and what is none."""

    def grow(depth: int) -> str:
        if depth == 0 or chosen.random() < 0.2:
            return chosen.choice(("a", "b.c", "pi", "1", "2.5", "1e308", "0", "1e400", "10**9", "True", "'a'", "x.__class__", "-a", "1j"))
        inner = [grow(depth - 1) for _ in range(3)]
        return chosen.choice((
            "({0} + {1})", "{0} * {1}", "{0} ** {1}", "{0} / {1}", "{0} - {1}", "({0} if {1} else {2})", "{0} < {1} <= {2}", "min({0}, {1})",
            "max({0})", "sqrt({0})", "exp({0})", "log({0})", "-{0}", "abs({0})", "({0})", "{0} // {1}", "[{0}]", "lambda: {0}", "{0}[{1}]",
            "min(*{0})", "eval({0})", "{0} and {1}", "{0} % {1}", "not {0}", "tan({0})", "(yield {0})", "(z := {0})", "f'{{{0}}}'",
        )).format(*inner)  # fmt: skip

    return grow(chosen.choice((1, 2, 3, 5))).encode()


TARGETS = {target.name: target for target in (
    Target("hkl", ".hkl", lambda: [seeds.HKL], hkl),
    Target("hkl-gzip", ".hkl.gz", seeds.packed, hkl),
    Target("mtz", ".mtz", seeds.mtz, reflections),
    Target("sf-cif", ".cif", lambda: [seeds.SF_CIF], reflections),
    Target("pdb", ".pdb", lambda: [seeds.PDB], functools.partial(reflections, resolution=6.0), share=0.2),
    Target("mmcif", ".cif", lambda: [seeds.MMCIF], functools.partial(reflections, resolution=6.0, format="coordinates"), share=0.2),
    Target("matrix", ".mat", lambda: [seeds.MATRIX], matrix),
    Target("sources", ".txt", lambda: [seeds.SOURCES], sources),
    Target("spectrum", ".txt", lambda: [seeds.SPECTRUM, seeds.ENERGIES], spectrum),
    Target("scattering", ".txt", lambda: [seeds.SCATTERING], scattering),
    Target("dump", ".bin", seeds.dump, dump),
    Target("smv", ".img", seeds.smv, any_of(smv, geometry, read_mask, told)),
    Target("minicbf", ".cbf", seeds.minicbf, any_of(cbf, geometry, told), share=0.3),
    Target("imgcif", ".cbf", seeds.imgcif, any_of(cbf, geometry, told), share=0.2),
    Target("tiff", ".tif", seeds.tiff, any_of(plain_image, told), share=0.3),
    Target("pgm", ".pgm", seeds.pgm, any_of(plain_image, told)),
    Target("npy", ".npy", seeds.npy, any_of(plain_image, read_mask, told), share=0.5),
    Target("raw", ".raw", seeds.raw, plain_image),
    Target("expt", ".expt", seeds.expt, any_of(geometry, told), either(damaged, json_tree, json_tree), share=0.3),
    Target("toml", ".toml", lambda: [seeds.SMALL_TOML, seeds.TOML], toml, either(damaged, toml_document, toml_document), share=0.3),
    Target("recipe", ".toml", lambda: [seeds.RECIPE], recipe, either(damaged, toml_document, toml_document), share=0.1),
    Target("manifest", ".json", lambda: [seeds.MANIFEST], manifest, either(damaged, json_tree), share=0.5),
    Target("flags", ".txt", lambda: list(seeds.FLAGS), flags, either(damaged, many_flags, many_flags), share=0.3),
    Target("set", ".txt", lambda: list(seeds.SETTINGS), changes, either(damaged, some_settings, some_settings), share=0.1),
    Target("expression", ".txt", lambda: list(seeds.EXPRESSIONS), expression, either(damaged, grown_expression)),
    Target("options", ".txt", lambda: list(seeds.OPTIONS), options, share=0.01),
    Target("nexus", ".h5", seeds.nexus, any_of(told, check_nexus, nexus, own, geometry, image, spectrum), damaged_hdf5, share=0.1),
    Target("hdf5-bytes", ".h5", lambda: [*seeds.tiny_hdf5(), *seeds.nexus()], any_of(told, check_nexus, nexus, own, geometry, image),
           share=0.1, fragile=True),
)}  # fmt: skip
