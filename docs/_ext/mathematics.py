"""Docstrings of the physics as Markdown, their equations as people write them: Greek letters, raised numbers, roots."""

import re

from text import CODE, escaped

GREEK = {
    "alpha": "α", "lambda": "λ", "mu": "μ", "omega": "ω", "phi": "φ", "pi": "π", "psi": "ψ", "rho": "ρ", "sigma": "σ",
    "tau": "τ", "theta": "θ",
}  # fmt: skip
RAISED = str.maketrans("0123456789-enx", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᵉⁿˣ")
_LETTER = re.compile(rf"(?<![\w.])({'|'.join(GREEK)})(?![\w.]\w)")


def markdown(text: str) -> str:
    """The text with its equations typeset; ``code`` stays."""
    parts = CODE.split(text)
    return "".join(part if i % 2 else _lowered(escaped(_typeset(part))) for i, part in enumerate(parts))


def _typeset(text: str) -> str:
    text = _LETTER.sub(lambda found: GREEK[found[1]], text)
    text = re.sub(r"\^(-?[0-9]*[enx]?)(?![\w(])", lambda found: found[1].translate(RAISED) or "^", text)
    text = text.replace("r_e", "rₑ").replace("sqrt(", "√(").replace(" * ", " · ")
    return re.sub(r"(?<= )-(?= )", "−", text)


def _lowered(text: str) -> str:
    return re.sub(r"\bF\\_(cell|latt)", r"F{sub}`\1`", text)
