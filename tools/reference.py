"""Make the reference pages of docs/reference/, which are read in a checkout.

Their sources are in docs/_reference/: the site builds its pages from the same ones.

Usage: python -m tools.reference [--write]

Without ``--write`` the pages that differ from those in docs/reference/ are named.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from docutils import nodes
from sphinx_markdown_builder.contexts import TitleContext
from sphinx_markdown_builder.translator import MarkdownTranslator

if TYPE_CHECKING:
    from sphinx.addnodes import desc_signature

ROOT: Final = Path(__file__).parent.parent
DOCS: Final = ROOT / "docs"
SOURCES: Final = DOCS / "_reference"
PAGES: Final = DOCS / "reference"

NOTE: Final = "<!-- made by: python -m tools.reference --write -->\n\n"
LONGEST_HEADING: Final = 60
"""Characters of a signature that is its own heading; a longer one follows its name."""


class Translator(MarkdownTranslator):  # type: ignore[misc]
    """Write signatures as code, and headings of docstrings in bold."""

    def visit_desc_signature(self, node: desc_signature) -> None:
        """Write a heading, and below it the signature where that is long."""
        for anchor in node.get("ids", []):
            self._add_anchor(anchor)
        signature = node.astext()
        heading = signature if len(signature) <= LONGEST_HEADING else _name(node)
        self._push_context(TitleContext(4 if node.get("class") else 3))
        self.add(f"`{heading}`")
        self._pop_context(node)
        if heading != signature:
            self.add(f"```python\n{signature}\n```", prefix_eol=2, suffix_eol=2)
        raise nodes.SkipNode

    def visit_rubric(self, node: nodes.rubric) -> None:
        """Write the heading of a section of a docstring."""
        self.add(f"**{node.astext()}**", prefix_eol=2, suffix_eol=2)
        raise nodes.SkipNode


def _name(node: desc_signature) -> str:
    module, name = node.get("module"), node.get("fullname")
    return f"{module}.{name}" if module and not node.get("class") else str(name)


def pages() -> dict[str, str]:
    """The text of each page, by its name.

    Raises:
        subprocess.CalledProcessError: Sphinx found a fault in a docstring.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "sphinx", "-q", "-E", "-D", "smartquotes=0"]
        names = [str(PAGES / path.name) for path in SOURCES.glob("*.md")]
        subprocess.run(
            [*command, "-b", "markdown", str(DOCS), folder, *names], cwd=ROOT, check=True
        )
        made = sorted(Path(folder, PAGES.name).glob("*.md"))
        return {path.name: NOTE + path.read_text(encoding="utf-8") for path in made}


def differences() -> list[str]:
    """The names of the pages that are not as their sources and docstrings make them."""
    present = {path.name: path.read_text(encoding="utf-8") for path in PAGES.glob("*.md")}
    made = pages()
    return sorted(
        name for name in made.keys() | present.keys() if made.get(name) != present.get(name)
    )


def main() -> None:
    """Name the pages that differ, or write all of them."""
    if sys.argv[1:] != ["--write"]:
        print("\n".join(differences()))
        return
    for name, text in pages().items():
        (PAGES / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
