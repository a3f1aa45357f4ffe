"""An image in a notebook, as the small picture that a browser shows."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from nbnumba.markup import card, paragraph


@dataclass(frozen=True)
class Picture:
    """A picture that a notebook shows.

    Attributes:
        png: the picture as the bytes of a PNG file.
        size: its width and height in pixels.
        title: a line above it.
        text: a line below it.
    """

    png: bytes
    size: tuple[int, int]
    title: str = ""
    text: str = ""

    def __repr__(self) -> str:
        return f"Picture({self.size[0]} x {self.size[1]} pixels, {self.text})"

    def _repr_png_(self) -> bytes:
        return self.png

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.png).decode("ascii")
        style = "image-rendering:pixelated;border:1px solid #999;max-width:100%"
        width, height = self.size
        shown = f'<img style="{style}" width="{width}" height="{height}" src="data:image/png;base64,{data}"/>'
        return card(self.title, f"<div>{shown}</div>", paragraph(self.text))
