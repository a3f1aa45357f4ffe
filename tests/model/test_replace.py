"""``Experiment.replace``."""

import pytest
import scenes

import nbnumba as nb


def test_replace_changes_what_it_names_and_nothing_else():
    before = scenes.still()
    after = before.replace(**{"crystal.misset": (1, 2, 3), "crystal.mosaic.spread": 0.5, "beam.wavelength": 2})
    assert after.crystal.misset == (1.0, 2.0, 3.0)
    assert after.crystal.mosaic == nb.Mosaic(spread=0.5)
    assert after.beam.wavelength == 2.0
    assert after.detector is before.detector
    assert before == scenes.still()


@pytest.mark.parametrize("item", ["²", "\u0660", "9" * 5000])
def test_items_have_plain_numbers(item):
    experiment = scenes.still(background=[nb.Background(material="water", thickness=1.0)])
    with pytest.raises(nb.NbnumbaError, match="allowed: the number of an item, 0 to 0"):
        experiment.replace(**{f"background.{item}.thickness": 2.0})


def test_replacing_nothing_is_a_copy():
    assert scenes.still().replace() == scenes.still()


def test_replace_exchanges_whole_parts():
    assert scenes.still(beam=nb.Beam(wavelength=2)).beam == nb.Beam(wavelength=2)


def test_replace_starts_a_scan_where_there_was_none():
    assert scenes.still().scan is None
    assert scenes.still(**{"scan.start": 20.0}).scan == nb.Scan(start=20.0)


def test_replace_ends_a_scan():
    assert scenes.still(**{"scan.start": 20.0}).replace(scan=None).scan is None


@pytest.mark.parametrize(
    ("name", "value", "cleared"),
    [
        ("crystal.orientation", ((30, 0, 0), (0, 40, 0), (0, 0, 50)), "crystal.cell"),
        ("beam.flux", 1e12, "beam.fluence"),
        ("detector.close_distance", 70.0, "detector.distance"),
    ],
)
def test_replace_clears_the_alternative_and_back(name, value, cleared):
    def field(experiment, name):
        part, attribute = name.split(".")
        return getattr(getattr(experiment, part), attribute)

    original = scenes.still(**{"beam.fluence": 1e20})
    changed = original.replace(**{name: value})
    assert field(changed, cleared) is None
    assert field(changed, name) is not None
    assert changed.replace(**{cleared: field(original, cleared)}) == original


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("crystal.missset", "misset"),
        ("crystal.mosaic.spred", "spread"),
        ("detektor.distance", "detector"),
        ("beam.wavelenght", "wavelength"),
        ("scan.stert", "start"),
        ("sampling.oversampling", "oversample"),
    ],
)
def test_replace_suggests_the_right_name(name, suggestion):
    with pytest.raises(nb.NbnumbaError, match=f"{name.split('.')[0 if 'dete' in name else -1]}.*mean '{suggestion}'"):
        scenes.still(**{name: 1})


@pytest.mark.parametrize(
    "name", ["crystal.misset.x", "crystal.cell.a.b", "beam.wavelength.value", "detector.mask.pixels"]
)
def test_replace_refuses_names_below_a_value(name):
    with pytest.raises(nb.NbnumbaError, match=name.rsplit(".", 1)[0].split(".")[1]):
        scenes.still(**{name: 1})


@pytest.mark.parametrize("reverse", [False, True])
def test_replace_refuses_a_part_together_with_its_fields(reverse):
    changes = [("beam", nb.Beam(wavelength=2)), ("beam.polarization", 0.5)]
    with pytest.raises(nb.NbnumbaError, match="beam"):
        scenes.still().replace(**dict(changes[::-1] if reverse else changes))


def test_replace_validates():
    with pytest.raises(nb.NbnumbaError, match=r"beam\.wavelength.*-1"):
        scenes.still(**{"beam.wavelength": -1})
