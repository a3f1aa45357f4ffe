"""The benchmark's answers and checks; its times are nobody's business here."""

import json
import re
import stat
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from nbnumba_cli.main import cli
from slow import few

import nbnumba as nb
from nbnumba.bench import measure
from nbnumba.bench.measure import prepared
from nbnumba.bench.workloads import WORKLOADS


def bench(*words):
    return CliRunner().invoke(cli, ["bench", *map(str, words)])


@pytest.mark.parametrize("name", few(WORKLOADS, ["published", "mosaic", "everything", "gauss"]))
def test_every_workload_agrees_with_plain_python(name):
    result = bench("--workload", name, "--sizes", 12, "--repeats", 1, "--json")
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)["rows"]
    assert row["warm"]["error_of_maximum"] < 1e-6
    assert row["warm"]["steps_per_second"] > 0


@pytest.mark.parametrize("precision", ["double", "mixed"])
def test_plain_python_gives_the_image(precision):
    with prepared("everything", 6, precision, 1) as job:
        experiment = job.experiment()
        image = nb.simulate(experiment, precision=precision)
        plain = [[[*nb.walk(experiment, slow, fast)][-1].sum for fast in range(6)] for slow in range(6)]
    np.testing.assert_allclose(image, plain, atol=1e-6 * image.max(), rtol=0)


def test_table_and_details_are_printed():
    result = bench(
        "--workload", "published", "--sizes", "16,24", "--repeats", 1, "--scaling", "--profile", "--processes", 1
    )
    assert result.exit_code == 0, result.output
    for word in ("| published | 16^2 |", "24^2", "threads", "kernel", "writing", "CV", "MiB"):
        assert word in result.stdout


def test_the_profile_has_no_threads_or_precision_of_its_own():
    for extra in (["--threads", 1], ["--precision", "mixed"]):
        result = bench("--workload", "published", "--sizes", 16, "--profile", *extra)
        assert isinstance(result.exception, nb.NbnumbaError)
        assert "--profile" in str(result.exception)


def test_scaling_refuses_images_that_depend_on_threads(monkeypatch):
    right = measure.simulate

    def wrong(*words, threads, **how):
        image = right(*words, **how)
        image += threads
        return image

    monkeypatch.setattr(measure, "simulate", wrong)
    with prepared("published", 8, "double", 2) as job, pytest.raises(nb.NbnumbaError, match="threads make another"):
        measure.scaling(job, 1)


def test_a_wrong_image_fails_the_benchmark(monkeypatch):
    right = measure.simulate
    monkeypatch.setattr(measure, "simulate", lambda *words, **how: right(*words, **how) * 1.00001)
    result = bench("--workload", "mosaic", "--sizes", 12, "--repeats", 1)
    assert isinstance(result.exception, nb.NbnumbaError)
    assert "no figure counts" in str(result.exception)


def test_a_dark_image_with_a_right_peak_fails_the_benchmark(monkeypatch):
    right = measure.simulate

    def blank(*words, **how):
        image = right(*words, **how)
        image[image < image.max()] = 0.0
        return image

    monkeypatch.setattr(measure, "simulate", blank)
    result = bench("--workload", "gauss", "--sizes", 64, "--repeats", 1)
    assert isinstance(result.exception, nb.NbnumbaError)
    assert "no figure counts" in str(result.exception)


def program(folder, text):
    file = folder / "program"
    file.write_text(f"#!{sys.executable}\n{text}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


OURS = """
import sys
import nbnumba as nb
from nbnumba.outputs.raw import write_raw
write_raw("floatimage.bin", nb.simulate(nb.from_nanobragg(sys.argv[1:])) * FACTOR, overwrite=True)
"""


@pytest.mark.parametrize(("factor", "part"), [("1.0", None), ("1.001", "images differ"), ("float('nan')", "no pixel")])
def test_the_reference_has_to_give_the_same_image(factor, part, tmp_path):
    file = program(tmp_path, OURS.replace("FACTOR", factor))
    result = bench("--workload", "mosaic", "--sizes", 10, "--repeats", 1, "--reference", file, "--json")
    if part is None:
        found = json.loads(result.stdout)["rows"][0]["reference"]
        assert found["largest_difference_of_maximum"] < 1e-6
        assert found["ratio"] > 0
    else:
        assert part in str(result.exception)


SPOILT = """
import sys
from pathlib import Path
import numpy as np
file = Path("floatimage.bin")
if not file.exists():
    np.random.default_rng().random((10, 10), dtype=np.float32).tofile(file)
"""


@pytest.mark.parametrize("workload", ["mosaic"])
def test_a_reference_that_is_no_nanobragg_is_refused(workload, tmp_path):
    for text, part in ((SPOILT, "images|bytes"), ("", "wrote 0 bytes")):
        file = program(tmp_path, text)
        result = bench("--workload", workload, "--sizes", 10, "--repeats", 2, "--reference", file)
        assert re.search(part, str(result.exception))
    (tmp_path / "text").write_text("no program")
    result = bench("--workload", workload, "--sizes", 10, "--repeats", 1, "--reference", tmp_path / "text")
    assert "give a nanoBragg executable" in str(result.exception)


def test_what_was_measured_before_a_failure_is_printed(monkeypatch):
    right = measure.warm

    def once(job, repeats):
        if job.pixels == 9:
            raise nb.NbnumbaError("enough")
        return right(job, repeats)

    monkeypatch.setattr(measure, "warm", once)
    result = bench("--workload", "published", "--sizes", "8,9", "--repeats", 1)
    assert "| published | 8^2 |" in result.stdout


def test_mixed_precision_is_compared(monkeypatch):
    result = bench("--workload", "mosaic", "--sizes", 8, "--repeats", 1, "--mixed")
    assert "mixed precision" in result.stdout


def test_fresh_processes_have_to_give_the_same_image(monkeypatch):
    right = measure.simulate
    monkeypatch.setattr(measure, "simulate", lambda *words, **how: right(*words, **how) + 1)
    with prepared("published", 8, "double", 1) as job, pytest.raises(nb.NbnumbaError, match="another image"):
        measure.fresh(job, 1)


def test_a_failing_reference_is_told(tmp_path):
    file = program(tmp_path, "raise SystemExit(3)")
    result = bench("--workload", "published", "--sizes", 10, "--repeats", 1, "--reference", file)
    assert "exit code 3" in str(result.exception)


@pytest.mark.parametrize("sizes", ["x", "0", "16,", "-5"])
def test_bad_sizes_are_refused(sizes):
    assert "--sizes" in str(bench("--workload", "published", "--sizes", sizes).exception)
