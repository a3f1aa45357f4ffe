import h5py
import numpy as np
import pytest

import nbnumba as nb
from nbnumba.constants import PHOTON_ENERGY

WAVELENGTHS, WEIGHTS = [0.98, 0.99, 1.0], [1.0, 5.0, 2.0]
SHOTS = [[1.0, 5.0, 2.0], [0.0, 3.0, 4.0]]


def text(tmp_path, content):
    (tmp_path / "s.txt").write_text(content)
    return tmp_path / "s.txt"


def nxmx(tmp_path, units="angstrom", where="entry/instrument/beam", **datasets):
    with h5py.File(tmp_path / "s.h5", "w") as file:
        for name, values in datasets.items():
            file.create_dataset(f"{where}/{name}", data=values)
            if not name.endswith("weights"):
                file[f"{where}/{name}"].attrs["units"] = units
    return tmp_path / "s.h5"


def test_text_of_wavelengths(tmp_path):
    read = nb.read_spectrum(text(tmp_path, "# A, counts\n1.0 2\n0.98\t1 # weak\n\n0.99 5e0\n"))
    assert read == nb.Spectrum(WAVELENGTHS, WEIGHTS)


def test_text_of_energies(tmp_path):
    read = nb.read_spectrum(text(tmp_path, "12400 1\n12700 3\n"))
    assert read.wavelengths == (1e3 * PHOTON_ENERGY / 12700, 1e3 * PHOTON_ENERGY / 12400)
    assert read.weights == (3.0, 1.0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1.0 2\n500 1\n", "from 1 to 500; allowed: wavelengths below 100 A, or energies above 1000 eV"),
        ("1.0 2\n12000 1\n", "from 1 to 12000"),
        ("1.0\n", "line 1: found 1 numbers"),
        ("1.0 2 3\n", "line 1: found 3 numbers"),
        ("A B\n", "line 1: found 'A B'"),
        ("# nothing\n", "no spectrum"),
        ("1.0 -1\n0.9 2\n", r"s\.txt: .*weights: found -1.0"),
        ("nan 1\n", "found nan|from nan"),
    ],
)
def test_other_text_is_refused(tmp_path, content, message):
    with pytest.raises(nb.NbnumbaError, match=message) as caught:
        nb.read_spectrum(text(tmp_path, content))
    assert "s.txt" in str(caught.value)


@pytest.mark.parametrize(
    "datasets",
    [
        {"incident_wavelength": WAVELENGTHS, "incident_wavelength_weights": WEIGHTS},
        {"incident_wavelength": WAVELENGTHS, "incident_wavelength_weights": [WEIGHTS]},
        {"incident_wavelength_1Dspectrum": WAVELENGTHS, "incident_wavelength_1Dspectrum_weights": WEIGHTS},
        {
            "incident_wavelength": [0.99, 0.991],
            "incident_wavelength_1Dspectrum": WAVELENGTHS,
            "incident_wavelength_1Dspectrum_weights": SHOTS,
        },
        {"incident_wavelength": [WAVELENGTHS, WAVELENGTHS], "incident_wavelength_weights": SHOTS},
    ],
)
def test_ways_of_nxmx(tmp_path, datasets):
    path = nxmx(tmp_path, **datasets)
    assert nb.read_spectrum(path) == nb.Spectrum(WAVELENGTHS, WEIGHTS)
    if np.ndim(datasets.get("incident_wavelength_1Dspectrum_weights")) == 2:
        assert nb.read_spectrum(path, shot=1) == nb.Spectrum(WAVELENGTHS, SHOTS[1])
        with pytest.raises(nb.NbnumbaError, match=r"s\.h5: shot: found 2; allowed: from 0 to 1"):
            nb.read_spectrum(path, shot=2)


def test_the_spectrum_of_a_shot_is_read_of_any_number_of_them(tmp_path):
    """More values than are believed of a field that is for all."""
    path, name = tmp_path / "s.h5", "entry/instrument/beam/incident_wavelength_1Dspectrum"
    with h5py.File(path, "w") as file:
        file[name] = np.linspace(0.9, 1.1, 2048)
        weights = file.create_dataset(f"{name}_weights", (100_000, 2048), "f4", chunks=(1, 2048))
        weights[99_999] = np.arange(2048)
    assert nb.read_spectrum(path, 99_999).weights == tuple(range(2048))


def test_hdf5_may_begin_with_something_else(tmp_path):
    with h5py.File(tmp_path / "s.h5", "w", userblock_size=512) as file:
        file["entry/instrument/beam/incident_wavelength"] = 0.99
    (tmp_path / "s.h5").write_bytes(b"# 1 2".ljust(512) + (tmp_path / "s.h5").read_bytes()[512:])
    assert nb.read_spectrum(tmp_path / "s.h5") == nb.Spectrum((0.99,), (1.0,))


def test_a_variant_may_have_any_name(tmp_path):
    path = nxmx(tmp_path, incident_wavelength=[1.0], measured=WAVELENGTHS, measured_weights=SHOTS)
    with h5py.File(path, "a") as file:
        file["entry/instrument/beam/incident_wavelength"].attrs["variant"] = "measured"
    assert nb.read_spectrum(path, 1).weights == tuple(SHOTS[1])


def test_wavelengths_alone_are_those_of_shots(tmp_path):
    path = nxmx(tmp_path, incident_wavelength=[0.98, 0.99])
    assert nb.read_spectrum(path, 1) == nb.Spectrum((0.99,), (1.0,))
    assert nb.read_spectrum(nxmx(tmp_path, incident_wavelength=0.97), 5) == nb.Spectrum((0.97,), (1.0,))


@pytest.mark.parametrize(("units", "factor"), [("Angstroms", 1.0), ("nm", 10.0), ("m", 1e10)])
def test_units_of_a_file(tmp_path, units, factor):
    values = np.array(WAVELENGTHS) / factor
    read = nb.read_spectrum(nxmx(tmp_path, units, incident_wavelength=values, incident_wavelength_weights=WEIGHTS))
    assert read.wavelengths == pytest.approx(WAVELENGTHS, rel=1e-15)


@pytest.mark.parametrize(
    ("units", "datasets", "message"),
    [
        ("keV", {"incident_wavelength": [1.0], "incident_wavelength_weights": [1.0]}, "units: found 'keV'"),
        ("m", {"other": [1.0]}, "found no spectrum"),
        ("angstrom", {"incident_wavelength": b"none"}, "no numbers"),
        ("angstrom", {"incident_wavelength": WAVELENGTHS, "incident_wavelength_weights": [1.0]}, "3 wavelengths and 1"),
        ("angstrom", {"incident_wavelength": np.ones((2, 2, 2)), "incident_wavelength_weights": [1.0]}, "shape"),
    ],
)
def test_other_hdf5_is_refused(tmp_path, units, datasets, message):
    with pytest.raises(nb.NbnumbaError, match=message) as caught:
        nb.read_spectrum(nxmx(tmp_path, units, **datasets))
    assert "s.h5" in str(caught.value)


def test_missing_and_damaged_files(tmp_path):
    with pytest.raises(nb.NbnumbaError, match="cannot be read"):
        nb.read_spectrum(tmp_path / "no.h5")
    path = nxmx(tmp_path, incident_wavelength=WAVELENGTHS)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(nb.NbnumbaError, match="damaged HDF5"):
        nb.read_spectrum(path)


def test_what_was_written_is_read(tmp_path):
    spectrum = nb.Spectrum(WAVELENGTHS, WEIGHTS)
    experiment = nb.Experiment(
        crystal=nb.Crystal(cell=(50, 60, 70, 90, 95, 90), default_f=1.0),
        beam=nb.Beam(spectrum=spectrum),
        detector=nb.Detector(pixels=(4, 5), pixel_size=1.0),
    )
    nb.write_nexus(tmp_path / "a.h5", experiment, np.zeros((2, 4, 5), np.float32))
    assert nb.read_spectrum(tmp_path / "a.h5", 1) == spectrum
