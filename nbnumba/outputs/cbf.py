"""CBF: a text header, and pixels as the differences of neighbours in one, three or seven bytes."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from nbnumba import __version__
from nbnumba.atomic import new_file
from nbnumba.errors import NbnumbaError
from nbnumba.model.experiment import Experiment, check_experiment
from nbnumba.model.validate import choice, whole
from nbnumba.outputs.counts import LARGEST, as_counts, rounded, saturation
from nbnumba.outputs.imgcif import array_name, categories
from nbnumba.outputs.laboratory import turn
from nbnumba.outputs.minicbf import GENERIC, comments, convention, why_not
from nbnumba.outputs.pixels import as_rows

KINDS = ("mini", "full")
_STARTER = b"\x0c\x1a\x04\xd5"
_PADDING = 4095  # zeros after the pixels, as DECTRIS writes them: decoders may read a few bytes too far
_BOUNDARY = "--CIF-BINARY-FORMAT-SECTION--"


def write_cbf(
    path: str | Path,
    experiment: Experiment | None,
    image: Any,
    number: int = 0,
    *,
    kind: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write one image as CBF with byte-offset compression; needs the extra "formats".

    Pixels are 32-bit integers: floats are rounded to whole counts; pixels outside mask and region become -1, dead,
    over-responding and saturated ones -2.

    A "mini" header is that of DECTRIS: comments, which most programs read, and which tell of a flat detector square to
    the beam and of a horizontal rotation axis. A "full" one is imgCIF: axes, which tell of every tilt, axis and panel,
    one array each, for DIALS and others that use CBFlib.

    Args:
        path: the new file; DIALS wants a number in the name of a rotation, as in "name_0001.cbf".
        experiment: what was rendered; None: pixels are written without a word about them.
        image: array (slow, fast), or (panel, slow, fast) where the detector lists panels.
        number: of the image in its series, from 0: it starts at ``scan.start + number * scan.width``.
        kind: "mini" or "full"; None: mini for a rotation of which it tells all. DIALS takes a still with a mini header
            for a rotation by 0 degrees.
        overwrite: replace an existing file.

    Returns:
        The path.

    Raises:
        NbnumbaError: the file cannot be written, fabio is missing, a mini header cannot tell the geometry, or the image
            has another shape than the detector or holds numbers below 0 or beyond int32 in pixels that measure.
    """
    if experiment is not None:
        check_experiment(experiment)
    number = whole("number", number, low=0)
    if kind is not None:
        choice("kind", kind, KINDS)
    content = _pixels_alone(image) if experiment is None else _content(experiment, image, number, kind)
    with new_file(path, overwrite) as part:
        part.write_bytes(content)
    return Path(path)


def check_cbf() -> None:
    """Refuse to go on without fabio, by which pixels are compressed."""
    _compressor()


def _content(experiment: Experiment, image: Any, number: int, kind: str | None) -> bytes:
    obstacle = why_not(experiment)
    if kind == "mini" and obstacle is not None:
        raise NbnumbaError(f'kind: found "mini" for {obstacle}, of which such a header cannot tell; allowed: "full"')
    counts = as_counts(experiment, image)
    arrays = counts.reshape(-1, *counts.shape[-2:])
    kind_of_pixels = np.asarray(image).dtype
    cutoff = saturation(experiment, kind_of_pixels) or LARGEST
    rotates = turn(experiment, number) is not None
    if kind == "mini" or (kind is None and obstacle is None and rotates):
        lines = _settings(experiment, number, cutoff, convention(arrays[0].shape))
        return _file(number, lines, _data(arrays[0], "\r\n"), "\r\n")
    # By CRLF before the pixels dxtbx knows one panel and a rotation (FormatCBFFullByteOffset), which others are not.
    newline = "\r\n" if rotates and len(arrays) == 1 else "\n"
    lines = categories(experiment, number, kind_of_pixels)
    if len(arrays) > 1:
        lines += ["loop_", *(f"_array_data.{name}" for name in ("array_id", "binary_id", "data"))]
        return _file(number, lines, b"".join(_row(i, array, newline) for i, array in enumerate(arrays)), newline)
    lines += [f"_array_data.array_id {array_name(0)}", "_array_data.binary_id 1"]
    lines += _settings(experiment, number, cutoff, GENERIC)
    return _file(number, lines, _data(arrays[0], newline), newline)


def _pixels_alone(image: Any) -> bytes:
    counts = rounded(as_rows("image", image), -(2**31))
    return _file(0, [], _data(counts, "\r\n"), "\r\n")


def _settings(experiment: Experiment, number: int, cutoff: int, name: str) -> list[str]:
    contents = [";", *comments(experiment, number, cutoff), ";"]
    return [f'_array_data.header_convention "{name}"', "_array_data.header_contents", *contents, ""]


def _file(number: int, lines: list[str], data: bytes, newline: str) -> bytes:
    start = [f"###CBF: VERSION 1.5, nbnumba {__version__}", "", f"data_image_{number + 1}", ""]
    return newline.join([*start, *lines, ""]).encode("ascii") + data


def _data(counts: np.ndarray, newline: str) -> bytes:
    return f"_array_data.data{newline}".encode("ascii") + _section(counts, 1, newline)


def _row(panel: int, counts: np.ndarray, newline: str) -> bytes:
    return f"{array_name(panel)} {panel + 1}{newline}".encode("ascii") + _section(counts, panel + 1, newline)


def _section(counts: np.ndarray, binary: int, newline: str) -> bytes:
    """Text field with the pixels (slow, fast) of one array."""
    packed = _compressed(counts)
    slow, fast = counts.shape
    digest = base64.b64encode(hashlib.md5(packed, usedforsecurity=False).digest()).decode("ascii")
    header = [
        ";",
        _BOUNDARY,
        "Content-Type: application/octet-stream;",
        '     conversions="x-CBF_BYTE_OFFSET"',
        "Content-Transfer-Encoding: BINARY",
        f"X-Binary-Size: {len(packed)}",
        f"X-Binary-ID: {binary}",
        'X-Binary-Element-Type: "signed 32-bit integer"',
        "X-Binary-Element-Byte-Order: LITTLE_ENDIAN",
        f"Content-MD5: {digest}",
        f"X-Binary-Number-of-Elements: {counts.size}",
        f"X-Binary-Size-Fastest-Dimension: {fast}",
        f"X-Binary-Size-Second-Dimension: {slow}",
        "X-Binary-Size-Third-Dimension: 1",  # without which CBFlib tells 0
        f"X-Binary-Size-Padding: {_PADDING}",
        "",
        "",
    ]
    end = newline.join(["", f"{_BOUNDARY}--", ";", "", ""])
    return newline.join(header).encode("ascii") + _STARTER + packed + bytes(_PADDING) + end.encode("ascii")


def _compressed(counts: np.ndarray) -> bytes:
    return bytes(_compressor()(np.ascontiguousarray(counts, dtype=np.int32)))


def _compressor() -> Any:
    try:
        from fabio.compression import compByteOffset
    except ImportError:
        raise NbnumbaError("CBF is compressed by fabio, which is not there; pip install 'nbnumba[formats]'") from None
    return compByteOffset
