"""Arithmetic of drawn values: what it gives, and that nothing else is understood."""

import pytest
from recipes import BASE, recipe

import nbnumba as nb
from nbnumba.datasets.draw import draw
from nbnumba.datasets.expressions import evaluated, names_in
from nbnumba.datasets.recipe import Recipe

KNOWN = {"x": 3.0, "beam.flux": 1e12, "thickness": 0.02, "c": "a", "d.preset": "eiger2_1m"}


def value(text):
    return evaluated("here", text, KNOWN.__getitem__)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1e12 * thickness / 0.01", 2e12),
        ("beam.flux / 1e12 + x ** 2 - -1", 11.0),
        ("1 if x > 2 else 0", 1.0),
        ("1 if 1 < x <= 2 else 5", 5.0),
        ("max(x, 7, 2) + min(x, 1) + abs(-2)", 10.0),
        ("degrees(radians(30)) + sin(pi / 2) + cos(0) + tan(0)", 32.0),
        ("x * 2 if c == 'a' else -x", 6.0),
        ("1 if 'b' != c == 'a' else 0", 1.0),
        ("1 if d.preset == c else 2", 2.0),
        ("1 if c == 'A' else 1 if x == 3 else 0", 1.0),
        ("sqrt(16) + exp(0) + log(exp(2))", 7.0),
    ],
)
def test_arithmetic(text, expected):
    assert value(text) == pytest.approx(expected, rel=1e-12)


def test_values_may_follow_from_one_another_in_any_number():
    chain = "\n".join(f'a{i} = {{expression = "a{i + 1} + 1"}}' for i in range(1200))
    both = "\n".join(f'{x}{i} = {{expression = "0.5 * (c{i + 1} + d{i + 1})"}}' for i in range(60) for x in "cd")
    r = recipe(f"[draw]\n{chain}\na1200 = {{choice = [0]}}\n{both}\nc60 = {{choice = [1]}}\nd60 = {{choice = [3]}}\n")
    values = draw(r, 0).values
    assert (values["a0"], values["c0"]) == (1200.0, 2.0)


@pytest.mark.parametrize("deep", [lambda n: "-" * (n - 1) + "1", lambda n: "+".join(["1"] * n)])
def test_what_is_too_deep_is_refused_by_its_name(deep):
    assert abs(value(deep(100))) in (1.0, 100.0)
    for count in (101, 250):
        with pytest.raises(nb.NbnumbaError, match="here: found more than 100 parts in one another"):
            value(deep(count))


@pytest.mark.parametrize("text", ["c", "c + 1", "2 * c", "-c", "max(c, 1)", "1 if c < d.preset else 2", "1 if c else 0",
                                  "c == 3", "'3' == x", "c if x == 3 else 1", "1 if c == pi else 0"])  # fmt: skip
def test_texts_are_compared_and_nothing_else(text):
    with pytest.raises(nb.NbnumbaError, match=r"here: the expression .* has no value here: .*text"):
        value(text)


def test_values_may_follow_from_texts_that_are_drawn(tmp_path):
    for name in ("a.hkl", "b.hkl"):
        (tmp_path / name).write_text("1 0 0 10\n")
    text = "[draw]\nu = {uniform = [1, 2]}\nc = {choice = ['a', 'b']}\n"
    text += "s = {expression = \"u*2 if c=='a' else -u\"}\nt = {expression = \"1 if structure == 'b.hkl' else 0\"}\n"
    text += "[structures]\nfiles = ['a.hkl', 'b.hkl']\n"
    r = Recipe.from_toml(BASE + text, folder=tmp_path)
    for one in (draw(r, i) for i in range(8)):
        values = one.values
        assert values["s"] == (2 * values["u"] if values["c"] == "a" else -values["u"])
        assert values["t"] == one.structure
    with pytest.raises(nb.NbnumbaError, match="t: no value 'structure' is drawn"):
        recipe("[draw]\nt = {expression = \"1 if structure == 'b.hkl' else 0\"}\n")
    with pytest.raises(nb.NbnumbaError, match=r"s: .* a text is compared with a number"):
        recipe("[draw]\nc = {choice = [1, 'b']}\ns = {expression = \"1 if c == 1 else 0\"}\n")


def test_names():
    assert names_in("here", "1 if c == 'x' else 2") == {"c"}
    assert names_in("here", "max(beam.flux, x) if thickness > pi else 1") == {"beam.flux", "x", "thickness"}


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')", "open('f')", "x.__class__()", "(1).__class__", "[1, 2]", "x[0]", "lambda: 1",
        "'text'", "x < 'b'", "x == f'{x}'", "x == b'a'", "'a' + 'b' == x", "x == ('a')('b')", "max('a', x)",
        "True", "1j", "x; 1", "x = 1", "(y := 1)", "x and 1", "not x", "x // 2", "x % 2", "x @ x", "~1",
        "max()", "sqrt(1, 2)", "max(*x)", "max(x, key=abs)", "eval('1')", "f'{x}'", "{1: 2}", "x is x", "1 in x", "",
        "1" * 600, "(" * 300, "[i for i in x]", "await x", "...", "x\n+1", "\x00",
    ],
)  # fmt: skip
def test_what_is_no_arithmetic_is_refused(text):
    with pytest.raises(nb.NbnumbaError, match="here"):
        evaluated("here", text, lambda name: 1.0)


@pytest.mark.parametrize("text", ["1 / 0", "log(0)", "sqrt(-1)", "(-8) ** 0.5", "9 ** 9 ** 9 ** 9", "1e308 * 10"])
def test_no_number_is_refused(text):
    with pytest.raises(nb.NbnumbaError, match="here: the expression"):
        value(text)
