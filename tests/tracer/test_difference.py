"""Where two traces part, and where a nanoBragg program parts from here."""

import pytest
import scenes

import nbnumba as nb
from nbnumba.compat.reference import parse, reference_differences
from nbnumba.tracer.difference import differences, report

MANY = {"crystal.mosaic.spread": 1.0, "crystal.mosaic.domains": 3, "sampling.oversample": 2}


def found(**changes):
    base = scenes.still(**MANY)
    return differences(nb.trace(base, 4, 9), nb.trace(base.replace(**changes), 4, 9))


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        ({"detector.beam_center": (8.5, 6.5)}, "position"),
        ({"beam.polarization_axis": (0, 1, 0)}, "polarization"),
        ({"crystal.misset": (11.3, 24.7, -8.2)}, "axes"),
        ({"crystal.default_f": 11.0}, "f_cell"),
        ({"crystal.cells": (4, 3, 6)}, "f_latt_along_c"),
        ({"beam.wavelength": 1.04}, "wavelength"),
        ({"crystal.spot_scale": 2.0}, "term"),
        ({"crystal.mosaic.domains": 4}, "domain"),
        ({"sampling.dmin": 100.0}, "beyond_dmin"),
    ],
)
def test_the_first_quantity_that_differs_is_the_cause(changes, first):
    assert found(**changes)[0].quantity.startswith(first)


def test_equal_experiments_do_not_differ():
    assert found() == []
    assert report([], ("a", "b")) == "No quantity differs between a and b."


def test_how_much_it_differs_is_told():
    first, *_ = found(**{"crystal.default_f": 11.0})
    assert (first.first, first.second, first.difference) == (10.0, 11.0, 1.0)
    lines = report([first], ("here", "there")).splitlines()
    assert lines[0] == "The first quantity that differs is f_cell, by 1 e:"
    assert "here" in lines[1]


PRINTED = """
   9    4 : stol = 9.77651e+08 or 0.0977651
at {at[0]:g} {at[1]:g} {at[2]:g}
hkl= {h:f} {k:f} {l:f}  hkl0= {h0} {k0} {l0}
 F_cell={f_cell:g}  F_latt={f_latt:g}   I = 6.18297e+07
I/steps     2576237.666
polar   {polarization:15.10g}
omega   {solid_angle:15.10g}
capfrac {capture:15.10g}
pixel   {value:15.10g}
real-space cell vectors (Angstrom):
     a           b           c
X: {axes[0]:11.8f} {axes[3]:11.8f} {axes[6]:11.8f}
Y: {axes[1]:11.8f} {axes[4]:11.8f} {axes[7]:11.8f}
Z: {axes[2]:11.8f} {axes[5]:11.8f} {axes[8]:11.8f}
"""


def printed(traced, **changes):
    """What nanoBragg would print, with other numbers."""
    last = traced.records[-1]
    numbers = {name: last[name] for name in last.dtype.names}
    at = [x / 1000.0 for x in last["position"]]
    return PRINTED.format(**{**numbers, "at": at, "axes": last["axes"].ravel(), "value": traced.value, **changes})


@pytest.mark.parametrize(
    ("changes", "quantities"),
    [
        ({}, []),
        ({"h0": 77}, ["h0"]),
        ({"polarization": 0.5}, ["polarization"]),
        ({"at": [0.1, 0.2, 0.3], "h": 2.5}, ["position_x", "position_y", "position_z", "h"]),
        ({"value": 1e-3}, ["value"]),
        ({"axes": list(range(9))}, [f"axes_{a}_{x}" for a in "abc" for x in "xyz"]),
    ],
)
def test_printed_numbers_are_compared_as_far_as_they_are_printed(changes, quantities, tmp_path):
    traced = nb.trace(scenes.still(**MANY), 4, 9)
    terms = parse(printed(traced, **changes), tmp_path, 4, 9)
    assert [d.quantity for d in reference_differences(traced, terms)] == quantities


def test_a_warning_without_a_line_end_is_no_hindrance(tmp_path):
    traced = nb.trace(scenes.still(**MANY), 4, 9)
    text = "WARNING: further warnings will not be printed! " + printed(traced).lstrip()
    assert reference_differences(traced, parse(text, tmp_path, 4, 9)) == []


def test_skipped_steps_are_not_compared(tmp_path):
    traced = nb.trace(scenes.still(**MANY, **{"sampling.dmin": 100.0}), 4, 9)
    assert reference_differences(traced, parse(printed(traced, f_cell=7.0, k0=-99), tmp_path, 4, 9)) == []


def test_a_program_that_prints_something_else_is_refused(tmp_path):
    with pytest.raises(nb.NbnumbaError, match="printed no position for -printout_pixel 9 4"):
        parse("hello", tmp_path, 4, 9)
