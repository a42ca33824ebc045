"""Lists sentences that plain English would put another way.

Reads Markdown pages outside of code blocks, and docstrings, texts and comments of Python files.

Usage: python -m tools.prose [--most N] [file or folder …]
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent

PLACES: Final = ("README.md", "SECURITY.md", "CONTRIBUTING.md", "docs", "actionhero_tcp")
"""What is read where nothing is named."""

TICS: Final[dict[str, re.Pattern[str]]] = {
    "anew": re.compile(r"\banew\b"),
    "in force": re.compile(r"\bin force\b"),
    "of its own": re.compile(r"\bof (?:its|their|his|her|one's) own\b"),
    "stands": re.compile(r"\b(?:stands?|stood)\b(?! for\b|-)"),
    "tells of": re.compile(r"\b(?:tells?|told) of\b"),
    "trailing too": re.compile(r", too[.;,:)]"),
    "clause as subject": re.compile(
        r"(?:^|(?<=[.:;] ))(?:What|Who|Whoever|Whatever|Where there is|Where there are) "
        r"(?!is\b|are\b|it\b|if\b|to\b)[^?:]*?[.;](?=\s|$)"
    ),
    "for as because": re.compile(
        r"[,;] for (?:it|they|there|that|this|he|she|we|nobody|nothing)\b"
    ),
    "in good order": re.compile(r"\bin good order\b"),
    "there is not": re.compile(r"\bthat there is not\b"),
}
"""Each tic by its name, and how it looks in a paragraph without line ends."""

_FENCE: Final = re.compile(r"^ *(```|~~~)")
_ITEM: Final = re.compile(r"\s*(?:[-*]|\d+\.|\w+:) +(.*)")
"""An item of a list, or an entry of a docstring's section."""

_NOT_PROSE: Final = re.compile(r"^\s*(\||#|<|\(\w+\)=|$)")


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence with a tic.

    Attributes:
        path: The file.
        line: The line on which the paragraph begins.
        tic: The tic's name, a key of `TICS`.
        text: The words around it.
    """

    path: Path
    line: int
    tic: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.tic}: {self.text}"


def findings(path: Path) -> Iterator[Finding]:
    """Yields the tics of one file."""
    read = _python if path.suffix == ".py" else _markdown
    for line, paragraph in read(path.read_text(encoding="utf-8")):
        plain = re.sub(r"`[^`]*`", "`x`", paragraph)
        for tic, pattern in TICS.items():
            for found in pattern.finditer(plain):
                start, end = max(0, found.start() - 30), min(found.end(), found.start() + 50) + 20
                yield Finding(path, line, tic, plain[start:end].strip())


def _markdown(text: str) -> Iterator[tuple[int, str]]:
    """Yields the paragraphs and list items of a page, with the numbers of their first lines."""
    fenced, first, words = False, 0, list[str]()
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if _FENCE.match(line):
            fenced = not fenced
        item = _ITEM.match(line)
        if fenced or _FENCE.match(line) or _NOT_PROSE.match(line) or item:
            if words:
                yield first, " ".join(words)
            words = []
            for cell in line.split("|") if line.startswith("|") and not fenced else ():
                yield number, cell.strip()
            if item and not fenced:
                first, words = number, [item[1].strip()]
        else:
            first = first if words else number
            words.append(line.strip())


def _python(text: str) -> Iterator[tuple[int, str]]:
    """Yields the paragraphs of the docstrings, texts and comments of a module."""
    for node in ast.walk(ast.parse(text)):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else ():
            value = statement.value if isinstance(statement, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                start = value.lineno - 1
                yield from ((start + line, words) for line, words in _markdown(value.value))
    yield from _texts(text)
    first, words, last = 0, list[str](), -1
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT:
            continue
        if token.start[0] != last + 1:
            yield first, " ".join(words)
            first, words = token.start[0], []
        words.append(token.string.lstrip("# "))
        last = token.start[0]
    yield first, " ".join(words)


def _texts(text: str) -> Iterator[tuple[int, str]]:
    """Yields the strings of a module that are texts for people: help, errors, log lines."""
    tree = ast.parse(text)
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            yield node.lineno, node.value


def files(places: list[str]) -> Iterator[Path]:
    """Yields the files to read below some files and folders."""
    for place in places:
        path = ROOT / place
        if path.is_dir():
            found = [*path.rglob("*.md"), *path.rglob("*.py")]
            yield from sorted(p for p in found if "node_modules" not in p.parts)
        elif path.exists():
            yield path


def main(arguments: list[str] | None = None) -> int:
    """Prints the findings; the exit status is 1 where there are more than ``--most``."""
    parser = argparse.ArgumentParser(prog="python -m tools.prose", description=__doc__)
    parser.add_argument("--most", type=int, default=0, help="how many are accepted")
    parser.add_argument("places", nargs="*", help="files and folders; the docs and the package")
    options = parser.parse_args(arguments)
    found = [each for path in files(options.places or list(PLACES)) for each in findings(path)]
    for finding in found:
        print(str(finding).replace(f"{ROOT}/", ""))
    print(f"{len(found)} found, {options.most} accepted")
    return 1 if len(found) > options.most else 0


if __name__ == "__main__":
    sys.exit(main())
