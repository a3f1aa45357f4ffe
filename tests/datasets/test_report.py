"""Log and summary page of a data set: they tell what was made, and take no part in it."""

import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser

import numpy as np
import pytest
from making import make_set
from recipes import recipe

from nbnumba.datasets.histogram import bars, histogram
from nbnumba.datasets.log import FAILED, LOG, note, read_log
from nbnumba.datasets.master import content_hash, write_master
from nbnumba.datasets.report import write_report
from nbnumba.datasets.shard import shards, write_shard
from nbnumba.errors import NbnumbaError

VARIED = """
[vary]
"beam.flux" = {loguniform = [1e10, 1e11]}
"crystal.shape" = {choice = ["square", "square"]}
"""


def varied():
    return recipe(VARIED, **{"output__images_per_shard": 2, "hit": 0.8, "output.splits": {"train": 0.5, "test": 0.5}})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("set")
    make_set(varied(), folder)
    return folder, write_report(folder).read_text(encoding="utf-8")


# The log


def test_the_log_has_a_line_for_each_file(made):
    folder, _ = made
    lines = read_log(folder)
    assert [line["name"] for line in lines] == [shard.name for shard in shards(varied())]
    for line in lines:
        assert line["event"] == "made"
        assert line["device"] == "cpu"
        assert line["stop"] - line["first"] == 2
        assert line["recipe_hash"] == varied().hash
        assert sum(line["stages"].values()) > 0.0
        assert line["seconds"] > 0.0


def test_the_log_has_no_part_in_the_hash(made):
    folder, _ = made
    before = content_hash(folder)
    note(folder, "lost", name="shard-00001.h5")
    assert content_hash(folder) == before
    assert make_set(varied(), folder) == []


def test_lines_of_many_writers_do_not_mix(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: note(tmp_path, "made", name=str(i), text="x" * 3000), range(200)))
    assert sorted(int(line["name"]) for line in read_log(tmp_path)) == list(range(200))


def test_a_broken_line_is_passed_over(tmp_path):
    (tmp_path / LOG).write_text('{"event": "ma\n[1]\n' + json.dumps({"event": "made"}) + "\n")
    assert read_log(tmp_path) == [{"event": "made"}]


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path):
    (tmp_path / LOG).mkdir()
    assert write_shard(varied(), shards(varied())[0], tmp_path)["stop"] == 2


def test_a_file_that_could_not_be_made_is_in_log_and_page(tmp_path):
    text = (
        '[draw]\na = {grid = [0, 1]}\nb = {grid = [0, 1]}\n[vary]\n"beam.wavelength" = {expression = "1 - 2 * a * b"}\n'
    )
    impossible = recipe(text, output__images_per_shard=2)
    with pytest.raises(NbnumbaError, match="image 3"):
        make_set(impossible, tmp_path)
    assert [line["event"] for line in read_log(tmp_path)] == ["made", "failed"]
    write_master(tmp_path)
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert "Not there: shard-00001.h5, shard-00002.h5" in page
    assert "image 3: " in page
    assert "2 of 6" in page


def test_failures_that_were_made_good_are_marked(made, tmp_path):
    shutil.copytree(made[0], tmp_path / "set")
    for name in ("shard-00001.h5", "shard-00002.h5"):
        note(tmp_path / "set", FAILED, name=name, error="no room")
    (tmp_path / "set" / "shard-00002.h5").unlink()
    page = re.sub("<td[^>]*>", "|", write_report(tmp_path / "set").read_text(encoding="utf-8"))
    assert "shard-00001.h5</td>|no room</td>|made</td>" in page
    assert "shard-00002.h5</td>|no room</td>|</td>" in page


# The page


def test_the_page_is_of_what_is_there_now(made, tmp_path):
    shutil.copytree(made[0], tmp_path / "set")
    (tmp_path / "set" / "shard-00001.h5").unlink()
    page = write_report(tmp_path / "set").read_text(encoding="utf-8")
    assert "Not there: shard-00001.h5" in page
    assert "4 of 6" in page


class Outside(HTMLParser):
    """What a page takes from elsewhere, and whether its elements are closed."""

    def __init__(self, page):
        super().__init__()
        self.found, self.open = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ("src", "href") and not value.startswith("data:")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_needs_no_other_file(made):
    seen = Outside(made[1])
    assert seen.found == []
    assert seen.open == []
    assert "url(" not in made[1]
    assert "<script" not in made[1]


def test_the_page_tells_what_is_in_the_set(made):
    folder, page = made
    assert varied().hash in page
    assert content_hash(folder) in page
    assert page.count('src="data:image/png;base64,') == 6
    for said in (
        "6 of 6",
        "3 of 3",
        "beam.flux",
        "photons/s",
        "histogram of photons",
        "render",
        "[vary.&quot;beam.flux",
    ):
        assert said in page, said
    assert re.search(r"train \d", page)


def test_a_file_that_is_not_whole_is_missed(made, tmp_path):
    for path in made[0].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "shard-00001.h5").write_bytes(b"")
    write_master(tmp_path)
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert "Not there: shard-00001.h5<" in page
    assert "4 of 6" in page


def test_what_a_recipe_holds_is_text_on_the_page(tmp_path):
    hostile = recipe('[draw]\nx = {choice = ["<script>alert(1)</script>", "b"]}\n', count=2)
    make_set(hostile, tmp_path)
    assert "<script" not in write_report(tmp_path).read_text(encoding="utf-8")


def test_a_folder_without_a_data_set_has_no_page(tmp_path):
    with pytest.raises(NbnumbaError, match="no data set"):
        write_report(tmp_path)


# Histograms


def test_few_values_are_counted_one_by_one():
    found = bars(np.array([3, 1, 3, 3]))
    assert (found.texts, found.counts.tolist()) == (("1", "3"), [1, 3])
    assert bars(np.array([b"a", b"b", b"b"])).texts == ("b", "a")


def test_many_values_are_counted_in_ranges():
    values = np.linspace(0.0, 1.0, 1000)
    found = bars(values)
    assert found.counts.sum() == 1000
    assert np.ptp(found.counts) <= 2
    assert not found.logarithmic
    logarithmic = bars(10.0**values)
    assert logarithmic.logarithmic
    assert np.ptp(logarithmic.counts) <= 2


@pytest.mark.parametrize("values", [[], [np.nan, np.nan], [np.inf, 1.0, np.nan], [0.0] * 5])
def test_a_histogram_of_next_to_nothing_is_drawn(values):
    assert histogram("x", np.array(values, float)).endswith("</svg>")
