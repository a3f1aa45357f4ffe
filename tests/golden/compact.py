"""Makes the compact golden figures of this folder from the full file of reference images.

Run: python compact.py FOLDER, where FOLDER holds nanobragg.h5 and inputs/. Of every image it keeps the largest value,
the sum, and 400 pixels: every n-th and the brightest; of integer and PGM images the same pixels, and the header text of
every case. Of noise images it keeps the first 2000 pixels: each number depends on those before it.
"""

import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np

PIXELS = 400
NOISE = 2000
HERE = Path(__file__).parent


def main() -> None:
    """Write figures.h5 and inputs.zip."""
    source = Path(sys.argv[1])
    with h5py.File(source / "nanobragg.h5") as full, h5py.File(HERE / "figures.h5", "w") as compact:
        for name, case in full.items():
            image = case["float"][()].ravel()
            spread = np.arange(0, image.size, image.size // (PIXELS // 2))
            place = np.unique(np.concatenate([spread, np.argsort(image)[-PIXELS // 2 :]])).astype(np.int32)
            group = compact.create_group(name)
            group.attrs.update({key: case.attrs[key] for key in ("args", "about", "first") if key in case.attrs})
            group.attrs.update(shape=case["float"].shape, max=image.max(), sum=image.sum(dtype=np.float64))
            group.create_dataset("place", data=place, compression="gzip", shuffle=True)
            group.create_dataset("value", data=image[place], compression="gzip", shuffle=True)
            group.attrs["smv_header"] = case.attrs["smv_header"]
            if "int" in case:
                group.create_dataset("int", data=case["int"][()].ravel()[place])
                head = case["pgm"].size - image.size
                group.attrs["pgm_header"] = case["pgm"][:head].tobytes().decode()
                group.create_dataset("pgm", data=case["pgm"][head:][place])
            if "noise" in case:
                group.create_dataset("noise", data=case["noise"][()].ravel()[:NOISE], compression="gzip", shuffle=True)
    with zipfile.ZipFile(HERE / "inputs.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in sorted((source / "inputs").iterdir()):
            archive.writestr(zipfile.ZipInfo(f"inputs/{file.name}"), file.read_bytes(), zipfile.ZIP_DEFLATED, 9)


if __name__ == "__main__":
    main()
