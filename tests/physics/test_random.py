"""Counter-based random numbers: the generator's known answers, and plain Python against what loops draw."""

import math

import numpy as np
import pytest
from scipy import stats

from nbnumba.physics.elementary import log
from nbnumba.physics.philox import Pair, Stream, Words, draw, normal, philox, uniform
from nbnumba.physics.poisson import poisson, proposed

ALL = 0xFFFFFFFF
PI = (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344)


@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((ALL,) * 4, (ALL, ALL), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (PI, (0xA4093822, 0x299F31D0), (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
    ],
)
def test_known_answers_of_random123(counter, key, answer):
    assert tuple(philox(Words(*counter), *key)) == answer


def test_numbers_are_even_and_never_0_or_1():
    assert uniform(0, 0) == 2.0**-53
    assert uniform(ALL, ALL) == 1.0 - 2.0**-53
    assert uniform(1 << 31, 0) == pytest.approx(0.5)


def test_every_part_of_the_counter_counts():
    base = draw(Stream(1, 2, 3), 4, 5)
    others = [
        draw(Stream(2, 2, 3), 4, 5), draw(Stream(1, 3, 3), 4, 5), draw(Stream(1, 2, 4), 4, 5),
        draw(Stream(1, 2, 3), 5, 5), draw(Stream(1, 2, 3), 4, 6), draw(Stream(1 + (1 << 40), 2, 3), 4, 5),
    ]  # fmt: skip
    assert len({base, *others}) == 7


def test_normal_numbers():
    drawn = np.array([normal(draw(Stream(7, 0, 0), i, 0)) for i in range(20000)])
    assert stats.kstest(drawn, "norm").pvalue > 1e-3
    assert normal(Pair(math.exp(-0.5), 1e-300)) == pytest.approx(1.0, abs=1e-12)


def test_logarithm():
    x = np.concatenate([10.0 ** np.linspace(-300, 300, 2001), 1.0 + np.linspace(-1e-3, 1e-3, 201)])
    for value in x:
        exact = math.log(value)
        assert abs(log(float(value)) - exact) <= 4e-16 * max(abs(exact), 1e-3)


@pytest.mark.parametrize("mean", [12.0, 13.7, 60.0, 1e4])
def test_rejection_accepts_in_proportion_to_the_probability(mean):
    """Counts proposed from any pair are distributed as the target wherever they are accepted."""
    drawn = [proposed(mean, draw(Stream(3, 0, 0), i, 0)) for i in range(20000)]
    accepted = np.array([n for n in drawn if n >= 0.0])
    assert 0.7 < len(accepted) / len(drawn) < 1.0
    assert abs(accepted.mean() - mean) < 4.0 * math.sqrt(mean / len(accepted))
    assert accepted.var() / mean == pytest.approx(1.0, abs=4.0 * math.sqrt(2.0 / len(accepted)))


@pytest.mark.parametrize("mean", [0.0, 1e-6, 0.3, 11.999])
def test_small_means_take_the_smallest_count_that_is_likely_enough(mean):
    stream = Stream(11, 5, 2)
    for pixel in range(200):
        assert poisson(mean, stream, pixel) == stats.poisson.ppf(draw(stream, pixel, 0).u, mean)
