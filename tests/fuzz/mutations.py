"""Damage to inputs: bytes, numbers, tokens and lines of what was good, and values in trees (TOML, JSON, HDF5)."""

import contextlib
import io
import re
import struct

import h5py
import numpy as np

#: What stands where a number was.
NUMBERS = (
    b"0", b"-1", b"1", b"-0", b"1e9", b"1000000000", b"-1000000000", b"2147483647", b"4294967296", b"1000000", b"1e308",
    b"1e400", b"-1e400", b"1e-400", b"nan", b"-nan", b"inf", b"-inf", b"0x10", b"1_0", b"9" * 30, b"9" * 5000,
    b"1e999999999",
    b".", b"-", b"1.5", b"32768", b"-32768", b"0.3", "\u0663".encode(), "\uff11".encode(), b"",
)  # fmt: skip
#: What is put between other things.
TOKENS = (
    b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\n", b"\r", b"\t", b" " * 300, b"#", b"'", b'"', b"{", b"}", b"[" * 2000,
    b"=", b";",
    b"\x0c", b"\x1a", b"..", b"/", b"../../x", b"\x85", "\u2028".encode(), "\ud800".encode("utf-8", "surrogatepass"),
    b"%s",
    b"data_", b"loop_", b"_", b"None", b"true", b"\x1b[31m",
)  # fmt: skip
_WHOLE = (0, 1, -1, 2**15, 2**31 - 1, -(2**31), 10**9, 10**6, 255, 2**16 - 1)
_NUMBER = re.compile(rb"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")
_TOKEN = re.compile(rb"[^\s,;=]+")
_ENDS = (b"\r\n", b"\r", b"", b"\n\n", b" \n", b"\x0b")

#: What stands where a value of a tree was.
VALUES = (
    0, -1, 1, 2, 1.5, 10**6, 10**9, 2**31, 2**53, 2**63, 2**64, 10**30, -(10**9), 1e-300, 1e308, 1e200, float("nan"),
    float("inf"),
    -0.0, "", "a", "nan", "\0", "x" * 5000, "../x", "/dev/null", "auto", True, False, [], [0], [1, 2, 3], [1e308] * 3,
    [[]], [[1, 2], [3]],
    [1, 2, 3, 90, 90, 90], [0, 0, 0], ["a"], {}, {"file": "a"}, {"file": ""}, {"a": 1}, [{}], [None],
)  # fmt: skip


def damaged(chosen, seeds):
    """One of some contents, changed in one place or in several."""
    content = chosen.choice(seeds)
    for _ in range(chosen.choice((1, 1, 1, 2, 3, 6))):
        content = chosen.choice(_WAYS)(chosen, content, seeds)
    return content[:200_000]


def _flip(chosen, content, seeds):
    changed = bytearray(content)
    for _ in range(chosen.choice((1, 1, 4, 20))):
        if changed:
            changed[chosen.randrange(len(changed))] = chosen.randrange(256)
    return bytes(changed)


def _early(chosen, content, seeds):
    """A byte of the head, where formats tell their sizes."""
    changed = bytearray(content)
    if changed:
        changed[chosen.randrange(min(len(changed), 600))] = chosen.choice((0, 1, 32, 48, 57, 127, 128, 255))
    return bytes(changed)


def _cut(chosen, content, seeds):
    return content[: chosen.randrange(len(content) + 1)]


def _range(chosen, content, longest):
    first = chosen.randrange(len(content) + 1)
    return first, min(first + chosen.randrange(1, longest), len(content))


def _leave_out(chosen, content, seeds):
    first, last = _range(chosen, content, 200)
    return content[:first] + content[last:]


def _repeat(chosen, content, seeds):
    first, last = _range(chosen, content, 200)
    return content[:last] + content[first:last] * chosen.choice((1, 2, 50)) + content[last:]


def _splice(chosen, content, seeds):
    other = chosen.choice(seeds)
    return content[: chosen.randrange(len(content) + 1)] + other[chosen.randrange(len(other) + 1) :]


def _number(chosen, content, seeds):
    return _replaced(chosen, content, _NUMBER, NUMBERS)


def _token(chosen, content, seeds):
    return _replaced(chosen, content, _TOKEN, _TOKEN.findall(chosen.choice(seeds)) or TOKENS)


def _replaced(chosen, content, pattern, others):
    found = list(pattern.finditer(content))
    if not found:
        return content
    place = chosen.choice(found)
    return content[: place.start()] + chosen.choice(others) + content[place.end() :]


def _insert(chosen, content, seeds):
    place = chosen.randrange(len(content) + 1)
    return content[:place] + chosen.choice(TOKENS + NUMBERS) + content[place:]


def _lines(chosen, content, seeds):
    lines = content.split(b"\n")
    i, j = chosen.randrange(len(lines)), chosen.randrange(len(lines))
    lines[i], lines[j] = chosen.choice(((lines[j], lines[i]), (lines[j], lines[j]), (b"", lines[j])))
    return b"\n".join(lines)


def _ends(chosen, content, seeds):
    return content.replace(b"\n", chosen.choice(_ENDS))


def _word(chosen, content, seeds):
    """A binary number of 2, 4 or 8 bytes, on an even place."""
    value, kind = chosen.choice(_WHOLE), chosen.choice(["<h", ">h", "<i", ">i", "<q", "<f", "<d"])
    packed = struct.pack(kind, value) if kind[1] in "fd" or abs(value) < 2**15 else struct.pack("<q", value)[:4]
    place = 2 * chosen.randrange(len(content) // 2 + 1)
    return content[:place] + packed + content[place + len(packed) :]


_WAYS = (
    _flip,
    _early,
    _cut,
    _leave_out,
    _repeat,
    _splice,
    _number,
    _number,
    _number,
    _token,
    _token,
    _insert,
    _lines,
    _ends,
    _word,
)


def altered(chosen, tree):
    """Nested tables and lists with strange values, keys left out, doubled or under another name."""
    for _ in range(chosen.choice((1, 1, 1, 2, 4))):
        tree = _altered(chosen, tree)
    return tree


def _altered(chosen, tree):
    if not isinstance(tree, dict | list) or not tree or chosen.random() < 0.05:
        return chosen.choice(VALUES)
    found = dict(tree) if isinstance(tree, dict) else list(tree)
    key = chosen.choice(list(found) if isinstance(found, dict) else range(len(found)))
    way = chosen.random()
    if way < 0.6:
        found[key] = _altered(chosen, found[key])
    elif way < 0.7:
        del found[key]
    elif isinstance(found, dict):
        found[chosen.choice(("x", "", "file", "preset", str(key) + "s", *found))] = found[key]
    else:
        found = chosen.choice((found * 2, found[:1], [found], [*found, chosen.choice(VALUES)]))
    return found


#: What stands in the place of a dataset or an attribute.
STRANGE = (
    "some text", "", np.bytes_(b"\xff\xfe"), np.arange(3.0), np.nan, np.zeros(0), np.zeros(0, "S3"), h5py.Empty("f8"),
    np.ones((1, 2, 2, 2)), np.zeros(2, [("a", "i4"), ("b", "f8")]), 1j, 2**62, -1, 0, 1e308, np.inf, np.zeros((2, 3)),
    "../x",
    np.int32([10**6, 10**6]), np.full(3, 1e200), True, np.array(["a", "b"], "S1"), "m", "deg", ".", "..", "/",
)  # fmt: skip


def damaged_hdf5(chosen, seeds):
    """A file whose datasets and attributes are of another kind, shape or size, are missing, or are links."""
    stream = io.BytesIO(chosen.choice(seeds))
    with h5py.File(stream, "r+") as file:
        names = []
        file.visit(names.append)
        for name in chosen.sample(names, min(len(names), chosen.choice((1, 1, 2, 3)))):
            way = chosen.choice((_value, _value, _attribute, _attribute, _huge, _link, _gone))
            with contextlib.suppress(LookupError, OSError, RuntimeError, ValueError):  # a link led it elsewhere
                way(chosen, file, name, names)
    return stream.getvalue()


def _value(chosen, file, name, names):
    attributes = dict(file[name].attrs)
    del file[name]
    file[name] = chosen.choice(STRANGE)
    file[name].attrs.update(attributes)


def _attribute(chosen, file, name, names):
    known = list(file[name].attrs) or ["units"]
    file[name].attrs[chosen.choice(known)] = chosen.choice(STRANGE)


def _huge(chosen, file, name, names):
    """A shape that tells of far more than is stored."""
    shape = chosen.choice(((10**6, 10**6), (10**9,), (3, 10**5, 10**5), (10**5, 20, 30), (2**40,), (1, 10**4, 10**4)))
    kind = chosen.choice(("i4", "f4", "f8", "u1"))
    del file[name]
    file.create_dataset(name, shape, kind, chunks=tuple(min(n, 64) for n in shape))


def _link(chosen, file, name, names):
    del file[name]
    file[name] = chosen.choice((
        h5py.SoftLink("/nothing"), h5py.SoftLink("/" + chosen.choice(names)), h5py.SoftLink("/" + name),
        h5py.ExternalLink("../other.h5", "/entry"), h5py.ExternalLink("x.h5", "/" + name),
        h5py.ExternalLink("/dev/zero", "/"),
    ))  # fmt: skip


def _gone(chosen, file, name, names):
    del file[name]
