"""All that reads inputs: with good inputs to damage, and the ways to do so."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from fuzz import accepted as a
from fuzz import commands, seeds, sets
from fuzz.grown import Make, either, grown_expression, json_lines, json_tree, many_flags, some_settings, toml_tree
from fuzz.mutations import damaged, damaged_hdf5
from nbnumba.checks import check_nexus
from nbnumba.inputs.mask import read_mask
from nbnumba.outputs.data_files import linked


class Target(NamedTuple):
    """Something that reads inputs.

    ``read`` takes the path of a file, and raises AssertionError where what it accepts is wrong. ``ending`` is that of
    the file. ``share``: of the inputs that others get, where one takes long. ``fragile``: HDF5's own library may crash
    or hang on it, which is counted apart. ``first``: inputs that come before those that are drawn; None: the smallest
    good one cut after every byte.
    """

    name: str
    ending: str
    seeds: Callable[[], list[bytes]]
    read: Callable[[Path], None]
    make: Make = damaged
    share: float = 1.0
    fragile: bool = False
    first: Callable[[], list[bytes]] | None = None


def only(*contents: bytes) -> Callable[[], list[bytes]]:
    """Seeds that are there already."""
    return lambda: list(contents)


NEXUS = (a.told, check_nexus, a.nexus, a.own, a.geometry, a.image)
COORDINATES = functools.partial(a.reflections, resolution=6.0, format="coordinates")
TABLES, JSON = either(damaged, toml_tree, toml_tree), either(damaged, json_tree, json_tree)
TARGETS = {target.name: target for target in (
    Target("hkl", ".hkl", only(seeds.HKL), a.hkl),
    Target("hkl-gzip", ".hkl.gz", seeds.packed, a.hkl),
    Target("mtz", ".mtz", seeds.mtz, a.reflections),
    Target("sf-cif", ".cif", only(seeds.SF_CIF), a.reflections),
    Target("pdb", ".pdb", only(seeds.PDB), COORDINATES, share=0.2),
    Target("mmcif", ".cif", only(seeds.MMCIF), COORDINATES, share=0.2),
    Target("matrix", ".mat", only(seeds.MATRIX), a.matrix),
    Target("sources", ".txt", only(seeds.SOURCES), a.sources),
    Target("spectrum", ".txt", only(seeds.SPECTRUM, seeds.ENERGIES), a.spectrum),
    Target("scattering", ".txt", only(seeds.SCATTERING), a.scattering),
    Target("dump", ".bin", seeds.dump, a.dump),
    Target("smv", ".img", seeds.smv, a.any_of(a.smv, a.geometry, read_mask, a.told)),
    Target("minicbf", ".cbf", seeds.minicbf, a.any_of(a.cbf, a.geometry, a.told), share=0.3),
    Target("imgcif", ".cbf", seeds.imgcif, a.any_of(a.cbf, a.geometry, a.told), share=0.2),
    Target("tiff", ".tif", seeds.tiff, a.any_of(a.plain_image, a.told), share=0.3),
    Target("pgm", ".pgm", seeds.pgm, a.any_of(a.plain_image, a.told)),
    Target("npy", ".npy", seeds.npy, a.any_of(a.plain_image, read_mask, a.told), share=0.5),
    Target("raw", ".raw", seeds.raw, a.plain_image),
    Target("expt", ".expt", seeds.expt, a.any_of(a.geometry, a.told), JSON, share=0.3),
    Target("toml", ".toml", only(seeds.SMALL_TOML, seeds.TOML), a.toml, TABLES, share=0.3),
    Target("recipe", ".toml", only(seeds.RECIPE), a.recipe, TABLES, share=0.1),
    Target("manifest", ".json", only(seeds.MANIFEST), a.manifest, JSON, share=0.5),
    Target("flags", ".txt", only(*seeds.FLAGS), a.flags, either(damaged, many_flags, many_flags), share=0.3),
    Target("printed", ".txt", only(seeds.PRINTED), a.printed),
    Target("set", ".txt", only(*seeds.SETTINGS), a.changes, either(damaged, some_settings, some_settings), share=0.1),
    Target("expression", ".txt", only(*seeds.EXPRESSIONS), a.expression, either(damaged, grown_expression)),
    Target("options", ".txt", only(*seeds.OPTIONS), a.options, share=0.01),
    Target("nexus", ".h5", seeds.nexus, a.any_of(*NEXUS, a.spectrum, linked, each=2), damaged_hdf5, share=0.1),
    Target("log", ".jsonl", sets.log, sets.read_damaged_log, either(damaged, json_lines), share=0.1),
    Target("resume", ".json", sets.manifest, sets.read_damaged_manifest, JSON, share=0.05),
    Target("shard", ".h5", sets.shard, sets.read_damaged_shard, damaged_hdf5, share=0.05),
    Target("completion", ".txt", commands.good, commands.completion, either(damaged, commands.some), share=0.1),
    Target("commands", ".txt", commands.good, commands.line, commands.some, share=0.1, first=commands.every),
    Target("shard-bytes", ".h5", sets.shard, sets.read_damaged_shard, share=0.1, fragile=True),
    Target("hdf5-bytes", ".h5", seeds.hdf5, a.any_of(*NEXUS, linked, each=2), share=0.1, fragile=True),
)}  # fmt: skip
