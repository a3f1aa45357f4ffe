"""Images as arrays of xarray: axes, places and units, and through a file and back."""

import sys

import numpy as np
import pytest

import nbnumba as nb

xarray = pytest.importorskip("xarray", reason="arrays with labels are those of xarray (extra xarray)")


def small(**changes):
    experiment = nb.Experiment(
        crystal=nb.Crystal(cell=(50, 60, 70, 90, 90, 90), default_f=10.0),
        beam=nb.Beam(wavelength=1.1),
        detector=nb.Detector(pixels=(20, 30), pixel_size=0.5, distance=50.0),
    )
    return experiment.replace(**changes)


def values(*shape):
    return np.random.default_rng(1).uniform(size=shape).astype(np.float32)


def test_an_image_has_places_and_units():
    found = nb.to_xarray(small(), values(20, 30))
    assert (found.dims, found.name) == (("slow", "fast"), "image")
    np.testing.assert_array_equal(found.values, values(20, 30))
    assert (found.slow[[0, -1]] == [0, 19]).all()
    np.testing.assert_allclose(found.fast_mm[[0, -1]], [0.25, 14.75])
    assert found.fast_mm.attrs["units"] == "mm"
    assert found.attrs["units"] == "photons"
    assert found.attrs["distance_mm"] == pytest.approx(50.0)
    assert found.attrs["wavelength_A"] == 1.1
    assert found.sel(slow=slice(3, 5)).shape == (3, 30)
    assert nb.to_xarray(small(), np.ones((20, 30), dtype=int)).attrs["units"] == "counts"


def test_several_images_have_angles():
    series = small(scan=nb.Scan(start=10.0, width=0.5))
    found = nb.to_xarray(series, [values(20, 30)] * 3)
    assert found.dims == ("image", "slow", "fast")
    np.testing.assert_allclose(found.angle, [10.0, 10.5, 11.0])
    assert nb.to_xarray(series, values(20, 30)).angle == 10.0
    assert "angle" not in nb.to_xarray(small(), [values(20, 30)]).coords


def test_panels_are_an_axis():
    cut = small().with_panels(slow=2, fast=3)
    assert nb.to_xarray(cut, values(6, 10, 10)).dims == ("panel", "slow", "fast")
    found = nb.to_xarray(cut, values(2, 6, 10, 10))
    assert found.dims == ("image", "panel", "slow", "fast")
    assert "distance_mm" not in found.attrs


def test_a_file_keeps_all(tmp_path):
    pytest.importorskip("h5netcdf", reason="written by h5netcdf")
    for experiment, shape in (
        (small(scan=nb.Scan(width=1.0)), (4, 20, 30)),
        (small().with_panels(slow=2, fast=3), (6, 10, 10)),
    ):
        made = nb.to_xarray(experiment, values(*shape))
        made.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
        with xarray.open_dataarray(tmp_path / "a.nc", engine="h5netcdf") as found:
            assert found.identical(made)


def test_other_images_are_refused():
    for wrong in (values(20, 31), values(2, 2, 20, 30), np.array(["a"]), np.array(1.0)):
        with pytest.raises(nb.NbnumbaError, match=r"images: found .* allowed: the detector's \(20, 30\)"):
            nb.to_xarray(small(), wrong)


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(nb.NbnumbaError, match=r"pip install 'nbnumba\[xarray\]'"):
        nb.to_xarray(small(), values(20, 30))
