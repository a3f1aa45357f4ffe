"""Normal equations of many images, whose own unknowns are eliminated image by image (Schur complement).

With S among the shared unknowns, D_i among those of image i and B_i between them, the shared ones x follow from

    (S - sum B_i D_i^-1 B_i^T) x = g - sum B_i D_i^-1 g_i.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Eigenvalues of scaled curvatures below this fraction of the largest one say that unknowns cannot be told apart.
RANK = 1e-9


@dataclass(frozen=True)
class Equations:
    """A loss with its slopes and expected curvatures by shared unknowns and by those of each image.

    Attributes:
        value: of the loss.
        slope: (s,) by the shared unknowns.
        curvature: (s, s) among them.
        slopes: for each image (n_i,) by its own unknowns.
        curvatures: for each image (n_i, n_i).
        mixed: for each image (s, n_i), between shared ones and its own.
    """

    value: float
    slope: np.ndarray
    curvature: np.ndarray
    slopes: list[np.ndarray]
    curvatures: list[np.ndarray]
    mixed: list[np.ndarray]

    @property
    def gradient(self) -> np.ndarray:
        """All slopes, shared ones first."""
        return np.concatenate([self.slope, *self.slopes])

    @property
    def diagonal(self) -> np.ndarray:
        """All curvatures of single unknowns, shared ones first."""
        return np.concatenate([np.diag(self.curvature), *map(np.diag, self.curvatures)])

    def split(self, x: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        """Shared part and parts of the images of a vector in the order of the gradient."""
        ends = np.cumsum([len(self.slope), *map(len, self.slopes)])
        shared, *rest = np.split(x, ends[:-1])
        return shared, rest

    def times(self, x: np.ndarray) -> np.ndarray:
        """Product of the matrix of curvatures and a vector."""
        shared, own = self.split(x)
        top = self.curvature @ shared
        rest = []
        for b, d, part in zip(self.mixed, self.curvatures, own, strict=True):
            top = top + b @ part
            rest.append(b.T @ shared + d @ part)
        return np.concatenate([top, *rest])

    @property
    def matrix(self) -> np.ndarray:
        """All curvatures in one matrix."""
        return np.column_stack([self.times(e) for e in np.eye(len(self.gradient))])

    def predicted(self, step: np.ndarray) -> float:
        """By how much a step lessens the loss, if that is what slopes and curvatures say."""
        return float(-self.gradient @ step - 0.5 * step @ self.times(step))

    def step(self, damping: float, held: np.ndarray, shift: np.ndarray) -> np.ndarray:
        """Step to where the slopes end, each curvature raised by a fraction; ``shift`` for unknowns that are held."""
        slope, slopes = self.split(self.gradient + self.times(np.where(held, shift, 0.0)))
        scale = 1.0 / np.sqrt(np.where(self.diagonal > 0.0, self.diagonal, 1.0))
        scale[held] = 0.0
        ones, own_ones = self.split(np.where(scale > 0.0, damping, 1.0))
        shared_scale, own_scale = self.split(scale)
        matrix = shared_scale[:, None] * self.curvature * shared_scale + np.diag(ones)
        right = -shared_scale * slope
        solved = []
        for b, d, g, s, extra in zip(self.mixed, self.curvatures, slopes, own_scale, own_ones, strict=True):
            left = np.linalg.solve(
                s[:, None] * d * s + np.diag(extra), np.column_stack([s[:, None] * b.T * shared_scale, -s * g])
            )
            mixed = shared_scale[:, None] * b * s
            matrix = matrix - mixed @ left[:, :-1]
            right = right - mixed @ left[:, -1]
            solved.append(left)
        shared = np.linalg.solve(matrix, right)
        own = [left[:, -1] - left[:, :-1] @ shared for left in solved]
        return np.where(held, shift, np.concatenate([shared, *own]) * scale)

    def without(self, kept: int) -> Equations:
        """The equations that are left when all but the first unknowns of each image are eliminated."""
        curvature, mixed, curvatures = self.curvature, [], []
        for b, d in zip(self.mixed, self.curvatures, strict=True):
            lever = np.linalg.pinv(d[kept:, kept:], hermitian=True)
            curvature = curvature - b[:, kept:] @ lever @ b[:, kept:].T
            mixed.append(b[:, :kept] - b[:, kept:] @ lever @ d[kept:, :kept])
            curvatures.append(d[:kept, :kept] - d[:kept, kept:] @ lever @ d[kept:, :kept])
        return Equations(self.value, self.slope, curvature, [g[:kept] for g in self.slopes], curvatures, mixed)
