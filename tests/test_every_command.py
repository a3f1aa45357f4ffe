"""What holds for all commands: help, variables, JSON, how much they say, and how they end. New ones are walked too."""

import inspect
import json
import os
import re
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from nbnumba_cli.equip import SHARED
from nbnumba_cli.main import COMMANDS, cli, main

ROOT = Path(__file__).parents[1]
#: Commands whose words are nanoBragg's: their help lists flags.
AS_THEY_ARE = {"nanobragg"}
#: Commands that print no results: a script, a help text, what a C program prints.
WITHOUT_JSON = {"completion", "help", "nanobragg"}
#: One of these stands in the help of an option that takes a number with a decimal point.
UNITS = re.compile(
    r"\[[^]]+\]|degrees|pixels|photons|\bmm\b|\bA\b|fraction|standard deviation|\bunits?\b|of the loss|seconds", re.I
)

GOOD = """
[crystal]
cell = [50.0, 60.0, 70.0, 90.0, 90.0, 90.0]
cells = [3, 3, 3]
default_f = 10.0
[beam]
wavelength = 1.0
[detector]
pixels = [20, 30]
pixel_size = 0.5
distance = 100.0
[sampling]
oversample = 1
"""


@pytest.fixture
def toml(tmp_path):
    file = tmp_path / "good.toml"
    file.write_text(GOOD)
    return file


def invoke(*words, **environment):
    return CliRunner().invoke(cli, [str(word) for word in words], env=environment)


def run(*words):
    words = [sys.executable, "-m", "nbnumba_cli", *map(str, words)]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def fails(monkeypatch, capsys):
    """The whole program within this process: what it prints before it exits with 2."""

    def call(*words, **environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        signs = {sign: signal.getsignal(sign) for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
        try:
            with pytest.raises(SystemExit) as ended:
                main([str(word) for word in words])
        finally:
            for sign, action in signs.items():
                signal.signal(sign, action)
        assert ended.value.code == 2
        return capsys.readouterr()

    return call


def command_named(name):
    return cli.get_command(click.Context(cli), name)


def options_of(name):
    return [each for each in command_named(name).params if isinstance(each, click.Option)]


@pytest.fixture(params=COMMANDS)
def name(request):
    return request.param


# ---- help


def test_help_has_summary_examples_environment_and_exit_codes(name):
    text = invoke(name, "--help", COLUMNS="100").stdout
    assert text.startswith(f"Usage: cli {name}")
    assert re.search(r"\n  Examples?[^\n]*:\n    nbnumba ", text), f"{name}: add '\\b Examples:' to the docstring"
    if name not in AS_THEY_ARE:
        assert "Environment:" in text
        assert "Exit codes:" in text


def test_summary_is_one_line(name):
    doc = inspect.cleandoc(command_named(name).callback.__doc__)
    assert doc.splitlines()[0].endswith((".", ":")), f"{name}: end the first line of the docstring with a full stop"
    assert len(COMMANDS[name][1]) < 80, f"{name}: shorten its line in COMMANDS"


def test_help_fits_into_a_hundred_columns(name):
    wide = [line for line in invoke(name, "--help").stdout.splitlines() if len(line) >= 100]
    assert not wide, f"{name}: break these lines of its help: {wide}"


def test_every_option_has_a_help_text(name):
    bare = [each.opts[-1] for each in options_of(name) if not each.help]
    assert not bare, f"{name}: add help= to {bare}"


def takes_a_fraction(option):
    kinds = option.type.types if isinstance(option.type, click.Tuple) else [option.type]
    return any(isinstance(kind, click.types.FloatParamType | click.FloatRange) for kind in kinds)


def test_numbers_have_units(name):
    bare = [
        each.opts[-1]
        for each in options_of(name)
        if takes_a_fraction(each) and not UNITS.search(f"{each.metavar} {each.help}")
    ]
    assert not bare, f"{name}: name the unit in the help of {bare}, as in '[mm]', or say what it is a fraction of"


@pytest.mark.parametrize("word", ["nan", "inf", "-inf"])
def test_numbers_of_options_are_finite(name, word):
    command = command_named(name)
    for option in filter(takes_a_fraction, options_of(name)):
        if not isinstance(option.type, click.Tuple):  # which the library checks
            with pytest.raises(click.BadParameter):
                option.process_value(click.Context(command), word)


def test_help_by_command_flag_and_letter_is_the_same(name):
    text = invoke("help", name).stdout
    assert text == invoke(name, "--help").stdout == invoke(name, "-h").stdout


def test_help_without_a_command_lists_all():
    assert invoke("help").stdout == invoke("--help").stdout == invoke("-h").stdout
    assert all(re.search(rf"^  {name} ", invoke("help").stdout, re.M) for name in COMMANDS)


def test_words_that_are_no_command_get_the_nearest():
    for words in (["simulat"], ["help", "simulat"]):
        result = invoke(*words)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "Did you mean 'simulate'?" in result.stderr
    assert "There is: bench, " in invoke("xyz").stderr


def test_nothing_at_all_shows_the_help():
    result = invoke()
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Commands:" in result.stderr


def test_a_module_names_itself_in_its_usage():
    result = run("simulate", "--nothing")
    assert result.returncode == 2
    assert result.stderr.startswith("Usage: python -m nbnumba_cli simulate ")
    assert run("--version").stdout.startswith("nbnumba, version ")


# ---- variables of the environment


def test_every_option_has_a_variable(name):
    for option in options_of(name):
        word = max(option.opts, key=len).lstrip("-")
        expected = [f"NBNUMBA_{name}_{word}".replace("-", "_").upper()]
        if word in SHARED:
            expected.append(f"NBNUMBA_{word}".upper())
        assert option.envvar == expected


def test_variables_are_taken_and_the_command_line_goes_first(toml, tmp_path):
    output = tmp_path / "a.h5"
    given = {"NBNUMBA_SIMULATE_SET": "beam.wavelength=1.5 crystal.misset=1,2,3", "NBNUMBA_SIMULATE_OUTPUT": str(output),
             "NBNUMBA_SIMULATE_JSON": "1", "NBNUMBA_THREADS": "1"}  # fmt: skip
    report = json.loads(invoke("simulate", toml, **given).stdout)
    assert report["wavelength_A"] == 1.5
    assert output.exists()
    words = ["simulate", toml, "--overwrite", "--set", "beam.wavelength=1.2"]
    assert json.loads(invoke(*words, **given).stdout)["wavelength_A"] == 1.2


@pytest.mark.parametrize("variable", ["NBNUMBA_THREADS", "NBNUMBA_SIMULATE_THREADS"])
@pytest.mark.parametrize("value", ["many", "4000"])
def test_bad_values_name_their_variable(variable, value, toml, tmp_path, fails):
    assert f"{variable}={value}" in fails("simulate", toml, "-o", tmp_path / "a.h5", **{variable: value}).err


def test_a_variable_of_the_command_goes_before_that_of_all(toml, tmp_path, fails):
    both = {"NBNUMBA_DEVICE": "abacus", "NBNUMBA_SIMULATE_DEVICE": "slide rule"}
    errors = fails("simulate", toml, "-o", tmp_path / "a.h5", **both).err
    assert "NBNUMBA_SIMULATE_DEVICE=slide rule" in errors
    assert "abacus" not in errors


def test_errors_name_every_variable_that_an_option_was_taken_from(tmp_path, fails):
    given = {"NBNUMBA_THREADS": "1", "NBNUMBA_SIMULATE_IMAGES": "2", "NBNUMBA_SIMULATE_OUTPUT": "other.h5"}
    errors = fails("simulate", tmp_path / "none.toml", "-o", tmp_path / "a.h5", **given).err
    assert "NBNUMBA_SIMULATE_IMAGES=2" in errors
    assert "NBNUMBA_THREADS=1" in errors
    assert "other.h5" not in errors  # the command line told it


def test_threads_for_all_commands_are_not_meant_for_a_gpu():
    simulate = command_named("simulate")
    for words, variable, threads in (
        (["--device", "cuda"], "2", None),
        (["--device", "cpu"], "2", 2),
        (["--device", "cuda", "--threads", "1"], "2", 1),  # refused later, as it was asked for
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("NBNUMBA_THREADS", variable)
            ctx = simulate.make_context("simulate", ["a.toml", "-o", "a.h5", *words])
        assert ctx.params["threads"] == threads


# ---- one JSON object


def test_every_command_with_results_has_json(name):
    has = any("--json" in each.opts for each in options_of(name))
    assert has != (name in WITHOUT_JSON), f"{name}: add @options.as_json, or list it in WITHOUT_JSON"


WORDS = {
    "bench": ("--workload", "published", "--sizes", "16", "--repeats", "1"),
    "check": ("{image}",),
    "compare": ("{image}", "{image}"),
    "convert": ("{image}", "{folder}/a.png"),
    "dataset": ("{recipe}", "-o", "{folder}/set"),
    "demo": ("-o", "{folder}/demo"),
    "derivatives": ("{toml}",),
    "info": (),
    "refine": ("{toml}", "{image}", "--parameter", "spot_scale", "-o", "{folder}/r.toml", "--loss", "least-squares"),
    "simulate": ("{toml}", "-o", "{folder}/b.h5"),
    "trace": ("{toml}", "--pixel", "3", "4"),
    "view": ("{image}", "-o", "{folder}/v.png"),
}
MORE_WORDS = [
    ("derivatives", "{toml}", "--parameter", "cell_a", "-o", "{folder}/d.h5"),
    ("dataset", "{recipe}", "--dry-run"),
    ("info", "{toml}", "--geometry"),
    ("info", "{image}"),
    ("convert", "{image}", "{folder}/a.expt"),
    ("trace", "{toml}", "--pixel", "3", "4", "--compare", "{toml}"),
    ("trace", "{toml}", "--region", "3", "5", "4", "6"),
]


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    folder = tmp_path_factory.mktemp("json")
    (folder / "good.toml").write_text(GOOD)
    (folder / "recipe.toml").write_text('count = 2\norientation = "uniform"\nbase = "good.toml"\n')
    found = {"folder": folder, "toml": folder / "good.toml", "image": folder / "a.h5", "recipe": folder / "recipe.toml"}
    assert invoke("simulate", found["toml"], "-o", found["image"]).exit_code == 0
    return found


def test_words_for_every_command_with_json():
    missing = set(COMMANDS) - WITHOUT_JSON - set(WORDS)
    assert not missing, f"add to WORDS how {', '.join(missing)} can be called"


@pytest.mark.parametrize("words", [(name, *words) for name, words in WORDS.items()] + MORE_WORDS, ids=" ".join)
def test_json_is_all_that_stdout_holds(words, places):
    result = invoke(*(word.format(**places) for word in words), "--json")
    assert result.exit_code == 0, result.stderr
    assert isinstance(json.loads(result.stdout, parse_constant=pytest.fail), dict)


def test_errors_stay_on_stderr_with_json(tmp_path, fails):
    out, errors = fails("trace", tmp_path / "none.toml", "--pixel", 1, 2, "--json")
    assert out == ""
    assert "none.toml" in errors


# ---- how much is said


LOG = ("good.toml: an experiment", "rendering 600 pixels of 20 x 30", "wrote ")


@pytest.mark.parametrize("words", [("-v", "simulate"), ("simulate", "-v")], ids=" ".join)
def test_verbose_before_or_after_the_command(words, toml, tmp_path):
    result = invoke(*words, toml, "-o", tmp_path / "a.h5", "--json")
    assert all(part in result.stderr for part in LOG)
    assert re.search(r"rendering .* double precision: \d+\.\d+ s\n", result.stderr)
    assert "..." not in result.stderr  # what begins is told from -vv on
    json.loads(result.stdout)
    quiet = invoke("simulate", toml, "-o", tmp_path / "b.h5")
    assert not any(part in quiet.stderr for part in LOG)


def test_very_verbose_names_the_modules(toml, tmp_path):
    for words in (["-v", "simulate", "-v"], ["simulate", "-vv"]):
        result = invoke(*words, toml, "-o", tmp_path / "a.h5", "--overwrite")
        assert "nbnumba.simulation: rendering 600 pixels of 20 x 30 in 1 steps each on cpu" in result.stderr
        assert "double precision ...\n" in result.stderr


def test_loops_are_told_when_they_are_made_ready(toml, tmp_path):
    lines = run("simulate", toml, "-v", "-o", tmp_path / "a.h5").stderr
    assert re.search(r"^loops (compiled|loaded from the cache): render_row, render_rows$", lines, re.M)


def test_quiet_leaves_out_progress_and_notes_but_no_error(toml, tmp_path, fails):
    words = ["simulate", toml, "--set", "sampling.oversample=auto", "--set", "sampling.tolerance=0.5"]
    trace = ["trace", *words[1:], "--pixel", "3", "4"]
    assert "Note: " in invoke(*trace).stderr
    assert invoke("-q", *trace).stderr == invoke(*trace, "-q").stderr == ""
    assert "Rendering" in invoke(*words, "-o", tmp_path / "a.h5").stderr
    assert invoke(*words, "-q", "-o", tmp_path / "b.h5").stderr == ""
    assert "Error" in fails("-q", "simulate", tmp_path / "none.toml", "-o", tmp_path / "c.h5").err


def test_quiet_leaves_warnings(toml, tmp_path):
    result = run("simulate", "-q", toml, "-o", tmp_path / "a.h5", "--set", "crystal.default_f=0")
    assert result.stderr == "Warning: the image is zero: the crystal has neither reflections nor a default_f\n"


def test_quiet_and_verbose_at_once_are_refused_but_not_from_the_environment(toml, tmp_path):
    result = invoke("-q", "simulate", toml, "-v", "-o", tmp_path / "a.h5")
    assert result.exit_code == 2
    assert "-q: found beside -v" in result.stderr
    assert "wrote " in invoke("simulate", toml, "-v", "-o", tmp_path / "a.h5", NBNUMBA_QUIET="1").stderr
    assert "wrote " in invoke("info", toml, "--png", tmp_path / "a.png", NBNUMBA_VERBOSE="1").stderr


def test_the_library_prints_nothing():
    for file in (path for path in sorted((ROOT / "nbnumba").rglob("*.py")) if path.name != "child.py"):
        assert not re.search(r"(?<!\.)\bprint\(", file.read_text()), f"{file}: tell it through logging"


# ---- how they end

ENDING = r"""
import importlib, json, os, signal, sys, time
from nbnumba_cli.main import COMMANDS, main
for module, _ in COMMANDS.values():
    importlib.import_module(module)
folder, found = sys.argv[1], {}
os.chdir(folder)
for number, (name, *words) in enumerate(json.loads(sys.argv[2])):
    pipe, sign = f"pipe{number}", (signal.SIGINT, signal.SIGTERM)[number % 2]
    os.mkfifo(pipe)
    child = os.fork()
    if child == 0:
        os.dup2(os.open("errors", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
        main([name, *(word.replace("PIPE", pipe) for word in words)])
    with open(pipe, "wb"):  # waits until the command reads, and keeps it waiting for content
        time.sleep(0.05)
        os.kill(child, sign)
        found[name] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(json.dumps(found))
"""
WAITING = [
    ("dataset", "PIPE", "-o", "out"),
    ("derivatives", "PIPE"),
    ("info", "PIPE"),
    ("nanobragg", "-mat", "PIPE", "-N", "1", "-lambda", "1"),
    ("refine", "PIPE", "b.h5", "--parameter", "cell_a", "-o", "out.toml"),
    ("simulate", "PIPE", "-o", "out.h5"),
    ("trace", "PIPE", "--pixel", "1", "2"),
]
#: Commands that wait for no input: those that end at once (a pipe is no image), and two that render, as simulate does.
ENDING_OTHERWISE = {"bench", "check", "compare", "completion", "convert", "demo", "help", "view"}


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_every_command_can_be_interrupted(tmp_path):
    missing = set(COMMANDS) - {name for name, *_ in WAITING} - ENDING_OTHERWISE
    assert not missing, f"add to WAITING how {', '.join(missing)} can be made to wait for an input file"
    result = subprocess.run(
        [sys.executable, "-c", ENDING, str(tmp_path), json.dumps(WAITING)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert json.loads(result.stdout) == {name: 130 for name, *_ in WAITING}, (tmp_path / "errors").read_text()
    assert "Traceback" not in (tmp_path / "errors").read_text()
    assert not [file.name for file in tmp_path.iterdir() if "out" in file.name]


#: Has Ctrl-C strike while a module is looked for.
STRIKING = """
import os, signal, sys
from nbnumba_cli.start import main
name = sys.argv.pop(1)
class Striker:
    def find_spec(found, *_):
        if found == name:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Striker)
main()
"""


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
@pytest.mark.parametrize("module", ["click", "numpy", "numba", "llvmlite.binding"])
def test_an_interrupt_while_modules_are_read_is_told_in_a_line(module, toml, tmp_path):
    words = [sys.executable, "-c", STRIKING, module, "simulate", str(toml), "-o", str(tmp_path / "a.h5")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 130, done.stderr
    assert re.search(r"^Interrupted: [a-z -]+\.\n\Z", done.stderr, re.M), done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "a.h5").exists()


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_a_rendering_demo_can_be_interrupted(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "nbnumba_cli", "demo", "-o", tmp_path / "demo"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline().startswith("Rendering")
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert {file.name for file in (tmp_path / "demo").iterdir()} == {"demo.toml", "1orc.pdb.gz"}
