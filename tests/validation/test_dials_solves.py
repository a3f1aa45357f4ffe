"""DIALS solves simulated data sets from their files; docs/validation.md tells how well."""

import shutil
from pathlib import Path

import data_sets
import pytest
from processing import Found, found_in, solve_rotation, solve_stills

import nbnumba as nb

pytestmark = [
    pytest.mark.dials,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("dials.integrate") is None, reason="the DIALS programs are not on PATH"),
]
PAGE = Path(__file__).parents[2] / "docs" / "validation.md"
BEGIN, END = "<!-- made by tests/validation -->\n", "<!-- end -->\n"
SETS = {"rotation": data_sets.rotation, "stills": data_sets.stills, "panels": data_sets.four_panels}
KINDS = ("NXmx", "CBF")


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """Each data set with its images in files of both kinds."""
    return {name: write(tmp_path_factory.mktemp(name), make()) for name, make in SETS.items()}


def write(folder, data):
    (folder / "NXmx").mkdir()
    nb.write_nexus(folder / "NXmx" / "series.nxs", data.first, data.images())
    _, images = nb.read_nexus(folder / "NXmx" / "series.nxs")
    (folder / "CBF").mkdir()
    for number, image in enumerate(images):
        nb.write_cbf(folder / "CBF" / f"series_{number + 1:04d}.cbf", data.first, image, number)
    return data, folder


@pytest.fixture(scope="module")
def results():
    """What is found, by data set and kind of file; when all of it is right, it goes into the documentation."""
    found: dict[tuple[str, str], tuple[str, Found]] = {}
    yield found
    if len(found) == len(SETS) * len(KINDS):
        before, after = PAGE.read_text().split(BEGIN)
        PAGE.write_text(before + BEGIN + table(found) + END + after.split(END)[1])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SETS)
def test_data_set_is_solved(name, kind, rendered, results):
    data, folder = rendered[name]
    files = sorted(file.name for file in (folder / kind).iterdir())
    if name == "stills":
        solve_stills(folder / kind, files, data.first.crystal.reflections.cell)
        found = found_in(folder / kind, data.experiments)
    else:
        solve_rotation(folder / kind, files)
        found = found_in(folder / kind, data.experiments[:1])
    print(name, kind, found)
    assert found.indexed > 0.9
    assert found.length < 0.1
    assert found.angle < 0.05
    assert found.orientation < 0.05
    assert found.beam_center < 0.1
    assert found.correlation > 0.95
    results[name, kind] = (data.name, found)


def table(results):
    """Rows of Markdown."""
    head = (
        "| data set | files | spots, indexed | cell edges [%] | angles [deg] | orientation [deg] "
        "| beam centre [pixels] | intensities, their correlation with F^2 |\n|---|---|---|---|---|---|---|---|\n"
    )
    return head + "".join(row(name, kind, found) for (_, kind), (name, found) in results.items())


def row(name, kind, x):
    spots = f"{x.spots}, {100 * x.indexed:.1f} %"
    errors = f"{x.length:.3f} | {x.angle:.3f} | {x.orientation:.3f} | {x.beam_center:.3f}"
    return f"| {name} | {kind} | {spots} | {errors} | {x.reflections}, {x.correlation:.4f} |\n"
