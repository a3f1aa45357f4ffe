"""Elementary functions as short polynomials, which a compiler can vectorise where library calls would stop it.

Coefficients are minimax fits (Remez) over the stated interval; the largest error found is given with each function.
Constants take the precision of the argument, so that the same functions serve single-precision loops.
"""

import math

from nbnumba._jit import scalar
from nbnumba._lowered import bits_of, float_of, like, near_ceiling, polynomial

_SIN_PI = (
    3.141592653523345539,
    -5.167712762115770809,
    2.55016324031682363,
    -0.5992513300965928836,
    0.0820464787818250127,
    -0.007022163444196541719,
)
_SIN_OVER_PI = tuple(c / math.pi for c in _SIN_PI)
_COS_PI = (
    0.9999999999992518309,
    -4.934802200250963171,
    4.058712107589399962,
    -1.335262316148294056,
    0.2353254434275638016,
    -0.02577634074514037803,
    0.001840021859257573614,
)
_EXP = tuple((-1.0) ** n / factorial for n, factorial in enumerate((1, 1, 2, 6, 24, 120, 720, 5040, 40320)))
_ATANH = tuple(2.0 / (2 * n + 1) for n in range(10))
_LN_2 = (0.693147180369123816490, 1.90821492927058770002e-10)  # in two parts, the first with bits to spare
EXP_END = 200.0  # where exp_minus ends


@scalar
def nearest_integer(x: float) -> float:
    """Nearest whole number to x, within 2^51 of 0: ceil(x - 1/2), halves go down, as in nanoBragg."""
    return near_ceiling(x - like(0.5, x))


@scalar
def sin_pi(x: float) -> float:
    """Function sin(pi x) for abs(x) <= 1/2; relative error below 3e-11."""
    return x * polynomial(x * x, _SIN_PI)


@scalar
def sin_over_pi(x: float) -> float:
    """Function sin(pi x)/pi for abs(x) <= 1/2; relative error below 3e-11."""
    return x * polynomial(x * x, _SIN_OVER_PI)


@scalar
def cos_pi(x: float) -> float:
    """Function cos(pi x) for abs(x) <= 1/2; absolute error below 2e-12."""
    return polynomial(x * x, _COS_PI)


@scalar
def exp_minus(x: float, end: float) -> float:
    """Function exp(-x) for x >= 0, as the 512th power of exp(-x/512); 0 from ``end`` on, which is at most ``EXP_END``.

    Taylor series of degree 8: relative error below 1e-13 up to x = 30, 1e-11 at 60, 5e-7 at 200.
    """
    p = polynomial((x if x < end else end) * (1.0 / 512.0), _EXP)
    p = p * p * p * p  # 4
    p = p * p * p * p  # 16
    p = p * p * p * p  # 64
    p = p * p * p * p  # 256
    return p * p if x < end else 0.0


@scalar
def log(x: float) -> float:
    """Natural logarithm of a normal float64 above 0; relative error below 1e-15 away from 1.

    x = 2^e m with m within a factor sqrt(2) of 1, and ln m = 2 atanh((m - 1)/(m + 1)).
    """
    bits = bits_of(x)
    m = float_of((bits & 0xFFFFFFFFFFFFF) | 0x3FF0000000000000)
    e = float((bits >> 52) - 1023)
    above = m > 1.4142135623730951
    m, e = (0.5 * m if above else m), (e + 1.0 if above else e)
    s = (m - 1.0) / (m + 1.0)
    return e * _LN_2[0] + (s * polynomial(s * s, _ATANH) + e * _LN_2[1])
