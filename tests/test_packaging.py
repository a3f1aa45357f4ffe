"""What is installed, and what is needed for it."""

import re
import subprocess
import sys
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


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_its_command_line_alone(tmp_path):
    words = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(ROOT)]
    subprocess.run(words, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"nbnumba", "nbnumba_cli", f"nbnumba-{wheel.name.split('-')[1]}.dist-info"}
    assert {"nbnumba/py.typed", "nbnumba/__init__.pyi"} <= set(names)
