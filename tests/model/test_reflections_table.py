import copy
import hashlib
import pickle

import numpy as np
import pytest

from nbnumba.errors import NbnumbaError
from nbnumba.model import reflections as module
from nbnumba.model.reflections import Reflections

HKL = [[1, 2, 3], [-4, 0, 5], [0, 0, 0]]
F = [10.5, 2.0, 3.25]


def test_holds_read_only_copies():
    hkl, amplitude = np.array(HKL, dtype=np.int64), np.array(F)
    listed = Reflections(hkl, amplitude, (10, 20, 30, 90, 91, 92), {"file": "x"})
    hkl[:] = 7
    amplitude[:] = 7
    assert listed.hkl.dtype == np.int32
    assert listed.hkl.tolist() == HKL
    assert listed.amplitude.tolist() == F
    assert listed.cell == (10.0, 20.0, 30.0, 90.0, 91.0, 92.0)
    with pytest.raises(ValueError, match="read-only"):
        listed.hkl[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        listed.amplitude[0] = 1
    with pytest.raises(AttributeError):
        listed.cell = None


def test_last_duplicate_wins_in_the_first_place():
    listed = Reflections([[1, 0, 0], [0, 5, 0], [1, 0, 0], [0, 0, -9], [0, 5, 0], [1, 0, 0]], [1, 2, 3, 4, 5, 6])
    assert listed.hkl.tolist() == [[1, 0, 0], [0, 5, 0], [0, 0, -9]]
    assert listed.amplitude.tolist() == [6, 5, 4]


def test_equality_and_hash_follow_content_only():
    first = Reflections(HKL, F)
    same = Reflections(HKL, F, None, {"file": "elsewhere"})
    assert first != Reflections(HKL, F, (1, 1, 1, 90, 90, 90))
    assert first == same
    assert hash(first) == hash(same)
    assert first != Reflections(HKL, [10.5, 2.0, 3.0])
    assert first != Reflections([[1, 2, 3], [-4, 0, 5], [0, 0, 1]], F)
    assert Reflections([[1, 1, 1]], [-0.0]).digest == Reflections([[1, 1, 1]], [0.0]).digest


def test_digest_is_of_little_endian_bytes():
    expected = hashlib.sha256(np.array(HKL, "<i4").tobytes() + np.array(F, "<f8").tobytes()).hexdigest()
    assert Reflections(HKL, F).digest == expected


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda r: pickle.loads(pickle.dumps(r))])
def test_copies_stay_read_only(duplicate):
    listed = Reflections(HKL, F, None, {"file": "x"})
    copied = duplicate(listed)
    assert copied == listed
    assert copied.origin == {"file": "x"}
    assert not copied.hkl.flags.writeable


def test_repr_and_box():
    listed = Reflections(HKL, F)
    assert listed.box == ((-4, 1), (0, 2), (0, 5))
    assert repr(listed) == "Reflections(3 reflections, h -4..1, k 0..2, l 0..5, F 2 to 10.5)"


def test_dense_table_is_padded_by_one():
    table, corner = Reflections(HKL, F).dense(0.5)
    assert corner == (-5, -1, -1)
    assert table.shape == (8, 5, 8)
    assert table.dtype == np.float64
    for (h, k, l), value in zip(HKL, F, strict=True):  # noqa: E741
        assert table[h + 5, k + 1, l + 1] == value
    assert np.count_nonzero(table != 0.5) == 3


def test_the_last_dense_table_is_kept():
    listed = Reflections(HKL, F)
    table = listed.dense(0.5)[0]
    assert listed.dense(0.5)[0] is table
    assert not table.flags.writeable
    assert listed.dense(0.25)[0][0, 0, 0] == 0.25
    assert listed.dense(0.5)[0][0, 0, 0] == 0.5


def test_dense_table_beyond_memory_is_refused(monkeypatch):
    monkeypatch.setattr(module, "physical_memory", lambda: 4 * 2**30)
    # a table of 32769 x 32769 x 3 entries would need 24 GiB
    listed = Reflections([[0, 0, 0], [32766, 32766, 0]], [1, 1])
    with pytest.raises(NbnumbaError, match=r"h 0\.\.32766.*3221422083 entries.*24\.0 GiB.*4\.0 GiB"):
        listed.dense(0.0)


def test_dense_table_of_exactly_half_the_memory_is_made(monkeypatch):
    monkeypatch.setattr(module, "physical_memory", lambda: 2 * 8 * 27)
    assert Reflections([[3, 3, 3]], [1]).dense(0.0)[0].size == 27
    monkeypatch.setattr(module, "physical_memory", lambda: 2 * 8 * 27 - 1)
    with pytest.raises(NbnumbaError, match="27 entries"):
        Reflections([[3, 3, 3]], [1]).dense(0.0)


@pytest.mark.parametrize("broken", [AttributeError, ValueError, OSError])
def test_unknown_memory_counts_as_8_gib(monkeypatch, broken):
    def fail(name):
        raise broken(name)

    monkeypatch.setattr(module.os, "sysconf", fail, raising=False)
    assert module.physical_memory() == 8 * 2**30


@pytest.mark.parametrize("default", [np.nan, np.inf])
def test_default_must_be_finite(default):
    with pytest.raises(NbnumbaError, match="default_f"):
        Reflections(HKL, F).dense(default)


@pytest.mark.parametrize(
    ("hkl", "amplitude", "message"),
    [
        (np.zeros((0, 3), int), [], "at least one"),
        ([1, 2, 3], [1], r"shape \(3,\)"),
        ([[1, 2]], [1], r"shape \(1, 2\)"),
        ([[1, 2, 3]], [1, 2], "1 reflections and amplitude 2 values"),
        ([[1, 2, 3]], [[1]], r"amplitude has shape \(1, 1\)"),
        ([[1, 2, 3.5]], [1], r"hkl\[0\] is \(1.0, 2.0, 3.5\); give integers"),
        ([[0, 0, 0], [1, np.nan, 3]], [1, 2], r"hkl\[1\].*give integers"),
        ([[32768, 0, 0]], [1], "32767"),
        ([[0, 0, -(2**62)]], [1], "32767"),
        ([["1", "2", "3"]], [1], "hkl holds values of type"),
        ([[1, 2, 3], [1, 2]], [1, 2], "hkl is not an array"),
        ([[1, 2, 3]], [np.nan], r"amplitude\[0\] is nan"),
        ([[1, 2, 3]], [-np.inf], r"amplitude\[0\] is -inf"),
        ([[1, 2, 3]], [1 + 2j], "real numbers"),
    ],
)
def test_bad_lists_are_refused(hkl, amplitude, message):
    with pytest.raises(NbnumbaError, match=message):
        Reflections(hkl, amplitude)


@pytest.mark.parametrize("cell", [(1, 2, 3), (1, 2, 3, 90, 90, 180), (0, 2, 3, 90, 90, 90), "abc", (np.nan,) * 6, 5])
def test_bad_cells_are_refused(cell):
    with pytest.raises(NbnumbaError, match="cell is"):
        Reflections(HKL, F, cell)


def test_integral_floats_and_largest_indices_are_fine():
    assert Reflections([[32767.0, -32767.0, 0.0]], [1]).hkl.tolist() == [[32767, -32767, 0]]
