"""The random numbers of nanoBragg, as the description of its generator gives them."""

from __future__ import annotations

import numpy as np

_MODULUS = 2147483647
_MULTIPLIER = 16807
_SHUFFLED = 32


class MinimalStandard:
    """Park and Miller's generator x -> 16807 x mod (2^31 - 1), shuffled over 32 places (Bays and Durham)."""

    def __init__(self, seed: int) -> None:
        self.state = max(int(seed), 1)
        filled = [self._advance() for _ in range(_SHUFFLED + 8)]
        self.table = filled[:7:-1]  # filled from the last place down, after 8 that are thrown away
        self.last = self.table[0]

    def _advance(self) -> int:
        self.state = _MULTIPLIER * self.state % _MODULUS
        return self.state

    def uniform(self) -> float:
        """Next number in (0, 1), with the precision of a float32."""
        place = self.last // (1 + (_MODULUS - 1) // _SHUFFLED)
        self.last, self.table[place] = self.table[place], self._advance()
        return float(np.float32(min(self.last / _MODULUS, 1.0 - 1.2e-7)))
