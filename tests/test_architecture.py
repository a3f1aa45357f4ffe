"""The shape of the code: small functions, small files, and nothing that runs what a file says."""

import ast
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = [*(ROOT / "nbnumba").rglob("*.py"), *(ROOT / "cli").rglob("*.py")]
TESTS = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]

FUNCTION, FILE, TEST_FILE = 40, 350, 650  # lines; of a function without its head and docstring

#: Functions that may be longer, and why.
LONG_FUNCTIONS = {
    ("nbnumba/_lowered.py", "_register_for_cuda"): "templates of intrinsics, which Numba takes in one registry",
    ("nbnumba/kernels/cuda.py", "sum_chunk"): "one kernel: threads share its arrays and wait for each other in it",
    ("nbnumba/compat/report.py", "settings"): "a table, a line for each row of what is printed",
}
#: Files that may be longer, and why.
LONG_FILES = {
    "nbnumba/_lowered.py": "the one file that holds code of LLVM",
    "nbnumba/model/experiment.py": "one class, with what follows from its parts",
    "tests/oracle.py": "the forward model again, which shares no code with anything",
}


def name_of(file):
    return file.relative_to(ROOT).as_posix()


def functions(file):
    return [x for x in ast.walk(ast.parse(file.read_text())) if isinstance(x, ast.FunctionDef | ast.AsyncFunctionDef)]


def length(function):
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def lengths():
    return [((name_of(file), each.name), length(each)) for file in PACKAGE for each in functions(file)]


def lines():
    return {name_of(file): len(file.read_text().splitlines()) for file in [*PACKAGE, *TESTS]}


def test_functions_are_small():
    found = lengths()
    assert {where for where, count in found if count > FUNCTION} == set(LONG_FUNCTIONS)
    assert statistics.median(count for _, count in found) <= 5


def test_files_are_small():
    most = {name: TEST_FILE if name.startswith("tests/") else FILE for name in lines()}
    assert {name for name, count in lines().items() if count > most[name]} == set(LONG_FILES)


def is_impure(node):
    """Whether a piece of code acts on something, where it should only compute."""
    acts = (ast.Global, ast.Nonlocal, ast.Try, ast.With, ast.Yield, ast.Await, ast.Delete)
    writes = isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del)
    talks = (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("print", "open", "input")
    )
    return isinstance(node, acts) or writes or talks


@pytest.mark.parametrize("code", ["x[0] = 1", "x.y = 1", "x[0] += 1", "print(x)", "del x"])
def test_what_acts_is_seen(code):
    assert any(map(is_impure, ast.walk(ast.parse(code))))


@pytest.mark.parametrize("file", sorted((ROOT / "nbnumba" / "physics").rglob("*.py")), ids=name_of)
def test_physics_computes_and_does_nothing_else(file):
    assert not [ast.unparse(node) for node in ast.walk(ast.parse(file.read_text())) if is_impure(node)]
