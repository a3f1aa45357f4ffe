"""Small good inputs of every kind, each as a list of contents of which the first is the smallest."""

import base64
import functools
import gzip
import hashlib
import itertools
import tempfile
from pathlib import Path

import gemmi
import h5py
import numpy as np

import nbnumba as nb
from nbnumba.outputs.dump import put_dump
from nbnumba.outputs.pgm import put_pgm

CELL = (20.0, 24.0, 30.0, 90.0, 90.0, 90.0)
PIXELS = np.arange(12, dtype=np.int32).reshape(3, 4) - 1
HKL = b"# a comment\n\n1 2 3 10.5\n  -4 0 5 2.0 extra words\n0 0 -1 3e1\n1 2 3 4\n"
MATRIX = b" 0.01 0.002 0.0\n-0.001 0.02 0.0\n 0.0 0.0 0.03\n 0 0 0\n 40 50 60 90 90 90\n"
SOURCES = b"# x y z weight wavelength\n-1 0 0 1 1e-10\n-1 0.001 0 2 1.01e-10\n -1 0 0.001 1 nan\n"
SPECTRUM = b"# A\n0.99 0.2\n1.00 1.0\n1.01 0.3\n"
ENERGIES = b"12300 0.2\n12398.4 1.0\n12450.0 0.3\n"
SCATTERING = b"0.0 10\n0.1 8.5\n0.5 2\n"
SF_CIF = b"""data_r1
_cell.length_a 20
_cell.length_b 24
_cell.length_c 30
_cell.angle_alpha 90
_cell.angle_beta 90
_cell.angle_gamma 90
_symmetry.space_group_name_H-M 'P 21 21 21'
loop_
_refln.index_h
_refln.index_k
_refln.index_l
_refln.F_meas_au
_refln.F_meas_sigma_au
1 2 3 10.5 0.1
0 0 4 7.25 0.1
2 0 1 ? 0.1
3 1 1 -1.5 0.1
"""
MMCIF = b"""data_x
_cell.length_a 20
_cell.length_b 24
_cell.length_c 30
_cell.angle_alpha 90
_cell.angle_beta 90
_cell.angle_gamma 90
_symmetry.space_group_name_H-M 'P 21 21 21'
loop_
_atom_site.id
_atom_site.type_symbol
_atom_site.label_atom_id
_atom_site.label_alt_id
_atom_site.label_comp_id
_atom_site.label_asym_id
_atom_site.label_seq_id
_atom_site.Cartn_x
_atom_site.Cartn_y
_atom_site.Cartn_z
_atom_site.occupancy
_atom_site.B_iso_or_equiv
_atom_site.auth_seq_id
_atom_site.auth_asym_id
1 N N . ALA A 1 1.0 2.0 3.0 1.0 20.0 1 A
2 S SD . MET A 2 4.0 5.0 6.0 0.5 15.0 2 A
"""
PDB = b"""CRYST1   20.000   24.000   30.000  90.00  90.00  90.00 P 21 21 21
MTRIX1   1  1.000000  0.000000  0.000000        0.00000    1
MTRIX2   1  0.000000  1.000000  0.000000        0.00000    1
MTRIX3   1  0.000000  0.000000  1.000000        0.00000    1
ATOM      1  N   ALA A   1       1.000   2.000   3.000  1.00 20.00           N
ATOM      2  SD  MET A   2       4.000   5.000   6.000  0.50 15.00           S
ANISOU    2  SD  MET A   2     1000   1000   1000      0      0      0       S
END
"""
TOML = b"""[crystal]
cell = [40, 50, 60, 90, 90, 90]
misset = [10.0, 20.0, 30.0]
cells = [8, 9, 10]
shape = "square"
default_f = 500.0
reflections = { list = [[1, 2, 3, 4.5], [0, 0, 1, 2.0]] }
mosaic = { spread = 0.2, domains = 5, seed = 3 }
[[lattices]]
misset = [1.0, 2.0, 3.0]
[beam]
wavelength = 1.0
flux = 1e11
size = 0.01
polarization = 0.9
divergence = [1.0, 2.0]
divergence_steps = [2, 2]
[detector]
pixels = [20, 30]
pixel_size = 0.6
distance = 60.0
beam_center = [9.2, 6.2]
roi = [[0, 10], [0, 30]]
sensor_thickness = 0.32
sensor_material = "Si"
[scan]
start = 1.0
width = 0.5
steps = 3
[[background]]
material = "water"
thickness = 0.001
[response]
gain = 1.2
offset = 10.0
[sampling]
oversample = 2
dmin = 2.0
"""
SMALL_TOML = b"""[crystal]
cell = [40, 50, 60, 90, 90, 90]
default_f = 1.0
[beam]
spectrum = { wavelengths = [0.99, 1.0], weights = [1, 2] }
[detector]
pixels = [4, 5]
pixel_size = 0.6
close_distance = 60.0
mask = { array = { shape = [4, 5], type = "bool", zlib = "eJxjZGDEgAAAggAL" } }
"""
PANELS = """[[detector.panels]]
pixels = [4, 5]
origin = [-1.5, -3.0, 60.0]
fast = [1, 0, 0]
slow = [0, 1, 0]
[[detector.panels]]
pixels = [4, 5]
origin = [-1.5, 3.0, 60.0]
fast = [1, 0, 0]
slow = [0, 1, 0]
"""
RECIPE = b"""count = 6
seed = 7
orientation = "uniform"
hit = 0.9
[base.crystal]
cell = [40, 50, 60, 90, 90, 90]
cells = [8, 8, 8]
default_f = 500.0
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
[draw]
u = { uniform = [0.0, 1.0] }
[vary]
"crystal.mosaic.spread" = { uniform = [0.05, 0.5] }
"crystal.cell" = { normal = [1.0, 0.01], scaled = true, each = true }
"beam.flux" = { loguniform = [1e10, 1e12] }
"beam.wavelength" = { expression = "1.0 + 0.1 * u" }
"detector.distance" = { choice = [60.0, 80.0], weights = [1, 2] }
[lattices]
count = { integer = [1, 4] }
[shadow]
radius = { uniform = [1.0, 2.0] }
arm = 0.5
[output]
bin = 2
splits = { train = 0.8, test = 0.2 }
"""
MANIFEST = b"""{"program": "nbnumba", "version": "1.0", "recipe_hash": "ab", "count": 6,
"shards": {"shard-0.h5": [0, 4], "shard-1.h5": [4, 6]}, "recipe": "count = 6", "contents": {"a.pdb": "cd"}}"""
PRINTED = b"""   9    4 : stol = 9.77651e+08 or 0.0977651
at 0.1 -0.0012 3e-05
hkl= 1.25 -2.000001 0.3  hkl0= 1 -2 0
 F_cell=100  F_latt=-12.5   I = 6.18297e+07
I/steps     2576237.666
polar   0.9876543
omega   1.0e-06
capfrac 1
pixel   1234.5
real-space cell vectors (Angstrom):
X:  70.0  0.0  -1e-9
Y:  0.0  80.0  0.0
Z:  0.0  0.0  nan
"""
FLAGS = (
    b"-cell 100 100 100 90 90 90 -lambda 6.2 -N 5 -default_F 100 -distance 100 -detpixels 64 -pixel 0.1 -oversample 1",
    b"-cell 70 80 90 85 95 100 -misset 10 20 30 -default_F 1 -mosaic 0.5 -mosaic_dom 5 -divergence 2 -divsteps 2 -xds",
    b"-cell 50 -default_F 2 -beam_vector 1 0 0 -fdet_vector 0 0 1 -phi 1 -osc 2 -phisteps 3 -water 10 -roi 0 5 1 7",
    b"-mat 'A.mat' -N 3 -default_F 1 -dispersion 1 -dispsteps 3 -detector_thick 300 -detector_abs 500 -thicksteps 3",
)
SETTINGS = (
    b"crystal.misset=10,20,30", b"crystal.mosaic.spread=0.1", b"scan.width=1", b"detector.roi=[[0,5],[1,7]]",
    b"beam.stokes=1,0,0,0", b"response.gain=2", b"lattices.0.cells=3,3,3",
    b"beam.spectrum={wavelengths=[1.0],weights=[1]}",
    b'crystal.shape="gauss"', b"sampling={oversample=2}", b"crystal.reflections={list=[[1,2,3,4]]}",
    b"background.0.thickness=1e-3",
)  # fmt: skip
EXPRESSIONS = (
    b"1 + 2 * a", b"min(a, b.c) ** 2 / sqrt(abs(a - 3))", b"a if a < b.c else -exp(1e-3)", b"1 < a < 3 != pi",
    b"log(2) + 1e308 * a",
    b"max(1, 2, a) + sin(radians(30)) - ((((1))))",
)  # fmt: skip
OPTIONS = (
    b"--rings 10,5,2.5 --scale log --colors viridis", b"--roi 1 5 2 9 --size 100", b"--percentiles 5 99.5 --scale sqrt",
    b"--rings none --title abc --sum 1 --image 0", b"--panel 0 --colors magma",
    b"--scale linear --rings auto --size 120",
)  # fmt: skip
EXPT = b"""{"__id__": "ExperimentList",
"experiment": [{"__id__": "Experiment", "beam": 0, "detector": 0, "goniometer": 0, "scan": 0}],
"beam": [{"direction": [0, 0, 1], "wavelength": 1.0, "polarization_normal": [0, 1, 0], "polarization_fraction": 0.9}],
"detector": [{"panels": [{"fast_axis": [1, 0, 0], "slow_axis": [0, -1, 0], "origin": [-1, 1, -60], "image_size": [5, 4],
"pixel_size": [0.5, 0.5], "mask": [[1, 1, 2, 2]], "thickness": 0.3, "mu": 3.9}],
"hierarchy": {"fast_axis": [1, 0, 0], "slow_axis": [0, 1, 0], "origin": [0, 0, 0], "children": [{"panel": 0}]}}],
"goniometer": [{"axes": [[1, 0, 0], [0, 1, 0]], "angles": [0, 10], "scan_axis": 0}],
"scan": [{"oscillation": [5, 2], "image_range": [1, 2]}], "crystal": []}"""


@functools.cache
def expt():
    """With axes of the goniometer, and with a setting."""
    single = b'{"rotation_axis": [1, 0, 0], "setting_rotation": [1, 0, 0, 0, 1, 0, 0, 0, 1]}'
    first = EXPT.index(b'[{"axes"') + 1
    return [EXPT, EXPT[:first] + single + EXPT[EXPT.index(b"}]", first) + 1 :]]


@functools.cache
def packed():
    """Reflections as text, compressed."""
    return [gzip.compress(HKL, mtime=0), gzip.compress(HKL * 20, mtime=0)]


@functools.cache
def mtz():
    """Amplitudes, and intensities."""
    made = gemmi.Mtz(with_base=True)
    made.spacegroup = gemmi.SpaceGroup("P 21 21 21")
    made.set_cell_for_all(gemmi.UnitCell(*CELL))
    made.add_dataset("x")
    for label, kind in (("F", "F"), ("SIGF", "Q"), ("IMEAN", "J")):
        made.add_column(label, kind)
    made.set_data(np.array([[1, 2, 3, 10.5, 0.1, 9], [0, 0, 4, 7.25, 0.2, 8], [2, 0, 1, np.nan, 0.1, -1]], np.float32))
    return [_written(lambda path: made.write_to_file(str(path)))]


@functools.cache
def dump():
    """The smallest box, and a larger one."""
    tables = nb.Reflections([[1, 2, 3]], [4.0]), nb.Reflections([[0, 0, 1], [1, -1, 0]], [1.0, 2.0])
    return [_written(lambda path, table=table: put_dump(path, table, 0.5)) for table in tables]


@functools.cache
def smv():
    """Of an ADSC detector, and of nanoBragg in the other byte order."""
    fields = (
        "DIM=2;\nBYTE_ORDER=little_endian;\nTYPE=unsigned_short;\nSIZE1=4;\nSIZE2=3;\n"
        "PIXEL_SIZE=0.1;\nDISTANCE=250.0;\nTWOTHETA=0.0;\n"
        "PHI=30.5;\nOSC_START=30.5;\nOSC_RANGE=0.25;\nWAVELENGTH=0.979180;\nBEAM_CENTER_X=7.9;\nBEAM_CENTER_Y=10.350;\n"
    )
    ours = fields + "XDS_ORGX=2.5;\nXDS_ORGY=3.5\nCLOSE_DISTANCE=250;\n"
    return [
        f"{{\nHEADER_BYTES=512;\n{text}}}\n\f".ljust(512).encode() + (PIXELS + 1).astype(kind).tobytes()
        for text, kind in ((fields, "<u2"), (ours.replace("little", "big"), ">u2"))
    ]


def byte_offset(pixels):
    """Pixels as CBF packs them."""
    flat, found = [0, *pixels.ravel().tolist()], b""
    for step in (b - a for a, b in itertools.pairwise(flat)):
        if abs(step) < 128:
            found += step.to_bytes(1, "little", signed=True)
        else:
            found += b"\x80" + step.to_bytes(2, "little", signed=True)
    return found


def _section(pixels):
    body = byte_offset(pixels)
    digest = base64.b64encode(hashlib.md5(body).digest()).decode()
    slow, fast = pixels.shape
    lines = [
        "--CIF-BINARY-FORMAT-SECTION--",
        "Content-Type: application/octet-stream;",
        '     conversions="x-CBF_BYTE_OFFSET"',
        "Content-Transfer-Encoding: BINARY",
        f"X-Binary-Size: {len(body)}",
        "X-Binary-ID: 1",
        'X-Binary-Element-Type: "signed 32-bit integer"',
        "X-Binary-Element-Byte-Order: LITTLE_ENDIAN",
        f"Content-MD5: {digest}",
        f"X-Binary-Number-of-Elements: {pixels.size}",
        f"X-Binary-Size-Fastest-Dimension: {fast}",
        f"X-Binary-Size-Second-Dimension: {slow}",
        "X-Binary-Size-Padding: 0",
    ]
    head = "\r\n".join([*lines, "", ""]).encode() + b"\x0c\x1a\x04\xd5"
    return head + body + b"\r\n--CIF-BINARY-FORMAT-SECTION----\r\n;\r\n"


@functools.cache
def minicbf():
    """Of a PILATUS detector; with and without a checksum."""
    import measured

    head = f'_array_data.header_convention "PILATUS_1.2"\n_array_data.header_contents\n;{measured.MINI};\n\n'
    head += "_array_data.data\n;\n"
    whole = f"###CBF: VERSION 1.5\n\ndata_a\n\n{head}".encode() + _section(PIXELS)
    return [whole, whole.replace(b"Content-MD5", b"Content-XXX")]


@functools.cache
def imgcif():
    """With a full header; without a checksum, and two arrays."""
    import measured

    header = measured.IMGCIF.replace("1475", "4").replace("195 ", "3 ")
    about = f"{header}loop_\n_array_data.array_id\n_array_data.binary_id\n_array_data.data\nARRAY1 1\n;\n"
    whole = f"###CBF: VERSION 1.5\n\ndata_a\n\n{about}".encode() + _section(PIXELS).replace(
        b"Content-MD5", b"Content-XXX"
    )
    return [whole]


@functools.cache
def tiff():
    """Integers and floats."""
    from fabio.tifimage import TifImage

    return [
        _written(lambda path, kind=kind: TifImage(data=PIXELS.astype(kind)).write(str(path)), ".tif")
        for kind in ("u2", "f4", "i4")
    ]


@functools.cache
def pgm():
    """Eight bits."""
    return [_written(lambda path: put_pgm(path, np.arange(12, dtype=np.uint8).reshape(3, 4), 1.0))]


@functools.cache
def npy():
    """Two and three dimensions."""
    return [_written(lambda path, a=a: np.save(path, a), ".npy") for a in (PIXELS, np.ones((2, 3, 4), "f4"))]


@functools.cache
def raw():
    """A square."""
    return [np.arange(4, dtype="<f4").tobytes(), np.arange(9, dtype="<f4").tobytes()]


@functools.cache
def nexus():
    """A scan, stills with beams of their own, panels."""
    scan = nb.Experiment.from_toml(SMALL_TOML.decode(), {"scan.start": 5.0, "scan.width": 2.0})
    still = nb.Experiment.from_toml(SMALL_TOML.decode(), {"beam.spectrum": {"wavelengths": [1.0], "weights": [1.0]}})
    beams = [nb.Beam(wavelength=1.0 + 0.01 * i, stokes=(1.0, 0.5, 0.0, 0.1)) for i in range(2)]
    head = SMALL_TOML.decode().partition("[detector]")[0]
    panels = nb.Experiment.from_toml(f"{head}[detector]\npixel_size = 0.6\nconvention = 'xds'\n{PANELS}")
    write = nb.write_nexus
    return [
        _written(
            lambda path: write(path, scan, np.ones((3, 4, 5), "i4"), seeds={"photons": 1}, command_line="x"), ".h5"
        ),
        _written(lambda path: write(path, still, np.ones((2, 4, 5), "f4"), beams=beams, cxi=True), ".h5"),
        _written(lambda path: write(path, panels, np.ones((2, 4, 5), "u2")), ".h5"),
    ]


@functools.cache
def hdf5():
    """The smallest that our reader of images takes, and those of NXmx."""

    def write(path):
        with h5py.File(path, "w") as file:
            file["entry/data/data"] = np.ones((2, 4, 5), "u2")

    return [_written(write, ".h5"), *nexus()]


def _written(write, ending=".x"):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"seed{ending}"
        write(path)
        return path.read_bytes()
