"""Settings for all tests; pytest puts this folder on the path, so `oracle` and `scenes` can be imported anywhere."""

import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "nbnumba",
    deadline=None,  # the first example of a kind compiles
    derandomize=True,  # the same examples in every run
    database=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("nbnumba")


@pytest.fixture(scope="session")
def golden_inputs(tmp_path_factory):
    """Folder with the input files of the golden cases, in its folder `inputs`; not to be written to."""
    folder = tmp_path_factory.mktemp("golden")
    with zipfile.ZipFile(Path(__file__).parent / "golden" / "inputs.zip") as archive:
        archive.extractall(folder)
    return folder
