"""Measures how far the images of nanoBragg and nbnumba are apart where nbnumba departs from it on purpose.

Run: python benchmarks/deviations.py PROGRAM, where PROGRAM is a nanoBragg executable. Prints the table of
docs/parity.md.
"""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import nbnumba as nb
from nbnumba.compat import read_flags
from nbnumba.compat.deviations import DEVIATIONS, Deviation, deviation_rows
from nbnumba.compat.run import run

INPUTS = Path(__file__).parents[1] / "tests" / "golden" / "inputs.zip"
FILES = {"long SMV headers": "intimage.img"}
QUIET = " -nonoise -nopgm -scale 1"


def main() -> None:
    """Print the table."""
    program = Path(sys.argv[1]).resolve()
    print("| | nanoBragg | here | why | example | apart |\n|---|---|---|---|---|---|")
    for known, row in zip(DEVIATIONS, deviation_rows(), strict=True):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            with zipfile.ZipFile(INPUTS) as archive:
                archive.extractall(folder)
            prepare(folder)
            apart = measure(program, folder, known)
        print(row, apart, "|")


def prepare(folder: Path) -> None:
    """The file that an example names: a list with a fifth column."""
    lines = (folder / "inputs" / "small.hkl").read_text().splitlines()
    (folder / "columns.hkl").write_text("\n".join(f"{line} 0.1" for line in lines))


def measure(program: Path, folder: Path, known: Deviation) -> str:
    """What nanoBragg in one thread and nbnumba make of an example."""
    words = (known.example + QUIET).split()
    file = folder / FILES.get(known.name, "floatimage.bin")
    subprocess.run([program, *words], cwd=folder, check=True, capture_output=True, env={"OMP_NUM_THREADS": "1"})
    theirs = nb.read_image(file)
    run(read_flags(words, folder))
    found = nb.compare(theirs, nb.read_image(file))
    if theirs.max() == 0.0:
        return "nanoBragg's image is zero"
    return f"correlation {found.correlation:.4f}, sums {found.ratio:.4g}, largest difference {found.relative:.3g}"


if __name__ == "__main__":
    main()
