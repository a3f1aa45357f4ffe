"""What the images of a file share, and how long each stage of making them takes."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any

from nbnumba.datasets.recipe import Recipe
from nbnumba.simulation import check_device

#: Fields that tell which pixels are no measurement.
_OF_MASK = ("detector.mask", "detector.preset", "detector.panels", "detector.pixels", "response.dead_pixels",
            "response.hot_pixels", "response.seed", "response.preset")  # fmt: skip


class Cache:
    """What images share, the last few of each kind; ``seconds`` by the name of each stage.

    Args:
        recipe: of the images.
        threads: of the CPU that an image is made by.
        device: where crystals are rendered, as ``simulate`` has it.

    Raises:
        NbnumbaError: a device that is not there, also where no image would need it.
    """

    def __init__(self, recipe: Recipe, threads: int = 1, device: str = "cpu") -> None:
        check_is_there(device)
        self.recipe, self.threads, self.device = recipe, threads, device
        self.masks_vary = masks_vary(recipe)
        self.seconds: dict[str, float] = {}
        self._kept: dict[str, OrderedDict[Hashable, Any]] = {}

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Count the time of a block among that of a stage, in ``seconds``."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start

    def get(self, kind: str, key: Hashable, make: Callable[[], Any], most: int = 4) -> Any:
        """What was made for a key, or is made now."""
        kept = self._kept.setdefault(kind, OrderedDict())
        if key not in kept:
            kept[key] = make()
            while len(kept) > most:
                kept.popitem(last=False)
        kept.move_to_end(key)
        return kept[key]


def check_is_there(device: str) -> None:
    """Refuse a device that images cannot be rendered on."""
    check_device(device)
    if device != "cpu":
        from nbnumba.kernels.driver import require

        require(device)


def masks_vary(recipe: Recipe) -> bool:
    """Whether pixels that are no measurement differ between images."""
    shadow = recipe.shadow is not None and (
        bool(recipe.shadow.drawings()) or recipe.varies("detector", "beam.direction")
    )
    return shadow or recipe.varies(*_OF_MASK)
