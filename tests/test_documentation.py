"""The documentation: it builds without a warning, names everything there is, and its commands and code run."""

import contextlib
import importlib.util
import re
import shlex
import subprocess
import sys
import tomllib
import warnings
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from click.testing import CliRunner
from nbnumba_cli.main import COMMANDS, cli

import nbnumba as nb
from nbnumba.model.conventions import CONVENTIONS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TUTORIAL = DOCS / "tutorial"


class Page(HTMLParser):
    """Places that a page has, and those that it points to."""

    def __init__(self, text):
        super().__init__()
        self.places, self.links = set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        known = dict(attrs)
        self.places |= {known[name] for name in ("id", "name") if name in known}
        self.links |= {known[name] for name in ("href", "src") if known.get(name)}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Folder with the pages, and each parsed."""
    out = tmp_path_factory.mktemp("html")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", out / ".doctrees", DOCS, out]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    return out, {file: Page(file.read_text(encoding="utf-8")) for file in out.rglob("*.html")}


def test_every_link_within_leads_somewhere(built):
    out, pages = built
    broken = []
    for file, page in pages.items():
        for link in page.links:
            where = urlsplit(link)
            if where.scheme or where.netloc:
                continue
            target = (file.parent / unquote(where.path)).resolve() if where.path else file
            known = pages[target].places if target in pages else {""}
            there = target.is_file() and (not where.fragment or unquote(where.fragment) in known)
            broken += [] if there else [f"{file.relative_to(out)}: {link}"]
    assert broken == []


def test_every_page_is_built(built):
    out, _ = built
    for page in DOCS.rglob("*.md"):
        assert (out / page.relative_to(DOCS)).with_suffix(".html").is_file()


def test_every_public_name_is_in_the_reference(built):
    out, pages = built
    names = {f"nbnumba.{name}" for name in nb.__all__ if not name.startswith("_")}
    assert names <= pages[out / "api.html"].places


def test_every_command_is_in_the_reference_with_all_its_options(built):
    out, pages = built
    text = re.sub(r"<[^>]+>", "", (out / "commands.html").read_text(encoding="utf-8"))
    for name in COMMANDS:
        assert f"nbnumba-{name}" in pages[out / "commands.html"].places
        for parameter in cli.get_command(None, name).params:
            assert all(option in text for option in parameter.opts if option.startswith("-"))


def test_every_function_of_the_physics_is_on_the_page_of_equations(built):
    out, pages = built
    for file in (ROOT / "nbnumba" / "physics").rglob("*.py"):
        module = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for name in re.findall(r"^(?:def|class) (\w+)", file.read_text(encoding="utf-8"), re.MULTILINE):
            assert f"{module}.{name}" in pages[out / "equations.html"].places


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_files_that_the_readme_names_are_there(page):
    for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        assert "://" in link or (ROOT / link).is_file(), link


# Conventions


def module(path):
    """A script as a module."""
    found = importlib.util.spec_from_file_location(path.stem, path)
    made = importlib.util.module_from_spec(found)
    found.loader.exec_module(made)
    return made


@pytest.fixture(scope="module")
def frames():
    return module(DOCS / "figures" / "frames.py")


def test_the_figure_is_what_the_code_draws(frames):
    """But for the last digit, which libraries of mathematics may round in another way."""
    number = re.compile(r"-?\d+\.\d+")
    kept, drawn = frames.FILE.read_text(encoding="utf-8"), frames.draw()
    assert number.sub("", kept) == number.sub("", drawn)
    at = [np.array(number.findall(text), dtype=float) for text in (kept, drawn)]
    np.testing.assert_allclose(*at, atol=0.11)


#: Forward model, section 5: beam, fast, slow, normal, two-theta axis, polarization, spindle.
TOLD = {
    "mosflm": "+x +z -y +x -z +z +z",
    "denzo": "+x +z -y +x -z +z +z",
    "adxv": "+z +x -y +z -x +x +x",
    "xds": "+z +x +y +z +x +x +x",
    "dials": "+z +x +y +z +y +y +y",
}


def test_axes_on_the_page_are_those_of_the_model_and_of_the_code():
    text = (DOCS / "conventions.md").read_text(encoding="utf-8").replace("\N{MINUS SIGN}", "-")
    for name, axes in TOLD.items():
        row = next(line for line in text.splitlines() if re.match(rf"\| .*`{name}`", line))
        assert " ".join(cell.strip() for cell in row.split("|")[2:9]) == axes
        convention = CONVENTIONS[name]
        for axis, vector in zip(axes.split(), convention[:7], strict=True):
            expected = np.zeros(3)
            expected["xyz".index(axis[1])] = float(f"{axis[0]}1")
            assert tuple(vector) == tuple(expected)


@pytest.mark.parametrize(
    ("name", "beyond"), [("mosflm", 1.0), ("denzo", 0.5), ("adxv", 0.5), ("xds", 0.0), ("custom", 0.0)]
)
def test_a_beam_centre_left_out_is_where_the_page_says(name, beyond):
    detector = nb.Detector(pixels=(30, 50), pixel_size=0.2, distance=50.0, convention=name)
    experiment = nb.Experiment(
        crystal=nb.Crystal(cell=(50, 60, 70, 90, 90, 90), default_f=1.0),
        beam=nb.Beam(wavelength=1.0),
        detector=detector,
    )
    assert experiment.geometry.beam_center == pytest.approx((5.0 + 0.2 * beyond, 3.0 + 0.2 * beyond))


def test_files_have_the_axes_that_the_figure_shows(frames):
    """In the frame of MOSFLM: beam along x, first row up and fast to the right as the source sees it."""
    (_, x), (_, y), (_, z) = frames.axes_of("mosflm")
    np.testing.assert_allclose([x, y, z], [[0, 0, 1], [0, 1, 0], [-1, 0, 0]], atol=1e-12)
    np.testing.assert_allclose([axis for _, axis in frames.dials_axes()], np.diag([-1, 1, -1]), atol=1e-12)


# Pages that run


def blocks(text):
    """Fenced blocks: what they are, and their lines."""
    return re.findall(r"^```(\S+)[^\n]*\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def pattern(line):
    """Expected output, in which ... is anything, and columns may be as wide as they like."""
    words = re.escape(" ".join(line.split())).replace(re.escape("..."), ".*")
    return re.compile(words)


def run_console(body):
    """Run lines after a dollar; what stands below one has to be printed, in this order."""
    body = body.replace("\\\n", " ")
    for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        line, *expected = part.splitlines()
        words = shlex.split(line, comments=True)
        if words[0] != "nbnumba":
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            result = CliRunner().invoke(cli, words[1:], prog_name="nbnumba")
        assert result.exit_code == 0, (line, result.output, result.exception)
        printed = [" ".join(text.split()) for text in result.output.splitlines()]
        for told in filter(None, map(str.strip, expected)):
            found = next((i for i, text in enumerate(printed) if pattern(told).fullmatch(text)), None)
            assert found is not None, f"{line}\nprints no more\n{told}\nbut\n{result.output}"
            printed = printed[found + 1 :]


def run_page(text, folder):
    """Run everything in a folder, in order; TOML becomes the file that its first line names."""
    names = {}
    with contextlib.chdir(folder):
        for kind, body in blocks(text):
            if kind == "console":
                run_console(body)
            elif kind == "python":
                exec(compile(body, "page", "exec"), names)
            elif kind == "toml" and (named := re.match(r"# (\S+\.toml)\n", body)):
                Path(named[1]).write_text(body, encoding="utf-8")
            elif kind == "toml":
                tomllib.loads(body)
    return names


PAGES = sorted(
    page.relative_to(DOCS).as_posix()
    for page in [DOCS / "quickstart.md", DOCS / "conventions.md", *TUTORIAL.glob("*.md"), *DOCS.glob("howto/*.md")]
)


@pytest.mark.parametrize("page", PAGES)
def test_page_runs(page, tmp_path):
    text = (DOCS / page).read_text(encoding="utf-8")
    assert any(kind in ("console", "python") for kind, _ in blocks(text))
    run_page(text, tmp_path)


def test_the_tutorial_about_differences_runs(tmp_path):
    for file in TUTORIAL.glob("*.toml"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    text = (DOCS / "tracing.md").read_text(encoding="utf-8").split("## Tutorial")[1]
    assert text.count("$ nbnumba") > 5
    run_page(text, tmp_path)


def test_every_public_name_has_a_subject():
    assert "Others" not in module(DOCS / "_ext" / "api.py").grouped()
