"""What PyTorch's docstrings say: a first sentence, a formula and a line for each argument."""

from __future__ import annotations

import re

#: What the words of a function begin with: `cumsum(input, dim, *, out=None) -> Tensor`.
_CALL = re.compile(r"(?:^[\w.]+\(.*\)(?: *-> *.+)?$\s*)+", re.M)
_MATH = re.compile(r"\.\. math ?::\s*\n(.*?)(?:\n\s*\n(?!\s*\\)|\Z)", re.S)
_INLINE = re.compile(r":math:`([^`]*)`")
_ROLE = re.compile(r":\w+:`~?([^`<]*?)(?:\s*<[^`]*>)?`")
_LINK = re.compile(r"`([^`<]*?)\s*<[^`]*>`_+")

#: LaTeX that reads well as plain text; longer commands first, so that none hides another.
_SYMBOLS = {
    r"\times": "×", r"\cdot": "·", r"\ast": "*", r"\star": "⋆", r"\odot": "⊙", r"\leq": "≤",
    r"\geq": "≥", r"\le": "≤", r"\ge": "≥", r"\neq": "≠", r"\ldots": "…", r"\dots": "…",
    r"\infty": "∞", r"\sum": "Σ", r"\prod": "∏", r"\sqrt": "√", r"\epsilon": "ε", r"\alpha": "α",
    r"\beta": "β", r"\gamma": "γ", r"\lambda": "λ", r"\sigma": "σ", r"\Phi": "Φ", r"\phi": "φ",
    r"\pi": "π", r"\mu": "μ", r"\theta": "θ", r"\in": "∈", r"\lfloor": "⌊", r"\rfloor": "⌋",
    r"\lceil": "⌈", r"\rceil": "⌉", r"\Vert": "‖", r"\vert": "|", r"\exp": "exp", r"\log": "log",
    r"\tanh": "tanh", r"\max": "max", r"\min": "min", r"\left": "", r"\right": "", r"\quad": " ",
    r"\,": " ", r"\;": " ", r"\_": "_", r"\{": "{", r"\}": "}",
}  # fmt: skip
_UPRIGHT = re.compile(r"\\(?:text|mathrm|mathit|operatorname|mathcal)\s*\{([^{}]*)\}")
_FRACTION = re.compile(r"\\d?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_ROOT = re.compile(r"√\s*\{([^{}]*)\}")
_SCRIPT = re.compile(r"([_^])\{([^{}]*)\}")


def first_sentence(doc: str) -> str:
    """Return the first sentence of a docstring as plain text, "" where there is none."""
    paragraphs = re.split(r"\n\s*\n", _CALL.sub("", doc.strip()))
    prose = [text for text in paragraphs if not text.lstrip().startswith(("__init__", ".. "))]
    if not prose:
        return ""
    text = plain(prose[0])
    end = re.search(r"\.(?=\s+[A-Z])|\.$|:$", text)
    sentence = text[: end.start()] if end else text
    return sentence.strip() + "."


def formula(doc: str) -> str:
    """Return the first displayed formula as plain text, "" where it does not read well as such."""
    before_arguments = re.split(r"\n\s*(?:Args|Shape|Parameters):", doc)[0]
    found = _MATH.search(before_arguments) or _INLINE.search(before_arguments)
    text = _plain_math(found.group(1)) if found else ""
    return text if "=" in text else ""


def arguments(doc: str) -> dict[str, str]:
    """Return what the `Args:` section says about each argument, in one line each."""
    section = re.search(r"\n    Args:\s*\n(.*?)(?:\n\s*\n    ?\S|\n    [A-Z]\w*s?:|\Z)", doc, re.S)
    if section is None:
        return {}
    found: dict[str, str] = {}
    name = ""
    for line in section.group(1).splitlines():
        start = re.match(r"^ {6,8}(\w+)(?:\s*\([^)]*\))?\s*:\s+(.*)$", line)
        if start:
            name = start.group(1)
            found[name] = start.group(2)
        elif name and line.strip():
            found[name] += " " + line.strip()
        else:
            name = ""
    return {name: _short(text) for name, text in found.items()}


def plain(text: str) -> str:
    """Return reStructuredText without its marks."""
    text = _INLINE.sub(lambda found: _plain_math(found.group(1)) or found.group(1), text)
    text = _LINK.sub(r"\1", _ROLE.sub(r"\1", text))
    return re.sub(r"\s+", " ", text.replace("``", "").replace("`", "")).strip()


def _short(text: str) -> str:
    text = re.split(
        r"\s*Default:|\s*Default is|\s*\(default|\s*\(required", plain(text), flags=re.I
    )[0]
    text = re.split(r"\.\s+(?=[A-Z])", text)[0].rstrip(" .,:;")
    return text[:1].upper() + text[1:] + "." if text else ""


def _plain_math(math: str) -> str:
    """Return LaTeX as plain text, "" where something is left that only LaTeX can set."""
    if "\\begin" in math:
        return ""
    text = math
    for _ in range(4):
        text = _UPRIGHT.sub(r"\1", text)
        text = _SCRIPT.sub(lambda m: m[1] + (m[2] if len(m[2]) < 2 else f"({m[2]})"), text)
        text = _FRACTION.sub(lambda m: f"{_grouped(m[1])} / {_grouped(m[2])}", text)
        for latex, sign in _SYMBOLS.items():
            text = re.sub(re.escape(latex) + r"(?![A-Za-z])", sign, text)
        text = _ROOT.sub(r"√(\1)", text)
    text = re.sub(r"\s+", " ", text).replace("( ", "(").replace(" )", ")").strip(" .,")
    return "" if "\\" in text or "{" in text or len(text) > 160 else text


def _grouped(term: str) -> str:
    return term.strip() if re.fullmatch(r"\s*[\w.]+\s*", term) else f"({term.strip()})"
