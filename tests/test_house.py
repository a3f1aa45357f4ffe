"""The rules of the house: style, types, and imports that run one way."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def check(*words):
    result = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("words", [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",)], ids=" ".join)
def test_tool_is_content(words):
    check(*words)


def test_imports_run_one_way():
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_physics_imports_only_its_like():
    allowed = {"math", "typing", "collections.abc", "nbnumba._jit", "nbnumba._lowered", "nbnumba.constants"}
    for file in (ROOT / "nbnumba" / "physics").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert name in allowed or name.startswith("nbnumba.physics"), f"{file.name} imports {name}"


#: Modules that turn what they read into code or objects.
EXECUTING = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "code", "codeop", "runpy"}
#: Where one of them is named all the same, and why.
HARMLESS = {
    "nbnumba/_run.py": "names an error that Numba's cache of compiled code may raise",
    "nbnumba/datasets/engines/worker.py": "looks whether an error of its own can go through a pipe",
}
#: Calls that run text as code, or as words of a shell.
RUNNING = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load", "pickle.load", "numpy.loads"}


def executed(tree):
    """What in a file runs code that could come from an input."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            yield from EXECUTING & {name.partition(".")[0] for name in modules}
        if isinstance(node, ast.Call):
            name, given = ast.unparse(node.func), {word.arg: ast.unparse(word.value) for word in node.keywords}
            if name in RUNNING or given.get("shell", "False") != "False":
                yield ast.unparse(node)
            if name in ("np.load", "numpy.load") and given.get("allow_pickle") != "False":
                yield ast.unparse(node)


def test_nothing_that_is_read_is_run():
    for folder in ("nbnumba", "cli"):
        for file in (ROOT / folder).rglob("*.py"):
            found, name = list(executed(ast.parse(file.read_text()))), str(file.relative_to(ROOT))
            assert bool(found) == (name in HARMLESS), f"{name}: {found}"


@pytest.mark.parametrize(
    "text",
    ["import pickle", "from pickle import loads", "import os.path, marshal", "eval(x)", "f(x, shell=True)",
     "os.system(x)", "np.load(x)", "np.load(x, allow_pickle=True)"],
)  # fmt: skip
def test_what_would_be_run_is_found(text):
    assert list(executed(ast.parse(text)))
