import contextlib
import errno
import os
import resource
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nbnumba import atomic
from nbnumba.atomic import check_writable, new_file
from nbnumba.errors import NbnumbaError
from nbnumba.outputs.hdf5 import new_hdf5

# Writes an HDF5 file of about 1 MB, then shows that nothing odd is said when the program ends.
WRITE = """
import gc, sys
import numpy as np
from nbnumba.errors import NbnumbaError
from nbnumba.outputs.hdf5 import new_hdf5

def add(file, i):
    file[f"part{i}"] = np.frombuffer(np.random.default_rng(i).bytes(50_000), np.uint8)
    file.flush()

handed_on = 0
try:
    with new_hdf5(sys.argv[1]) as use:
        for i in range(int(sys.argv[2])):
            use(add, i)
            handed_on += 1
except NbnumbaError as error:
    print(error)
gc.collect()
print(handed_on)
"""


def test_file_appears_when_the_block_has_ended(tmp_path):
    file = tmp_path / "out.txt"
    with new_file(file) as part:
        assert (part.parent, part.suffix) == (tmp_path, ".txt")
        assert part.name.startswith(".")
        assert str(os.getpid()) in part.name
        part.write_text("whole")
        assert not file.exists()
    assert file.read_text() == "whole"
    assert os.listdir(tmp_path) == ["out.txt"]


def test_two_who_write_one_file_at_a_time_do_not_meet(tmp_path):
    """Threads, or programs on two hosts that share a disk: the last one's file is there, and whole."""
    file = tmp_path / "out.txt"
    with new_file(file, overwrite=True) as first, new_file(file, overwrite=True) as second:
        assert first != second
        assert all(part.name.startswith(".out.") and f"-{os.getpid()}-" in part.name for part in (first, second))
        first.write_text("first")
        second.write_text("second")
    assert file.read_text() == "first"
    assert os.listdir(tmp_path) == ["out.txt"]


def write_half(file: Path, error: BaseException, overwrite: bool = False) -> None:
    with new_file(file, overwrite) as part:
        part.write_text("half")
        raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), ZeroDivisionError(), NbnumbaError()])
def test_failure_leaves_nothing_behind(tmp_path, error):
    with pytest.raises(type(error)):
        write_half(tmp_path / "out.txt", error)
    assert os.listdir(tmp_path) == []


def test_failure_leaves_the_old_file(tmp_path):
    file = tmp_path / "out.txt"
    file.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        write_half(file, KeyboardInterrupt(), overwrite=True)
    assert file.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.txt"]


def test_old_file_is_replaced_only_when_asked(tmp_path):
    file = tmp_path / "out.txt"
    file.write_text("old")
    with pytest.raises(NbnumbaError, match="exists already; add --overwrite"), new_file(file):
        pytest.fail("the work must not begin")
    with new_file(file, overwrite=True) as part:
        part.write_text("new")
    assert file.read_text() == "new"


def test_file_that_appears_meanwhile_is_kept(tmp_path):
    file = tmp_path / "out.txt"
    writing = new_file(file)
    writing.__enter__().write_text("mine")
    file.write_text("of someone else")
    with pytest.raises(NbnumbaError, match="exists already"):
        writing.__exit__(None, None, None)
    assert file.read_text() == "of someone else"
    assert os.listdir(tmp_path) == ["out.txt"]


def test_of_those_that_finish_at_once_one_gets_the_name(tmp_path, monkeypatch):
    file, everybody = tmp_path / "out.txt", threading.Barrier(4)

    def check(self, check=atomic._Files.check):
        check(self)
        everybody.wait()

    def write(text):
        with contextlib.suppress(NbnumbaError), new_file(file) as part:
            part.write_text(text)
            return text

    monkeypatch.setattr(atomic._Files, "check", check)
    with ThreadPoolExecutor(4) as pool:
        told = [text for text in pool.map(write, "abcd") if text]
    assert told == [file.read_text()]
    assert os.listdir(tmp_path) == ["out.txt"]


def test_files_get_their_names_where_there_are_no_links(tmp_path, monkeypatch):
    def link(*_):
        raise PermissionError

    monkeypatch.setattr(os, "link", link)
    with new_file(tmp_path / "out.txt") as part:
        part.write_text("new")
    assert os.listdir(tmp_path) == ["out.txt"]


@pytest.mark.parametrize(("overwrite", "naming"), [(False, "link"), (True, "replace")])
def test_what_is_named_is_on_the_disk_before_and_its_name_after(tmp_path, monkeypatch, overwrite, naming):
    calls = []

    def record(name, real):
        def call(first, *others):
            where = os.readlink(f"/proc/self/fd/{first}") if name == "fsync" else str(first)
            calls.append((name, "file" if where.endswith(".txt") else "folder"))
            return real(first, *others)

        monkeypatch.setattr(os, name, call)

    for name in ("fsync", "replace", "link"):
        record(name, getattr(os, name))
    with new_file(tmp_path / "out.txt", overwrite) as part:
        part.write_text("new")
    assert calls == [("fsync", "file"), (naming, "file"), ("fsync", "folder")]


def test_link_stays_a_link(tmp_path):
    (tmp_path / "far").mkdir()
    file, link = tmp_path / "far" / "file", tmp_path / "link"
    file.write_text("old")
    link.symlink_to(file)
    with new_file(link, overwrite=True) as part:
        part.write_text("new")
    assert link.is_symlink()
    assert file.read_text() == "new"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing/out.h5", "does not exist; make it"),
        ("file/out.h5", "is not a folder"),
        ("folder", "is a folder; name a file in it"),
        ("pipe", "neither a file nor free"),
        ("file", "exists already"),
        ("dangling", "exists already"),
    ],
)
def test_what_cannot_be_written_is_told_before_the_work(tmp_path, name, reason):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("old")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NbnumbaError, match=reason) as caught:
        check_writable(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def test_folder_that_is_not_writable(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    with pytest.raises(NbnumbaError, match="not writable"):
        check_writable(tmp_path / "out.h5")


def test_errors_about_other_files_are_not_ours(tmp_path):
    with pytest.raises(FileNotFoundError), new_file(tmp_path / "out.txt"):
        (tmp_path / "input").read_text()


@pytest.mark.parametrize("file", [None, "ours"])
def test_errors_of_the_file_system_are_told(tmp_path, file):
    with (
        pytest.raises(NbnumbaError, match=r"out\.txt: cannot be written \(No space"),
        new_file(tmp_path / "out.txt") as part,
    ):
        raise OSError(errno.ENOSPC, "No space left on device", file and str(part))
    assert os.listdir(tmp_path) == []


def run_script(script: str, file: Path, parts: int, **options) -> list[str]:
    command = [sys.executable, "-W", "error", "-c", script, str(file), str(parts)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, **options)
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout.splitlines()


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", folder], capture_output=True)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if mounted.returncode:
        pytest.skip("mounting a small file system is not permitted")
    yield folder
    subprocess.run(["umount", folder], check=True)


def check_refused(said: list[str], reason: str, folder: Path) -> None:
    message, handed_on = said
    assert f"{folder}/out.h5: cannot be written ({reason})" in message
    assert int(handed_on) < 10  # noticed at once, not at the end
    assert os.listdir(folder) == []


def test_full_disk(small_disk):
    check_refused(run_script(WRITE, small_disk / "out.h5", 20), "No space left on device", small_disk)


def test_limited_file_size(tmp_path):
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))  # noqa: E731
    check_refused(run_script(WRITE, tmp_path / "out.h5", 20, preexec_fn=limit), "File too large", tmp_path)


# The same, with the end of the space at every place of a small file: in its head, in data, in what is added on closing.
SWEEP = """
import gc, os, resource, sys
import numpy as np
from nbnumba.errors import NbnumbaError
from nbnumba.outputs.hdf5 import new_hdf5

def fill(file, n):
    file.create_group("group").attrs["name"] = "value"
    stack = file.create_dataset("data", (0, 50), "f8", maxshape=(None, 50), chunks=(1, 50), compression="gzip")
    for i in range(n):
        stack.resize(i + 1, axis=0)
        stack[i] = i

said = []
for limit in range(0, 12_000, 250):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        with new_hdf5(sys.argv[1]) as use:
            use(fill, int(sys.argv[2]))
    except NbnumbaError as error:
        said.append("File too large" in str(error))
        assert os.listdir(os.path.dirname(sys.argv[1])) == []
    else:
        break
gc.collect()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(len(said), all(said))
"""


def test_file_system_that_fails_anywhere(tmp_path):
    count, good = run_script(SWEEP, tmp_path / "out.h5", 9)[0].split()
    assert int(count) > 10
    assert good == "True"
    assert os.listdir(tmp_path) == ["out.h5"]


def test_interrupts_cannot_strike_within_hdf5(tmp_path):
    # Python handles signals in the main thread; one that is handled while HDF5 calls back to write ends in a crash.
    with new_hdf5(tmp_path / "out.h5") as use:
        assert use(lambda _: threading.current_thread()) is not threading.main_thread()
