"""Equations of docstrings as people write them: Greek letters, raised numbers, roots."""

import re

GREEK = {
    "alpha": "α", "lambda": "λ", "mu": "μ", "omega": "ω", "phi": "φ", "pi": "π", "psi": "ψ", "rho": "ρ", "sigma": "σ",
    "tau": "τ", "theta": "θ",
}  # fmt: skip
RAISED = str.maketrans("0123456789-enx", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᵉⁿˣ")
_CODE = re.compile(r"(``.+?``)", re.DOTALL)
_LETTER = re.compile(rf"(?<![\w.])({'|'.join(GREEK)})(?![\w.]\w)")


def typeset(text: str) -> str:
    """The text with its equations typeset; ``code`` stays."""
    return "".join(part if i % 2 else _typeset(part) for i, part in enumerate(_CODE.split(text)))


def _typeset(text: str) -> str:
    text = _LETTER.sub(lambda found: GREEK[found[1]], text)
    text = re.sub(r"\^(-?[0-9]*[enx]?)(?![\w(])", lambda found: found[1].translate(RAISED) or "^", text)
    text = text.replace("r_e", "rₑ").replace("sqrt(", "√(").replace(" * ", " · ")
    return re.sub(r"(?<= )-(?= )", "−", text)
