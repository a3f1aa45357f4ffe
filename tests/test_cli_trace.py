"""``nbnumba trace`` and ``nbnumba info`` on the command line, and the debugger session in docs/tracing.md."""

import json
import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from nbnumba_cli.main import cli

import nbnumba as nb

DOCS = Path(__file__).parents[1] / "docs"
MEASURED = DOCS / "tutorial" / "measured.toml"
PIXEL = ("--pixel", 142, 105)


def run(*words):
    return CliRunner().invoke(cli, [str(word) for word in words])


def refused(result, *parts):
    assert isinstance(result.exception, nb.NbnumbaError) or result.exit_code == 2
    for part in parts:
        assert part in str(result.exception) + result.output


def traced():
    return nb.trace(nb.Experiment.from_toml(MEASURED), 142, 105)


def test_the_steps_that_add_most_are_shown():
    result = run("trace", MEASURED, *PIXEL)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert re.match(r"Pixel slow 142, fast 105: 78780.04 photons in 32 steps, 9.209 A", lines[0])
    assert lines[1].startswith("The 20 steps that add most")
    assert "photons" in lines[3]
    assert len(lines) == 24
    assert "layer" not in lines[2]  # a loop of one


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (("--by", "domain"), 10),
        (("--by", "subpixel"), 6),
        (("--top", 3), 7),
        (("--reflection", 0, -5, -8), 24),
        (("--reflection", 9, 9, 9), 3),
        (("--step", 3, "--columns", "q,term"), 6),
        (("--where", "--columns", "f_latt,axes"), 12),
    ],
)
def test_questions_are_answered(words, lines):
    result = run("trace", MEASURED, *PIXEL, *words)
    assert result.exit_code == 0, result.output
    assert len(result.stdout.splitlines()) == lines


def test_json_is_the_trace():
    found = json.loads(run("trace", MEASURED, *PIXEL, "--json").stdout)
    assert found["photons"] == traced().value
    assert found["steps"]["term"] == traced().records["term"].tolist()
    assert found["units"]["q"] == "1/A"
    sums = json.loads(run("trace", MEASURED, *PIXEL, "--by", "domain", "--json").stdout)["by"]
    assert sum(row["photons"] for row in sums) == pytest.approx(traced().value)


def test_files_are_written_once(tmp_path):
    words = ("trace", MEASURED, *PIXEL, "--csv", tmp_path / "a.csv", "--html", tmp_path / "a.html")
    assert run(*words).exit_code == 0
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 33
    assert "<!doctype html>" in (tmp_path / "a.html").read_text()
    refused(run(*words), "a.csv", "--overwrite")
    assert run(*words, "--overwrite").exit_code == 0
    refused(run("trace", MEASURED, *PIXEL, "--csv", tmp_path / "b", "--html", tmp_path / "b"), "another output")
    other = tmp_path / "other"
    other.write_text(MEASURED.read_text())
    refused(run("trace", MEASURED, *PIXEL, "--compare", other, "--csv", other, "--overwrite"), "input")
    assert other.read_text() == MEASURED.read_text()


def test_a_region_names_its_reflections():
    result = run("trace", MEASURED, "--region", 140, 145, 103, 108, "--top", 2)
    assert result.stdout.splitlines()[2].split()[:3] == ["0", "-5", "-8"]
    found = json.loads(run("trace", MEASURED, "--region", 140, 145, 103, 108, "--json").stdout)
    image = nb.simulate(nb.Experiment.from_toml(MEASURED))[140:145, 103:108]
    assert found["photons"] == pytest.approx(float(image.sum(dtype=float)), rel=1e-6)


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ((), ("--pixel", "--region")),
        ((*PIXEL, "--region", 1, 2, 3, 4), ("--pixel", "--region")),
        (("--pixel", 256, 0), ("slow 256", "0 to 255")),
        ((*PIXEL, "--step", 32), ("found 32", "0 to 31")),
        ((*PIXEL, "--columns", "colour"), ("colour", "f_latt")),
        ((*PIXEL, "--limit", 31), ("found 32 steps", "up to 31")),
        (("--region", 1, 2, 3, 4, "--html", "x"), ("--region", "--html")),
        (("--region", 1, 2, 3, 400), ("--region", "256")),
        (("--region", 1, 2, 3, 4, "--limit", 5), ("--region", "--limit")),
        ((*PIXEL, "--by", "domain", "--where"), ("--by", "--where")),
        ((*PIXEL, "--step", 1, "--top", 2), ("--step", "--top")),
        (("--region", 2, 1, 1, 2), ("--region",)),
        ((*PIXEL, "--compare-reference", sys.executable), ("--nanobragg",)),
        ((*PIXEL, "--compare", "nowhere.toml"), ("nowhere.toml",)),
    ],
)
def test_what_cannot_be_is_refused(words, parts):
    refused(run("trace", MEASURED, *words), *parts)


FLAGS = "-cell 70 80 90 90 90 90 -misset 10 20 30 -N 5 -default_F 10 -detpixels 16 -pixel 4 -oversample 1"
PROGRAM = """
import sys
assert sys.argv[-3:] == ["-printout_pixel", "3", "5"], sys.argv
print(open(TEXT).read())
"""


def program(folder, text):
    (folder / "text").write_text(text)
    file = folder / "program"
    file.write_text(f"#!{sys.executable}\n{PROGRAM.replace('TEXT', repr(str(folder / 'text')))}")
    file.chmod(0o755)
    return file


def test_a_program_is_compared(tmp_path):
    from tracer.test_difference import printed

    expected = nb.trace(nb.from_nanobragg(FLAGS), 5, 3)
    words = ("trace", "--nanobragg", FLAGS, "--pixel", 5, 3, "--compare-reference")
    text = printed(expected).replace("   9    4 :", "   3    5 :")
    result = run(*words, program(tmp_path, text))
    assert "No quantity differs" in result.stdout, result.output
    text = printed(expected, f_cell=12.0).replace("   9    4 :", "   3    5 :")
    assert "is f_cell, by 2 e" in run(*words, program(tmp_path, text)).stdout
    refused(run(*words, program(tmp_path, "nothing")), "printed no position")
    refused(run(*words, tmp_path / "text"), "give a nanoBragg executable")


def test_the_debugger_session_is_that_of_the_code():
    text = (DOCS / "tracing.md").read_text()
    step = next(nb.walk(nb.Experiment.from_toml(MEASURED), 142, 105))
    assert str((step.dh, step.dk, step.dl)) in text
    lines = (Path(nb.__file__).parent / "physics" / "lattice" / "square.py").read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("def grating"))
    assert f"square.py:{start}\n" in text
    for line in lines[start : start + 5]:
        assert line.strip() in text


def test_this_installation_is_told():
    result = run("info", "--json")
    found = json.loads(result.stdout)
    assert found["nbnumba"] == nb.__version__
    assert found["threads"] >= 1
    assert "vectors" in run("info").stdout
    refused(run("info", "--geometry"), "no experiment")


def test_geometry_is_told(tmp_path):
    words = ("info", MEASURED, "--geometry", "--hkl", 0, -5, -8, "--pixel", 142, 105)
    text = run(*words, "--png", tmp_path / "a.png").stdout
    for part in ("Origin", "MOSFLM", "two-theta", "Reflection 0 -5 -8", "Pixel slow 142, fast 105: h 0.0", "a.png"):
        assert part in text
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    found = json.loads(run(*words, "--json").stdout)
    assert found["reflections"][0]["hits"][0]["on_detector"]
    assert found["rings"][0]["spacing_A"] > found["rings"][-1]["spacing_A"]
    refused(run("info", MEASURED, "--hkl", 0, 0, 0), "direct beam")
    refused(run("info", MEASURED, "--pixel", 256, 0), "0 to 255")
