"""Importing the package is quick, and its names are there."""

import subprocess
import sys

import pytest

import nbnumba as nb


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("heavy", ["numba", "numpy", "h5py", "gemmi", "click"])
def test_importing_the_package_leaves_heavy_modules_alone(heavy):
    assert run(f"import sys, nbnumba; print({heavy!r} in sys.modules)").strip() == "False"


def test_describing_an_experiment_does_not_need_numba():
    code = (
        "import sys, nbnumba as nb\n"
        "e = nb.Experiment(crystal=nb.Crystal(cell=(30, 40, 50, 90, 90, 90)), beam=nb.Beam(wavelength=1),\n"
        "    detector=nb.Detector(pixels=(10, 10), pixel_size=1))\n"
        "nb.Experiment.from_toml(e.to_toml())\n"
        "print('numba' in sys.modules)\n"
    )
    assert run(code).strip() == "False"


@pytest.mark.parametrize("name", nb.__all__)
def test_every_public_name_is_there(name):
    assert getattr(nb, name) is not None
    assert name in dir(nb)


@pytest.mark.parametrize("name", sorted(set(nb.__all__) - {"__version__"}))
def test_every_public_name_is_documented(name):
    assert getattr(nb, name).__doc__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"nbnumba.*simulat'"):
        _ = nb.simulat


def test_the_version_is_a_version():
    assert all(part.isdigit() for part in nb.__version__.split(".")[:2])
