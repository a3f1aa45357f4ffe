"""Normal equations of many images, from which planes and each image's own unknowns are eliminated (Schur complement).

With S among the shared unknowns, D_i among those of image i and B_i between them, the shared ones x follow from

    (S - sum B_i D_i^-1 B_i^T) x = g - sum B_i D_i^-1 g_i,

and in the same way planes of background, of which each knows no other, are eliminated from S, B_i and D_i first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Eigenvalues of scaled curvatures below this fraction of the largest one say that unknowns cannot be told apart.
RANK = 1e-9


@dataclass(frozen=True)
class Part:
    """Slopes and curvatures of one image.

    Attributes:
        slope: (s + n,) by the shared unknowns and its own.
        curvature: (s + n, s + n) among them.
        planes: (b, 3) slopes by planes of background.
        blocks: (b, 3, 3) curvatures of each plane.
        mixed: (b, s + n, 3) between unknowns and planes.
    """

    slope: np.ndarray
    curvature: np.ndarray
    planes: np.ndarray
    blocks: np.ndarray
    mixed: np.ndarray


@dataclass(frozen=True)
class Equations:
    """A loss with its slopes and expected curvatures; unknowns are the shared ones, then each image's own and planes.

    Attributes:
        value: of the loss.
        shared: number of shared unknowns.
        parts: of the images.
    """

    value: float
    shared: int
    parts: list[Part]

    @property
    def gradient(self) -> np.ndarray:
        """All slopes."""
        s = self.shared
        top = sum((part.slope[:s] for part in self.parts), np.zeros(s))
        return np.concatenate([top, *(x for part in self.parts for x in (part.slope[s:], part.planes.ravel()))])

    @property
    def diagonal(self) -> np.ndarray:
        """All curvatures of single unknowns."""
        s = self.shared
        top = sum((np.diag(part.curvature)[:s] for part in self.parts), np.zeros(s))
        rest = [(np.diag(p.curvature)[s:], np.diagonal(p.blocks, axis1=1, axis2=2).ravel()) for p in self.parts]
        return np.concatenate([top, *(x for pair in rest for x in pair)])

    def _split(self, x: np.ndarray) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
        """Shared part of a vector, and for each image its own and its planes (b, 3)."""
        at, found = self.shared, []
        for part in self.parts:
            n, b = len(part.slope) - self.shared, part.planes.size
            found.append((x[at : at + n], x[at + n : at + n + b].reshape(-1, 3)))
            at += n + b
        return x[: self.shared], found

    def times(self, x: np.ndarray) -> np.ndarray:
        """Product of the matrix of curvatures and a vector."""
        shared, rest = self._split(x)
        top, below = np.zeros(self.shared), []
        for part, (own, planes) in zip(self.parts, rest, strict=True):
            both = np.concatenate([shared, own])
            product = part.curvature @ both + np.einsum("bij,bj->i", part.mixed, planes)
            top = top + product[: self.shared]
            across = np.einsum("bij,i->bj", part.mixed, both) + np.einsum("bij,bj->bi", part.blocks, planes)
            below += [product[self.shared :], across.ravel()]
        return np.concatenate([top, *below])

    @property
    def matrix(self) -> np.ndarray:
        """All curvatures in one matrix."""
        return np.column_stack([self.times(e) for e in np.eye(len(self.gradient))])

    def predicted(self, step: np.ndarray) -> float:
        """By how much a step lessens the loss, if that is what slopes and curvatures say."""
        return float(-self.gradient @ step - 0.5 * step @ self.times(step))

    def step(self, damping: float, held: np.ndarray, shift: np.ndarray) -> np.ndarray:
        """Step to where the slopes end, each curvature raised by a fraction; ``shift`` for unknowns that are held."""
        diagonal = self.diagonal
        scale = np.where(held, 0.0, 1.0 / np.sqrt(np.where(diagonal > 0.0, diagonal, 1.0)))
        right = -scale * (self.gradient + self.times(np.where(held, shift, 0.0)))
        extra = np.where(scale > 0.0, damping, 1.0)
        scales, rights, extras = self._split(scale), self._split(right), self._split(extra)
        s = self.shared
        matrix, total = np.diag(extras[0]), rights[0]
        solved: list[tuple[np.ndarray, np.ndarray]] = []
        for part, size, slope, raised in zip(self.parts, scales[1], rights[1], extras[1], strict=True):
            block, lever = _eliminated(part, np.concatenate([scales[0], size[0]]), size[1], slope[1], raised[1])
            curvature = block[0] + np.diag(np.concatenate([np.zeros(s), raised[0]]))
            left = np.linalg.solve(curvature[s:, s:], np.column_stack([curvature[s:, :s], slope[0] + block[1][s:]]))
            matrix = matrix + curvature[:s, :s] - curvature[:s, s:] @ left[:, :-1]
            total = total + block[1][:s] - curvature[:s, s:] @ left[:, -1]
            solved.append((left, lever))
        shared = np.linalg.solve(matrix, total)
        found = [shared]
        for left, lever in solved:
            own: np.ndarray = left[:, -1] - left[:, :-1] @ shared
            both = np.concatenate([shared, own])
            found += [own, (lever[..., -1] - np.einsum("bij,j->bi", lever[..., :-1], both)).ravel()]
        return np.where(held, shift, np.concatenate(found) * scale)

    def without_planes(self) -> Equations:
        """The equations that are left when the planes are eliminated; their slopes are those at the planes."""
        parts = []
        for part in self.parts:
            lever = part.mixed @ np.linalg.pinv(part.blocks, hermitian=True)
            curvature = part.curvature - np.einsum("bij,bkj->ik", lever, part.mixed)
            n = len(part.slope)
            parts.append(Part(part.slope, curvature, np.zeros((0, 3)), np.zeros((0, 3, 3)), np.zeros((0, n, 3))))
        return Equations(self.value, self.shared, parts)


def _eliminated(
    part: Part, size: np.ndarray, plane_size: np.ndarray, plane_right: np.ndarray, plane_extra: np.ndarray
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """What is left of scaled curvatures and right sides without planes; what gives planes back (b, 3, s + n + 1)."""
    curvature = size[:, None] * part.curvature * size
    mixed = size[None, :, None] * part.mixed * plane_size[:, None, :]
    blocks = plane_size[:, :, None] * part.blocks * plane_size[:, None, :]
    blocks = blocks + plane_extra[:, :, None] * np.eye(3)
    lever = np.linalg.solve(blocks, np.concatenate([mixed.transpose(0, 2, 1), plane_right[:, :, None]], axis=2))
    return (
        (
            curvature - np.einsum("bij,bjk->ik", mixed, lever[..., :-1]),
            -np.einsum("bij,bj->i", mixed, lever[..., -1]),
        ),
        lever,
    )
