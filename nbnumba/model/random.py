"""The random numbers of nanoBragg, as the description of its generator gives them."""

from __future__ import annotations

from typing import Any

import numpy as np

_MODULUS = 2147483647
_MULTIPLIER = 16807
_SHUFFLED = 32
_DIVISOR = 1 + (_MODULUS - 1) // _SHUFFLED
_LARGEST = np.float32(1.0 - 1.2e-7)


def seeded(seed: int) -> list[int]:
    """State of the generator: its number, its last output, and the table of numbers to be shuffled."""
    numbers = [max(int(seed), 1)]
    for _ in range(_SHUFFLED + 8):
        numbers.append(_MULTIPLIER * numbers[-1] % _MODULUS)
    table = numbers[:8:-1]  # filled from the last place down, after 8 that are thrown away
    return [numbers[-1], table[0], *table]


def next_uniform(state: Any) -> Any:
    """Next number in (0, 1), float32, of Park and Miller's x -> 16807 x mod (2^31 - 1), shuffled (Bays and Durham)."""
    state[0] = _MULTIPLIER * state[0] % _MODULUS
    place = 2 + state[1] // _DIVISOR
    state[1] = state[place]
    state[place] = state[0]
    return min(np.float32(state[1] / _MODULUS), _LARGEST)


class MinimalStandard:
    """The generator with its state."""

    def __init__(self, seed: int) -> None:
        self._state = seeded(seed)

    def uniform(self) -> float:
        """Next number in (0, 1), with the precision of a float32."""
        return float(next_uniform(self._state))
