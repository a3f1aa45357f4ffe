"""What of each image is kept, and how: the table [output] of a recipe."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from nbnumba.errors import NbnumbaError
from nbnumba.model.detector import Detector
from nbnumba.model.validate import Roi, choice, flag, number, ranges, refuse, unknown_key, whole
from nbnumba.outputs.compression import COMPRESSIONS
from nbnumba.simulation import PRECISIONS

DTYPES = ("int32", "uint16", "float32")
LAYOUTS = ("nxmx", "resonet")
SPLIT_BY = ("image", "structure")


@dataclass(frozen=True)
class Output:
    """What is kept of each image.

    Attributes:
        images_per_shard: images in a file; 0: 16 in each of the first 64 files, twice as many in the next 64, and so
            on, up to what makes ``shard_bytes``.
        shard_bytes: largest size of a file, before compression [bytes].
        dtype: of the images: "int32", "uint16" or "float32"; numbers that do not fit are cut off and counted. Left out,
            it is "int32", and "float32" with the layout of resonet, which reads no int32.
        counts: False: images are expected photons, without noise and response.
        bin: pixels along each edge that are added up to one.
        crop: ((slow start, stop), (fast start, stop)) that is kept; nothing else is computed.
        compression: "gzip", "bitshuffle-lz4" or "none".
        layout: "nxmx", or "resonet": datasets images, labels and geom.
        expected: whether images of expected photons are kept beside those of counts.
        spots: whether spots are listed; labels count them in any case.
        spot_mask: whether pixels with Bragg signal are marked.
        faintest: expected photons of a spot from which on it is listed.
        significance: signal over noise from which on a spot stands out, for the label ``resolution``.
        spot_size: pixels along the edge of the box that a spot's photons are counted in, an odd number; 0: 5, or more
            where spots are wider.
        precision: of the loops, "double" or "mixed".
        background_step: background is computed at every so many pixels along each edge and filled up by cubics, where
            the geometry changes from image to image (of water, 4 is within 1 %); 1: in every pixel. Not for ice.
        splits: shares by name, as {train = 0.8, test = 0.2}.
        split_by: "image", or "structure": splits then never share one.
    """

    images_per_shard: int = 0
    shard_bytes: float = 1e9
    dtype: str = ""
    counts: bool = True
    bin: int = 1
    crop: Roi | None = None
    compression: str = "gzip"
    layout: str = "nxmx"
    expected: bool = False
    spots: bool = True
    spot_mask: bool = False
    faintest: float = 1.0
    significance: float = 5.0
    spot_size: int = 0
    precision: str = "double"
    background_step: int = 1
    splits: dict[str, float] = field(default_factory=dict)
    split_by: str = "image"

    def __post_init__(self) -> None:
        put = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731
        put("images_per_shard", whole("output.images_per_shard", self.images_per_shard, low=0))
        put("shard_bytes", number("output.shard_bytes", self.shard_bytes, "bytes", low=1.0))
        if self.dtype == "":
            put("dtype", "float32" if self.layout == "resonet" else "int32")
        for name, allowed in (
            ("dtype", DTYPES), ("compression", COMPRESSIONS), ("layout", LAYOUTS), ("precision", PRECISIONS),
            ("split_by", SPLIT_BY),
        ):  # fmt: skip
            choice(f"output.{name}", getattr(self, name), allowed)
        if self.layout == "resonet" and self.dtype == "int32":
            raise refuse("output.dtype", self.dtype, 'float32 | uint16 with layout = "resonet", which reads no int32')
        for name in ("counts", "expected", "spots", "spot_mask"):
            flag(f"output.{name}", getattr(self, name))
        put("bin", whole("output.bin", self.bin, low=1, high=4096))
        put("crop", None if self.crop is None else ranges("output.crop", self.crop))
        put("faintest", number("output.faintest", self.faintest, "photons", above=0.0))
        put("significance", number("output.significance", self.significance, above=0.0))
        put("background_step", whole("output.background_step", self.background_step, low=1, high=64))
        put("spot_size", whole("output.spot_size", self.spot_size, low=0, high=99))
        if self.spot_size and self.spot_size % 2 == 0:
            raise refuse("output.spot_size", self.spot_size, "an odd number of pixels, or 0")
        put("splits", _splits(self.splits))
        if self.expected and not self.counts:
            raise NbnumbaError("output.expected: found with counts = false, where images are expected photons already")

    @property
    def first(self) -> tuple[int, int]:
        """Slow, fast of the first pixel of the detector that is kept."""
        return (0, 0) if self.crop is None else (self.crop[0][0], self.crop[1][0])

    def shape(self, detector: Detector) -> tuple[int, ...]:
        """Shape of an image that is kept.

        Raises:
            NbnumbaError: a crop that does not lie on the detector, or bins that do not divide it.
        """
        if self.crop is not None:
            detector.check_one_panel("output.crop")
        if self.crop is not None and any(c[1] > n for c, n in zip(self.crop, detector.pixels, strict=True)):
            raise refuse("output.crop", self.crop, f"a part of the detector's {detector.pixels} pixels")
        kept = detector.pixels if self.crop is None else tuple(stop - start for start, stop in self.crop)
        if any(n % self.bin for n in kept):
            raise refuse("output.bin", self.bin, f"a divisor of both edges of the image, {kept} pixels")
        return (*detector.shape[:-2], *(n // self.bin for n in kept))

    def table(self) -> dict[str, Any]:
        """As in TOML."""
        found = {item.name: getattr(self, item.name) for item in fields(self)}
        found["crop"] = None if self.crop is None else [list(limits) for limits in self.crop]
        return {name: value for name, value in found.items() if value is not None and value != {}}


def output_of(value: Any) -> Output:
    """The table [output] of a recipe."""
    known = [item.name for item in fields(Output)]
    if not isinstance(value, dict):
        raise refuse("output", value, f"a table with {', '.join(known)}")
    for key in value:
        if key not in known:
            raise unknown_key("output", key, known)
    return Output(**value)


def _splits(value: Any) -> dict[str, float]:
    if not isinstance(value, dict):
        raise refuse("output.splits", value, "shares by name, as {train = 0.8, validation = 0.1, test = 0.1}")
    for name in value:
        if not name or not name.isprintable():
            raise refuse("output.splits", name, "names of characters that can be seen")
    found = {str(name): number(f"output.splits.{name}", share, low=0.0) for name, share in value.items()}
    if found and not abs(sum(found.values()) - 1.0) < 1e-6:
        raise refuse("output.splits", value, "shares that add up to 1")
    return found
