"""What is installed, and what is needed for it."""

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def needed():
    """(name, lowest version) of every package that the project or an extra of it names."""
    words = [*PROJECT["dependencies"], *(word for extra in PROJECT["optional-dependencies"].values() for word in extra)]
    return {re.fullmatch(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)", word).groups() for word in words}


def test_the_page_of_licences_names_every_dependency():
    rows = re.findall(r"^\| ([\w-]+) \| ([\d.]+) \|.*\| [^|]+ \|$", (ROOT / "docs/dependencies.md").read_text(), re.M)
    assert set(rows) == needed()
    assert len(rows) == len(needed())


@pytest.mark.parametrize("name", ["nbnumba", "nbnumba_cli.main"])
def test_importing_warns_of_nothing(name):
    subprocess.run([sys.executable, "-W", "error", "-c", f"import {name}"], check=True)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The source distribution, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "build", "-o", str(folder), str(ROOT)], check=True, capture_output=True)
    return next(folder.glob("*.tar.gz")), next(folder.glob("*.whl"))


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_its_command_line_alone(built):
    names = set(zipfile.ZipFile(built[1]).namelist())
    tops = {name.split("/")[0] for name in names}
    assert tops == {"nbnumba", "nbnumba_cli", f"nbnumba-{built[1].name.split('-')[1]}.dist-info"}
    assert {"nbnumba/py.typed", "nbnumba/__init__.pyi"} <= names


@pytest.mark.slow
def test_the_sources_hold_what_is_kept_and_make_the_same_wheel(built):
    with tarfile.open(built[0]) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()} - {"PKG-INFO"}
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    assert held == {name for name in listed if not name.startswith(".ci/")}
    kept = {name.removeprefix("cli/") for name in listed if name.startswith(("nbnumba/", "cli/nbnumba_cli/"))}
    assert {name for name in zipfile.ZipFile(built[1]).namelist() if ".dist-info" not in name} == kept
