"""The generated module as a person reads it: without the twin methods that explanations run."""

from __future__ import annotations

import re

from studio.compile.source import Source

_TWIN = re.compile(r"    def \w+_tapped\(")
_TOP = ("class ", "def ", "@")
_INSIDE = "def inside(tap, *path):"


def untapped(written: Source) -> Source:
    """Return the code without `forward_tapped` and what only it calls."""
    lines: list[tuple[str, str]] = []
    skipped = False
    for line, path in zip(written.text.splitlines(), written.nodes, strict=True):
        if line and not line.startswith("     "):
            begins = not line.startswith("    ") or line.startswith("    def ")
            if begins:
                skipped = bool(_TWIN.match(line)) or line.startswith(_INSIDE)
        if skipped:
            continue
        lines.append((line, path))
    tidy: list[tuple[str, str]] = []
    for line, path in lines:
        if not line:
            blanks = 1 if tidy and tidy[-1][0].startswith(" ") else 2
            recent = [text for text, _ in tidy[-blanks:]]
            if len(recent) == blanks and not any(recent):
                continue
        tidy.append((line, path))
    found: list[tuple[str, str]] = []
    for number, (line, path) in enumerate(tidy):
        following = next((text for text, _ in tidy[number:] if text), "")
        if not line and following.startswith(_TOP):
            continue  # two blank lines stand before what is at the top, whatever was taken out
        if line.startswith(_TOP):
            found += [("", ""), ("", "")]
        found.append((line, path))
    while found and not found[-1][0]:
        found.pop()
    return Source("\n".join(text for text, _ in found) + "\n", tuple(path for _, path in found))
