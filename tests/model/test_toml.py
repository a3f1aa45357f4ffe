"""Experiments in TOML: nothing is lost, and what is wrong is told."""

import base64
import math
import tomllib
import zlib

import numpy as np
import pytest
import scenes
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

import nbnumba as nb
from nbnumba.model.packed import unpack_array

NAN, INF = math.nan, math.inf


any_float = st.floats(-1e300, 1e300) | st.sampled_from(
    [0.1 + 0.2, 1e-300, 5e-324, 1e22, 1 / 3, -0.0, 123456789.123456789]
)
scales = any_float.filter(lambda x: abs(x) <= 1e40) | st.floats(-1e40, 1e40)
angles = st.floats(-1e9, 1e9) | st.sampled_from([0.1 + 0.2, 5e-324, -0.0, 123456789.123456789])


@st.composite
def described(draw):
    """A random experiment with floats of any size where any are allowed."""
    structure = draw(st.sampled_from(("uniform", "nearest")))
    curvature = draw(st.sampled_from(("flat", "curved")))
    experiment = draw(scenes.experiments(draw(st.sampled_from(tuple(scenes.CELL_LIMITS))), structure, curvature))
    return experiment.replace(
        **{
            "crystal.misset": draw(st.tuples(*[any_float] * 3)),
            "crystal.default_f": draw(scales),
            "crystal.spot_scale": abs(draw(scales)),
            "beam.exposure": draw(st.sampled_from([1e-300, 0.1 + 0.2, 1e15])),
            **draw(st.just({"scan": None}) | st.fixed_dictionaries({"scan.start": angles})),
        }
        if draw(st.booleans())
        else {"crystal.default_f": draw(scales), "scan": draw(st.none() | scenes.scans())}
    )


def assert_round_trip(experiment, **options):
    text = experiment.to_toml(**options)
    again = nb.Experiment.from_toml(text)
    assert again == experiment
    assert hash(again) == hash(experiment)
    assert again.to_toml(**options) == text
    return text


@given(described())
@settings(max_examples=100)
def test_toml_holds_all_of_an_experiment(experiment):
    assert_round_trip(experiment)


@pytest.mark.parametrize("count", [1, 50, 51, 5000])
def test_toml_holds_any_number_of_reflections(count):
    rng = np.random.default_rng(count)
    hkl = rng.permutation(20**3)[:count, None] // np.array([1, 20, 400]) % 20 - 10
    cell = (30.0, 40.0, 50.0, 80.0, 90.0, 100.0)
    listed = nb.Reflections(hkl, rng.normal(size=count) / 3.0, cell=cell)
    experiment = scenes.still(**{"crystal.reflections": listed, "crystal.cell": cell})
    text = assert_round_trip(experiment)
    assert nb.Experiment.from_toml(text).crystal.reflections.cell == cell
    assert ("list" in tomllib.loads(text)["crystal"]["reflections"]) is (count <= 50)


def test_toml_holds_sources_and_masks():
    rows = [(-1, 0.1, 0.2 + 0.1, 1 / 3, 1.0), (-2, 0, 0, 5, 1.1)]
    mask = nb.Mask(np.arange(12 * 17).reshape(12, 17) % 3)
    assert_round_trip(scenes.still(**{"beam.sources": nb.Sources(rows), "detector.mask": mask}))


def test_toml_is_written_to_a_file_and_read_from_it(tmp_path):
    file = tmp_path / "experiment.toml"
    text = scenes.still().to_toml(file)
    assert file.read_text(encoding="utf-8") == text
    assert nb.Experiment.from_toml(file) == scenes.still()
    assert nb.Experiment.from_toml(str(file)) == scenes.still()


@pytest.fixture
def reflection_file(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    file = folder / "small.hkl"
    file.write_text("1 0 0 10.5\n0 1 0 20.25\n-1 2 3 7\n", encoding="utf-8")
    return file


@pytest.fixture
def from_file(reflection_file):
    return scenes.still(**{"crystal.reflections": nb.read_reflections(reflection_file)})


def table_with(reflections, **changes):
    tree = tomllib.loads(scenes.still(**changes).to_toml())
    tree["crystal"]["reflections"] = reflections
    return tree


def test_paths_are_relative_to_the_toml_file(tmp_path, monkeypatch, reflection_file, from_file):
    toml = tmp_path / "experiment.toml"
    toml.write_text(tomli_w.dumps(table_with("data/small.hkl")), encoding="utf-8")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert nb.Experiment.from_toml(toml) == from_file
    assert nb.Experiment.from_toml("../experiment.toml") == from_file


def test_paths_in_text_are_relative_to_the_working_folder(monkeypatch, reflection_file, from_file):
    monkeypatch.chdir(reflection_file.parent)
    assert nb.Experiment.from_toml(tomli_w.dumps(table_with({"file": "small.hkl"}))) == from_file


def test_reflections_from_a_file_are_referred_to(reflection_file, from_file):
    table = tomllib.loads(assert_round_trip(from_file))["crystal"]["reflections"]
    assert table["file"] == str(reflection_file)
    assert table["digest"] == from_file.crystal.reflections.digest


def test_inline_toml_needs_no_file(reflection_file, from_file):
    text = from_file.to_toml(inline=True)
    reflection_file.unlink()
    assert nb.Experiment.from_toml(text) == from_file


def test_a_reflection_file_that_changed_is_noticed(reflection_file, from_file):
    text = from_file.to_toml()
    reflection_file.write_text("1 0 0 11.5\n", encoding="utf-8")
    with pytest.raises(nb.NbnumbaError, match=r"crystal\.reflections.*small\.hkl no longer holds"):
        nb.Experiment.from_toml(text)


def test_a_reflection_file_that_is_gone_is_named(reflection_file, from_file):
    text = from_file.to_toml()
    reflection_file.unlink()
    with pytest.raises(nb.NbnumbaError, match=r"small\.hkl"):
        nb.Experiment.from_toml(text)


@pytest.mark.parametrize(
    ("place", "key", "suggestion"),
    [
        ((), "detektor", "detector"),
        (("crystal",), "missset", "misset"),
        (("crystal", "mosaic"), "domain", "domains"),
        (("beam",), "wave_length", "wavelength"),
        (("detector",), "distanc", "distance"),
        (("sampling",), "dmim", "dmin"),
    ],
)
def test_an_unknown_key_gets_a_suggestion(place, key, suggestion):
    tree = tomllib.loads(scenes.still().to_toml())
    table = tree
    for name in place:
        table = table[name]
    table[key] = {} if not place else 1
    with pytest.raises(nb.NbnumbaError, match=f"{key}'.*mean '{suggestion}'"):
        nb.Experiment.from_toml(tomli_w.dumps(tree))


def test_an_unknown_key_of_reflections_gets_a_suggestion():
    with pytest.raises(nb.NbnumbaError, match=r"'fiel'.*mean 'file'"):
        nb.Experiment.from_toml(tomli_w.dumps(table_with({"fiel": "small.hkl"})))


@pytest.mark.parametrize("text", ["= 3\n", "[crystal\n", "a = \n", "[crystal]\n[crystal]\n", "x = nan_\n"])
def test_malformed_toml_is_said_to_be(text):
    with pytest.raises(nb.NbnumbaError, match="not valid TOML"):
        nb.Experiment.from_toml(text)


@pytest.mark.parametrize("part", ["crystal", "beam", "detector"])
def test_a_missing_table_is_named(part):
    tree = tomllib.loads(scenes.still().to_toml())
    del tree[part]
    with pytest.raises(nb.NbnumbaError, match=rf"\[{part}\]"):
        nb.Experiment.from_toml(tomli_w.dumps(tree))


@pytest.mark.parametrize("field", ["beam.wavelength", "detector.pixels", "detector.pixel_size"])
def test_a_missing_value_is_named(field):
    tree = tomllib.loads(scenes.still().to_toml())
    part, name = field.split(".")
    del tree[part][name]
    with pytest.raises(nb.NbnumbaError, match=field):
        nb.Experiment.from_toml(tomli_w.dumps(tree))


def test_scan_and_sampling_may_be_missing():
    tree = tomllib.loads(scenes.still(**{"scan.start": 1.0}).to_toml())
    del tree["scan"], tree["sampling"]
    assert nb.Experiment.from_toml(tomli_w.dumps(tree)) == scenes.still(sampling=nb.Sampling())


def test_a_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(nb.NbnumbaError, match=r"nowhere\.toml.*cannot be read"):
        nb.Experiment.from_toml(tmp_path / "nowhere.toml")


def test_a_file_that_is_no_text_is_named(tmp_path):
    file = tmp_path / "image.toml"
    file.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(nb.NbnumbaError, match=r"image\.toml.*not a text file"):
        nb.Experiment.from_toml(file)


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(nb.NbnumbaError, match=r"e\.toml.*nowhere does not exist"):
        scenes.still().to_toml(tmp_path / "nowhere" / "e.toml")


def packed(array):
    zipped = base64.b64encode(zlib.compress(array.tobytes())).decode()
    return {"shape": list(array.shape), "type": array.dtype.name, "zlib": zipped}


def test_what_packs_best_is_unpacked():
    array = np.zeros(10**7, dtype=bool)
    table = packed(array)
    assert array.nbytes > 1000 * len(base64.b64decode(table["zlib"]))
    assert not unpack_array("mask", table, "bool").any()


def test_an_array_larger_than_its_bytes_can_hold_is_refused_unread(monkeypatch):
    table = packed(np.zeros(10**4, dtype=bool))
    most = 1032 * len(base64.b64decode(table["zlib"]))
    monkeypatch.setattr(zlib, "decompressobj", lambda: pytest.fail("unpacked"))
    with pytest.raises(nb.NbnumbaError, match="mask: found an array that cannot be unpacked"):
        unpack_array("mask", {**table, "shape": [most + 1]}, "bool")


def full_tree():
    """Every key of every table."""
    experiment = scenes.still(
        **{
            "beam.sources": nb.Sources([(-1, 0, 0, 1, 1)]),
            "beam.fluence": 1e20,
            "beam.direction": (1, 0, 0),
            "beam.polarization_axis": (0, 0, 1),
            "beam.stokes": (1, 0.1, 0.2, 0.3),
            "crystal.extent": 0.1,
            "detector.beam_center": (8, 6),
            "detector.closest_point": (8, 6),
            "detector.pivot": "sample",
            "detector.fast_axis": (0, 0, 1),
            "detector.slow_axis": (0, -1, 0),
            "detector.normal_axis": (1, 0, 0),
            "detector.twotheta_axis": (0, 0, -1),
            "detector.roi": ((0, 5), (0, 6)),
            "scan.axis": (0, 0, 1),
        }
    )
    tree = tomllib.loads(experiment.to_toml())
    hkl = np.array([[1, 2, 3]], dtype=np.int32)
    cell = [30.0, 40.0, 50.0, 90.0, 90.0, 90.0]
    tree["crystal"]["reflections"] = {"hkl": packed(hkl), "amplitude": packed(np.ones(1)), "cell": cell}
    tree["detector"]["mask"] = {"array": packed(np.ones((12, 17), dtype=bool))}
    return tree


def branches(tree, path=()):
    for key, value in tree.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from branches(value, (*path, key))


JUNK = [
    True,
    -1,
    0,
    2**70,
    1e308,
    NAN,
    INF,
    "",
    "junk",
    [],
    [[]],
    [1, 2],
    [[1, 2], [3]],
    [True] * 3,
    {},
    {"a": {"b": 1}},
]


def test_the_full_tree_is_a_valid_experiment():
    nb.Experiment.from_toml(tomli_w.dumps(full_tree()))


@pytest.mark.parametrize("path", list(branches(full_tree())), ids=".".join)
@pytest.mark.filterwarnings("error")
def test_junk_in_toml_is_taken_or_refused_but_never_crashes(path):
    crashes = []
    for junk in JUNK:
        tree = full_tree()
        table = tree
        for name in path[:-1]:
            table = table[name]
        table[path[-1]] = junk
        try:
            nb.Experiment.from_toml(tomli_w.dumps(tree))
        except nb.NbnumbaError:
            pass
        except Exception as error:
            crashes.append((junk, repr(error)))
    assert not crashes


@pytest.mark.parametrize(
    "junk",
    [{"list": [[1, 2, 3]]}, {"list": "x"}, {"list": [[1, 2, 3, 4]], "cell": 5}, {"hkl": 3}, {"file": 7}, {"file": ""}],
)
def test_junk_for_reflections_is_refused(junk):
    with pytest.raises(nb.NbnumbaError):
        nb.Experiment.from_toml(tomli_w.dumps(table_with(junk)))


@pytest.mark.parametrize("option", ["format", "column", "resolution", "bulk_solvent", "digest",
                                    "anomalous", "wavelength", "b_factor", "scale"])  # fmt: skip
def test_junk_for_the_reading_of_reflections_never_crashes(option, reflection_file):
    crashes = []
    for junk in JUNK:
        text = tomli_w.dumps(table_with({"file": str(reflection_file), option: junk}))
        try:
            nb.Experiment.from_toml(text)
        except nb.NbnumbaError:
            pass
        except Exception as error:
            crashes.append((junk, repr(error)))
    assert not crashes


@pytest.mark.parametrize("part", ["a.", '"a".', "'a'."])
def test_keys_of_any_number_of_parts_are_refused_at_once(part):
    with pytest.raises(nb.NbnumbaError, match="key of 100 parts"):
        nb.Experiment.from_toml(f"{part * 100_000}a = 1")
