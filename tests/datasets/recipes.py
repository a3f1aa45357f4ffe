"""Small recipes for tests."""

import os

from nbnumba.datasets.recipe import Recipe

BASE = """
count = 6
seed = 7
orientation = "uniform"
[base.crystal]
cell = [40, 50, 60, 90, 90, 90]
cells = [8, 8, 8]
default_f = 500.0
spot_scale = 1e5
mosaic = { spread = 0.2, domains = 5 }
[base.beam]
wavelength = 1.0
flux = 1e11
size = 0.01
[base.detector]
pixels = [64, 64]
pixel_size = 0.6
distance = 60.0
beam_center = [19.2, 19.2]
[[base.background]]
material = "water"
thickness = 0.001
[base.response]
[base.sampling]
oversample = 4
[output]
spot_mask = true
expected = true
"""


def recipe(text="", **changes):
    """The base with more tables, and values by name, where two underscores stand for a dot."""
    named = {name.replace("__", "."): value for name, value in changes.items()}
    return Recipe.from_toml(BASE + text, named)


def die(*_):
    """What a process does that cannot start."""
    os._exit(3)
