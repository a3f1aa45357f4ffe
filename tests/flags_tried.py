"""What to try nanoBragg's flags with, where the number 1 will not do, and which of them change nothing."""

from nbnumba.compat.flags import IDLE

TRIED = dict(
    line.split(": ", 1)
    for line in """
mat: inputs/A.mat
cell: 75 85 95
misset: 1 2 3
misset_seed: 5 -misset random
xtalsize: 1e-4
xtal_thick: 1e-4
xtal_width: 1e-4
xtal_height: 1e-4
fudge: 0.5 -gauss_xtal
mosaic: 0.5 -mosaic_dom 2
mosaic_domains: 3 -mosaic 0.5
mosaic_seed: 5 -mosaic 0.5 -mosaic_dom 2
hkl: inputs/small.hkl
dump: d.bin -hkl inputs/small.hkl
default_F: 50
interpolate: -hkl inputs/wide.hkl
nointerpolate: -hkl inputs/wide.hkl -N 1
dmin: 50
energy: 9000
fluence: 1e20
flux: 1e12
exposure: 2 -flux 1e12
beamsize: 0.2 -flux 1e12
dispersion: 5 -dispsteps 2
dispsteps: 3 -dispersion 5
divergence: 5
hdivrange: 5
vdivrange: 5
hdivstep: 2
vdivstep: 2
divsteps: 2
hdivsteps: 2
vdivsteps: 2
square_div: -divergence 9 -divsteps 5
sourcefile: sources.txt
polar: 0.9
close_distance: 60
distance: 60
detsize: 3
detsize_f: 3
detsize_s: 3
detpixels: 30
detpixels_f: 30
detpixels_s: 30
pixel: 0.2
Xbeam: 1
Ybeam: 1
Xclose: 1 -beam_vector 1 0 0
Yclose: 1 -beam_vector 1 0 0
ORGX: 7 -xds
ORGY: 7 -xds
pivot: sample -fdet_vector 0 0 1 -detector_roty 5
fdet_vector: 0 0 -1 -sdet_vector 0 -1 0
sdet_vector: 0 1 0 -fdet_vector 0 0 1
odet_vector: 1 0 0 -fdet_vector 0 0 1
beam_vector: 1 0.01 0
polar_vector: 0 1 0 -polar 1
spindle_axis: 0 1 0 -phi 5
twotheta_axis: 0 0 1 -twotheta 9
detector_rotx: 5
detector_roty: 5
detector_rotz: 5
twotheta: 9
point_pixel: -N 1
detector_abs: 100 -detector_thick 200
detector_thick: 200
detector_thicksteps: 5 -detector_thick 900
oversample: 2
oversample_polar: -oversample 2
oversample_omega: -oversample 2
roi: 3 30 5 20
mask: mask.img
img: mask.img
phi: 5
osc: 3 -phi 5
phistep: 2 -phi 5
phisteps: 3 -phi 5
floatfile: f
intfile: i
pgmfile: p
noisefile: n
scale: 3
adc: 10
pgmscale: 7
o: x.h5
water: 5
seed: 9
printout_pixel: 3 4
Na: 3
Nb: 3
Nc: 3
N: 3
lambda: 1.3
""".strip().splitlines()
)
#: Defaults, what cannot act alone, and what concerns the terminal.
UNCHANGED = IDLE | {
    "mosflm",
    "noprogress",
    "odet_vector",
    "oversample_thick",
    "printout",
    "printout_pixel",
    "progress",
    "round_div",
    "square_xtal",
}
