"""Pipes in the place of files: where text is read once they serve, else they are refused; nothing waits in silence."""

import os
import threading

import pytest
from click.testing import CliRunner
from nbnumba_cli.main import cli
from test_every_command import GOOD

import nbnumba as nb
from nbnumba.inputs import text

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")

TOML = GOOD.replace("default_f = 10.0", 'reflections = "PIPE"')


@pytest.fixture
def fed(tmp_path):
    """A function that makes a pipe into which some text is written once."""
    writers = []

    def make(name, content):
        os.mkfifo(tmp_path / name)
        writers.append(threading.Thread(target=(tmp_path / name).write_text, args=(content,), daemon=True))
        writers[-1].start()
        return tmp_path / name

    yield make
    for writer in writers:
        writer.join(10)


def run(*words):
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert done.exit_code == 0, done.exception


def test_an_experiment_and_its_reflections_may_come_through_pipes(fed, tmp_path):
    hkl = fed("hkl", "1 2 3 4.0\n2 3 4 5.0\n")
    toml = fed("toml", TOML.replace("PIPE", str(hkl)))
    run("simulate", toml, "-o", tmp_path / "a.h5")
    experiment, _ = nb.read_nexus(tmp_path / "a.h5")
    assert len(experiment.crystal.reflections) == 2
    assert nb.Experiment.from_toml(experiment.to_toml()) == experiment  # the pipe is not named in it


def test_files_that_a_piped_experiment_names_are_in_the_working_folder(fed, tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a.hkl").write_text("1 2 3 4.0\n")
    monkeypatch.chdir(tmp_path / "there")
    assert len(nb.Experiment.from_toml(fed("toml", TOML.replace("PIPE", "a.hkl"))).crystal.reflections) == 1


def test_flags_may_name_a_pipe(fed, tmp_path):
    hkl = fed("hkl", "1 2 3 4.0\n2 3 4 5.0\n")
    flags = f"-hkl {hkl} -cell 50 60 70 -N 5 -detpixels 8 -oversample 1 -nopgm -nonoise -dump /dev/null"
    names = f"-floatfile {tmp_path / 'f.bin'} -intfile {tmp_path / 'i.img'}"
    run("nanobragg", *flags.split(), *names.split())
    assert (tmp_path / "f.bin").stat().st_size == 4 * 8 * 8


def test_images_are_no_pipes(fed):
    with pytest.raises(nb.NbnumbaError, match="is a pipe, of which images cannot be read"):
        nb.read_image(fed("image", "\0" * 400))


def test_a_pipe_is_no_hdf5(tmp_path):
    os.mkfifo(tmp_path / "a.h5")
    with pytest.raises(nb.NbnumbaError, match="is a pipe, of which HDF5 cannot be read"):
        nb.read_nexus(tmp_path / "a.h5")


def test_one_that_nobody_writes_to_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "_PATIENCE", 0.05)
    os.mkfifo(tmp_path / "a.toml")
    told, messages = threading.Event(), []
    monkeypatch.setattr(text.log, "warning", lambda message: (messages.append(message), told.set()))
    reader = threading.Thread(target=text.read_bytes, args=(tmp_path / "a.toml",), daemon=True)
    reader.start()
    assert told.wait(10)
    assert messages == [f"Waiting for {tmp_path / 'a.toml'}, a pipe, to be written and closed."]
    (tmp_path / "a.toml").write_text("x")
    reader.join(10)
