"""Elementary functions as short polynomials, which a compiler can vectorise where library calls would stop it.

Coefficients are Chebyshev fits over the stated interval; the largest error found is given with each function.
"""

from nbnumba._jit import ceiling, scalar


@scalar
def nearest_integer(x: float) -> float:
    """Nearest whole number, ceil(x - 1/2): halves go down, as the forward model has it."""
    return ceiling(x - 0.5)


@scalar
def sin_pi(x: float) -> float:
    """Function sin(pi x) for abs(x) <= 1/2; relative error below 8e-14."""
    y = x * x
    p = 0.0004474920849077101
    p = p * y - 0.007364005472115722
    p = p * y + 0.08214479467064854
    p = p * y - 0.5992644339357286
    p = p * y + 2.550164035906745
    p = p * y - 5.167712779987959
    p = p * y + 3.141592653589635
    return p * x


@scalar
def cos_pi(x: float) -> float:
    """Function cos(pi x) for abs(x) <= 1/2; absolute error below 3e-15."""
    y = x * x
    p = -0.0001004164642205389
    p = p * y + 0.0019278700526981333
    p = p * y - 0.025806531975921563
    p = p * y + 0.23533058831317874
    p = p * y - 1.3352627661817635
    p = p * y + 4.058712126333295
    p = p * y - 4.934802200543686
    p = p * y + 0.9999999999999981
    return p


@scalar
def exp_minus(x: float) -> float:
    """Function exp(-x) for x >= 0, as the 512th power of exp(-x/512); 0 from x = 200 on (below 1e-86).

    Taylor series of degree 9: relative error below 2e-13 up to x = 60, 2e-8 at 200.
    """
    y = (x if x < 200.0 else 200.0) * (-1.0 / 512.0)
    p = 1.0 / 362880.0
    p = p * y + 1.0 / 40320.0
    p = p * y + 1.0 / 5040.0
    p = p * y + 1.0 / 720.0
    p = p * y + 1.0 / 120.0
    p = p * y + 1.0 / 24.0
    p = p * y + 1.0 / 6.0
    p = p * y + 0.5
    p = p * y + 1.0
    p = p * y + 1.0
    p = p * p * p * p  # 4
    p = p * p * p * p  # 16
    p = p * p * p * p  # 64
    p = p * p * p * p  # 256
    return p * p if x < 200.0 else 0.0
