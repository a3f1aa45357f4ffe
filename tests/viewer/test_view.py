"""Pictures of images: every pixel, ring and spot is where it belongs, and what is not known is said."""

import functools
import sys
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from nbnumba_cli.main import cli

import nbnumba as nb
from nbnumba.spots import spots

pytest.importorskip("matplotlib", reason="pictures are drawn by matplotlib (extra plot)")

#: Small figures, which are drawn quickly.
view, draw_image = (functools.partial(function, size=320) for function in (nb.view, nb.draw_image))
MASK = nb.Mask(np.arange(60 * 80).reshape(60, 80) % 80 != 33)


def small(**changes):
    experiment = nb.Experiment(
        crystal=nb.Crystal(cell=(21, 24, 30, 85, 95, 100), misset=(10, 20, 30), cells=(9, 10, 11), default_f=5.0),
        beam=nb.Beam(wavelength=1.1),
        detector=nb.Detector(pixels=(60, 80), pixel_size=1.0, distance=110.0),
    )
    return experiment.replace(**changes)


def values(shape=(60, 80)):
    return np.random.default_rng(1).uniform(0.0, 100.0, shape).astype(np.float32)


def pixels(figure):
    """The figure's pixels (down, across, 3), 0 to 255."""
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[:, :, :3].astype(int)


def pixel_at(figure, x, y):
    """Colour at a point of the image's axes."""
    across, up = figure.axes[0].transData.transform((x, y))
    picture = pixels(figure)
    return picture[int(picture.shape[0] - up), int(across)]


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def lines(figure, marker):
    return [line for line in figure.axes[0].lines if line.get_marker() == marker]


def dashed(figure):
    """Rings by their labels, as distances of their points from the beam [pixels]."""
    beam = lines(figure, "+")[0].get_xydata()[0]
    rings = [line.get_xydata() for line in lines(figure, "None")]
    found = [np.linalg.norm(ring[np.isfinite(ring[:, 0])] - beam, axis=1) for ring in rings]
    return dict(zip([text for text in texts(figure) if text.endswith("Å")], found, strict=True))


@pytest.fixture
def file(tmp_path):
    return nb.write_nexus(tmp_path / "own.h5", small(**{"detector.mask": MASK}), values())


@pytest.fixture
def foreign(file):
    """The file as another program would have written it."""
    with h5py.File(file, "a") as opened:
        del opened["entry/nbnumba"]
    return file


# --- pixels ----------------------------------------------------------------------------------------------------------


def test_pixels_are_crisp_squares_of_their_own_grey():
    image = np.array([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])
    figure = draw_image(image, scale="linear", percentiles=(0, 100), size=120)
    picture = pixels(figure)
    for (slow, fast), value in np.ndenumerate(image):
        corner, end = (figure.axes[0].transData.transform((fast + f, slow + f)) for f in (0.06, 0.94))
        rows = slice(int(picture.shape[0] - corner[1]), int(picture.shape[0] - end[1]))
        square = picture[rows, int(corner[0]) + 1 : int(end[0])]
        assert square.size > 1000
        assert np.ptp(square) == 0
        assert abs(square[0, 0, 0] - 255 * (1 - value / 5)) <= 2


def test_larger_images_are_binned_and_no_spot_is_lost():
    image = np.zeros((500, 500))
    image[333, 77] = 1000.0
    figure = draw_image(image, size=100)
    assert (pixel_at(figure, 77.5, 333.5) == 0).all()
    assert (pixel_at(figure, 90.5, 333.5) == 255).all()


def test_masked_pixels_have_a_colour_of_their_own(file):
    for colors in ("grey", "viridis"):
        color = pixel_at(view(file, colors=colors, rings=[]), 33.5, 20.5)
        assert np.ptp(color) > 40 if colors == "grey" else np.ptp(color) == 0
    plain = draw_image(values(), masked=np.zeros((60, 80), dtype=bool))
    assert np.ptp(pixel_at(plain, 33.5, 20.5)) == 0
    image = values()
    image[5, 6] = np.nan
    assert np.ptp(pixel_at(draw_image(image), 6.5, 5.5)) > 40


def test_a_region_is_shown_alone(file):
    axes = view(file, roi=(10, 20, 30, 50)).axes[0]
    assert (axes.get_xlim(), axes.get_ylim()) == ((30.0, 50.0), (20.0, 10.0))
    assert axes.images[0].get_array().shape == (10, 20)


def test_images_are_added_up(tmp_path):
    experiment = small(scan=nb.Scan(width=1.0, steps=2))
    counts = np.arange(3, dtype=np.int32)[:, np.newaxis, np.newaxis] * np.ones((60, 80), dtype=np.int32)
    counts[1, 0, 0], counts[2, 0, 1] = 100, 200
    file = nb.write_nexus(tmp_path / "series.h5", experiment, counts)
    figure = view(file, number=1, images=2, scale="linear", percentiles=(0, 100))
    bar = figure.axes[1].get_yticklabels()
    assert float(bar[-1].get_text()) == 200.0  # 202 at most
    assert any("images 1 to 2" in text.get_text() for text in figure.texts)
    assert any("spindle 1 to 3°" in text.get_text() for text in figure.texts)


def test_negative_integers_of_others_are_no_measurement(tmp_path):
    image = np.full((20, 20), 7, dtype=np.int32)
    image[3, 4] = -1
    np.save(tmp_path / "a.npy", image)
    with pytest.warns(nb.NbnumbaWarning, match="no rings and no beam centre"):
        figure = view(tmp_path / "a.npy")
    assert np.ptp(pixel_at(figure, 4.5, 3.5)) > 40


# --- rings, beam and spots -------------------------------------------------------------------------------------------


def test_rings_are_where_bragg_has_them(file):
    radii = dashed(view(file, rings=[6.0, 4.0, 3.0]))
    assert list(radii) == ["6 Å", "4 Å", "3 Å"]
    for label, found in radii.items():
        angle = 2.0 * np.arcsin(1.1 / (2.0 * float(label.split()[0])))
        np.testing.assert_allclose(found, 110.0 * np.tan(angle), rtol=1e-9)


def test_rings_of_other_programs_files_are_the_same(file, foreign):
    before, after = dashed(view(file)), dashed(view(foreign))
    assert list(before) == list(after)
    assert len(before) >= 4
    assert all(before[name][0] == pytest.approx(after[name][0], rel=1e-5) for name in before)
    assert np.ptp(pixel_at(view(foreign), 33.5, 20.5)) > 40  # the mask


@pytest.mark.parametrize("roi", [None, (0, 12, 0, 12), (25, 35, 40, 52), (50, 52, 70, 73)])
def test_there_are_some_rings_whatever_is_shown(file, roi):
    assert 2 <= len(dashed_or_none(view(file, roi=roi))) <= 6


def dashed_or_none(figure):
    return [text for text in texts(figure) if text.endswith("Å")]


def test_rings_that_are_not_there_are_told(file):
    with pytest.warns(nb.NbnumbaWarning, match="rings: 1 A not on what is shown"):
        view(file, rings=[4.0, 1.0])
    with pytest.raises(nb.NbnumbaError, match=r"spacing: found 0.5 A; allowed: above half the wavelength"):
        view(file, rings=[0.5])


def test_the_beam_is_marked(file):
    (mark,) = lines(view(file), "+")
    center = small().geometry.beam_center
    np.testing.assert_allclose(mark.get_xydata()[0], center)


def test_spots_are_marked_with_their_indices(file):
    figure, expected = nb.view(file, predict=True), spots(small())
    (marks,) = lines(figure, "o")
    np.testing.assert_allclose(marks.get_xydata(), np.stack([expected.fast, expected.slow], axis=1))
    assert set(texts(figure)) >= {"{} {} {}".format(*hkl) for hkl in expected.hkl.tolist()}


def test_crowded_spots_are_told_and_fewer_have_all_their_indices(file):
    with pytest.warns(nb.NbnumbaWarning, match=r"room for the indices of \d+ of \d+"):
        figure = view(file, predict=True, size=250)
    labels = [text for text in texts(figure) if not text.endswith("Å")]
    assert 0 < len(labels) < len(spots(small()))


def test_labels_do_not_cover_one_another(file):
    figure = nb.view(file, predict=True, rings=[])
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) > 10
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_the_experiment_may_come_from_elsewhere(foreign):
    with pytest.raises(nb.NbnumbaError, match=r"tells of no crystal; .*--experiment"):
        view(foreign, predict=True)
    figure = nb.view(foreign, predict=True, experiment=small())
    assert len(lines(figure, "o")[0].get_xydata()) == len(spots(small()))
    with pytest.raises(nb.NbnumbaError, match="the experiment makes images of"):
        view(foreign, experiment=small(**{"detector.pixels": (60, 81)}))


def test_an_unknown_geometry_is_no_reason_for_no_picture(tmp_path):
    np.save(tmp_path / "a.npy", values())
    with pytest.warns(nb.NbnumbaWarning, match=r"no rings and no beam centre, for .*a\.npy"):
        figure = view(tmp_path / "a.npy")
    assert not figure.axes[0].lines
    with pytest.raises(nb.NbnumbaError, match="no rings can be drawn"):
        view(tmp_path / "a.npy", rings=[3.0])


# --- panels ----------------------------------------------------------------------------------------------------------


def turned():
    """Two panels, one beside the beam, one turned by some degrees in its plane."""
    c, s = np.cos(0.2), np.sin(0.2)
    panels = (
        nb.Panel(pixels=(40, 50), origin=(-60.0, -20.0, 100.0), fast=(1, 0, 0), slow=(0, 1, 0)),
        nb.Panel(pixels=(30, 40), origin=(10.0, -5.0, 100.0), fast=(c, s, 0), slow=(-s, c, 0)),
    )
    return small(detector=nb.Detector(panels=panels, pixel_size=1.0, convention="xds"))


def test_panels_are_shown_as_they_lie():
    experiment = turned()
    image = np.zeros(experiment.detector.shape)
    image[0, 10, 20] = image[1, 25, 5] = 100.0
    figure = draw_image(image, experiment, rings=[])
    assert (lines(figure, "+")[0].get_xydata() == 0.0).all()
    for panel, slow, fast in ((0, 10.5, 20.5), (1, 25.5, 5.5)):
        g = experiment.geometries[panel]
        x, y = (g.origin[i] + fast * g.fast[i] + slow * g.slow[i] for i in (0, 1))
        assert (pixel_at(figure, x, y) == 0).all()
    assert np.ptp(pixel_at(figure, 0.0, 15.0)) > 5  # between panels


def test_spots_and_rings_of_panels_lie_on_them():
    experiment = turned()
    figure = nb.draw_image(np.ones(experiment.detector.shape), experiment, predict=True, rings=[5.0])
    marks = lines(figure, "o")[0].get_xydata()
    found = spots(experiment)
    assert len(marks) == len(found) > 5
    away = [np.hypot(*marks[i]) for i in range(len(marks))]
    inverse = [
        1.0 / experiment.resolution(s, f, p) for s, f, p in zip(found.slow, found.fast, found.panel, strict=True)
    ]
    assert (np.argsort(away) == np.argsort(inverse)).all()  # panels are all 100 mm away, across the beam
    radius = np.linalg.norm(lines(figure, "None")[0].get_xydata(), axis=1)
    expected = 100.0 * np.tan(2.0 * np.arcsin(1.1 / 10.0))
    np.testing.assert_allclose(radius[np.isfinite(radius)], expected, rtol=1e-9)


def test_one_panel_is_shown_alone():
    experiment, image = turned(), np.ones(turned().detector.shape)
    figure = draw_image(image, experiment, panel=1, roi=(0, 10, 5, 25))
    assert figure.axes[0].get_xlim() == (5.0, 25.0)
    assert draw_image(image, experiment, panel=1).axes[0].get_ylim() == (30.0, 0.0)
    with pytest.raises(nb.NbnumbaError, match="panel: found 2"):
        draw_image(image, experiment, panel=2)
    with pytest.raises(nb.NbnumbaError, match="roi: allowed with the number of a panel"):
        draw_image(image, experiment, roi=(0, 10, 5, 25))


# --- files, errors, the command --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_equal_figures_make_equal_files(file, tmp_path, kind):
    names = [tmp_path / f"{i}.{kind}" for i in range(2)]
    for name in names:
        nb.write_figure(name, nb.view(file, predict=True, size=640))
    assert names[0].read_bytes() == names[1].read_bytes()
    with pytest.raises(nb.NbnumbaError, match="exists already"):
        nb.write_figure(names[0], view(file))


def test_vectors_keep_their_text(file, tmp_path):
    text = nb.write_figure(tmp_path / "a.svg", view(file, rings=[4.0])).read_text()
    assert "4 Å" in text
    assert "own.h5, image 0" in text


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"roi": (0, 61, 0, 10)}, "roi: found slow 0 to 61"),
        ({"roi": (5, 5, 0, 10)}, "stops excluded"),
        ({"colors": "pretty"}, "colors: found 'pretty'; allowed: grey, viridis"),
        ({"panel": 0}, "panel: found 0; allowed where"),
        ({"size": 10}, "size: found 10"),
        ({"scale": "cubic"}, "scale: found 'cubic'"),
        ({"number": 1}, "asked for image 1; allowed: 0 to 0"),
    ],
)
def test_bad_input_is_refused(file, wrong, message):
    with pytest.raises(nb.NbnumbaError, match=message):
        view(file, **wrong)


def test_other_refusals(file, tmp_path):
    with pytest.raises(nb.NbnumbaError, match=r"found the ending '.gif'; allowed: .png, .svg"):
        nb.write_figure(tmp_path / "a.gif", view(file))
    with pytest.raises(nb.NbnumbaError, match=r"image: found shape \(60, 81\)"):
        draw_image(values((60, 81)), small())
    with pytest.raises(nb.NbnumbaError, match="predict: found no experiment"):
        draw_image(values(), predict=True)
    with pytest.raises(nb.NbnumbaError, match=r"masked: found shape \(2, 2\)"):
        draw_image(values(), masked=np.zeros((2, 2)))


def test_a_missing_library_is_named(file, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(nb.NbnumbaError, match=r"pip install 'nbnumba\[plot\]'"):
        view(file)


def run(*words):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return CliRunner().invoke(cli, ["view", *map(str, words)])


def test_the_command_writes_beside_the_working_folder(file, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    result = run(file, "--predict", "--rings", "5,4", "--roi", "10", "40", "10", "40", "--colors", "magma")
    assert result.output == "own.png\n"
    assert Path("own.png").read_bytes().startswith(b"\x89PNG")
    assert isinstance(run(file).exception, nb.NbnumbaError)  # exists already
    assert run(file, "--overwrite", "--rings", "none", "--scale", "sqrt").exit_code == 0
    small().to_toml("e.toml")
    assert (
        run(file, "-o", "e.svg", "--experiment", "e.toml", "--percentiles", "1", "99", "--title", "<&>").exit_code == 0
    )
    assert "&lt;&amp;&gt;" in Path("e.svg").read_text()


@pytest.mark.parametrize("rings", ["auto,5", "0", "5;4", "-3", "nan"])
def test_the_command_refuses_other_rings(file, rings):
    error = run(file, "--rings", rings).exception
    assert isinstance(error, nb.NbnumbaError)
    assert "--rings: found" in str(error)


@pytest.mark.parametrize("title", ["a\0b", "a\udc80", "$\\nothing{$", "a\nb", "\u65e5\x1b[31m"])
def test_titles_of_any_letters(tmp_path, title):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # letters that the font has not
        figure = nb.draw_image(np.arange(600.0).reshape(20, 30), rings=[], title=title)
        assert nb.write_figure(tmp_path / "a.png", figure).stat().st_size > 0
