"""What docs/beams.md says: its code runs, and the pictures that stand there are small."""

import re
import shutil
from pathlib import Path

import pytest

from nbnumba import examples

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "beams.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    folder = tmp_path_factory.mktemp("beams")
    (folder / "nbnumba-demo").mkdir()
    shutil.copy(Path(examples.__file__).parent / "1orc.pdb.gz", folder / "nbnumba-demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        names = {}
        for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL):
            exec(block, names)
    return folder, names


def test_fractions_are_those_of_the_text(ran):
    assert ran[1]["fractions"] == pytest.approx([1.0, 1.0 / 2.0, 1.0 / 16.0])


def test_pictures_are_made_and_small(ran):
    shown = re.findall(r"\]\((beams/\w+\.png)\)", TEXT)
    assert len(shown) == 4
    for picture in shown:
        assert (ran[0] / Path(picture).name).stat().st_size > 1000
        assert (ROOT / "docs" / picture).stat().st_size < 150_000
