"""Small letters for pictures: capitals of 3 x 5 pixels, drawn here, twice as large."""

from __future__ import annotations

import numpy as np

#: Five rows for each letter, each a digit whose three bits are pixels.
_LETTERS = {
    "0": "75557", "1": "26227", "2": "71747", "3": "71317", "4": "55711", "5": "74717", "6": "74757", "7": "71222",
    "8": "75757", "9": "75717", "a": "25755", "b": "65656", "c": "34443", "d": "65556", "e": "74647", "f": "74644",
    "g": "34553", "h": "55755", "i": "72227", "j": "11152", "k": "55655", "l": "44447", "m": "57755", "n": "65555",
    "o": "25552", "p": "65644", "q": "25573", "r": "65655", "s": "34216", "t": "72222", "u": "55557", "v": "55552",
    "w": "55775", "x": "55255", "y": "55222", "z": "71247", ".": "00002", "-": "00700", "_": "00007", "=": "07070",
    "+": "02720", "/": "11244", ":": "02020", ",": "00024", "(": "24442", ")": "21112", "%": "51245", " ": "00000",
    "[": "64446", "]": "31113",
}  # fmt: skip
_UNKNOWN = "77777"
_SCALE = 2
HEIGHT, WIDTH = 7 * _SCALE, 4 * _SCALE  # of a line, and of a letter, with the space between


def line(text: str, width: int) -> np.ndarray:
    """Black text on white, uint8 (HEIGHT, width); what does not fit is cut off."""
    grey = np.full((HEIGHT, width), 255, dtype=np.uint8)
    for i, letter in enumerate(text.lower()[: width // WIDTH]):
        rows = [[int(row) >> bit & 1 for bit in (2, 1, 0)] for row in _LETTERS.get(letter, _UNKNOWN)]
        pixels = np.kron(np.array(rows), np.ones((_SCALE, _SCALE)))
        grey[: pixels.shape[0], i * WIDTH : i * WIDTH + pixels.shape[1]][pixels > 0] = 0
    return grey
