"""Physical constants and the fixed numbers of nanoBragg's model, each with its source."""

import math

#: Classical electron radius squared [m^2], nanoBragg's literal (CODATA 2018: 6e-7 of it less).
R_E_SQUARED = 7.94079248018965e-30

#: Fluence [photons/m^2] at which ``R_E_SQUARED * fluence`` is 1: nanoBragg's default.
UNIT_FLUENCE = 125932015286227086360700780544.0

#: Photon energy times wavelength [eV A] as nanoBragg rounds it.
EV_ANGSTROM = 12398.42

#: Molecules in a mole, nanoBragg's literal (CODATA 2006: 1.7e-7 of it more than the exact value of 2019).
AVOGADRO = 6.02214179e23

#: Ratio of the peak of a round crystal's transform to Na*Nb*Nc that gives both shapes the
#: same scattering volume (nanoBragg).
ROUND_SCALE = 0.723601254558268

#: Width of a gaussian spot that has the volume of a square crystal's spot (nanoBragg).
GAUSS_WIDTH = 0.63

#: Squared radius of a flat spot that has the volume of a square crystal's spot (nanoBragg).
TOPHAT_RADIUS_SQUARED = 0.3969

#: Full width at half maximum of a normal distribution over its standard deviation.
FWHM_PER_SIGMA = 2.0 * math.sqrt(2.0 * math.log(2.0))

#: Energy of a photon times its wavelength [keV A]: Planck's constant times the velocity of light (CODATA 2018, exact).
PHOTON_ENERGY = 12.398419843320026

#: Depth of a sensor [mm] that stands for none in files: DIALS corrects for it and refuses 0; this one moves nothing.
NO_SENSOR = 1e-6
