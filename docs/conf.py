"""How Sphinx makes the site of these pages; ``make docs`` runs it."""

from __future__ import annotations

import re
import sys
from configparser import ConfigParser
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pygments.lexer import RegexLexer
from pygments.lexers.special import TextLexer
from pygments.token import Comment, Generic, Keyword, Text
from sphinx.util.nodes import make_refnode

ROOT = Path(__file__).parent.parent

sys.path.insert(0, str(ROOT))

from tools import reference  # noqa: E402

if TYPE_CHECKING:
    from docutils.nodes import Element
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.domains.python import PythonDomain
    from sphinx.environment import BuildEnvironment

_setup = ConfigParser()
_setup.read(ROOT / "setup.cfg")

project = _setup["metadata"]["name"]
version = release = _setup["metadata"]["version"]

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_markdown_builder",
]
exclude_patterns = ["performance", "_reference"]
nitpicky = True

html_theme = "furo"
html_title = project
html_show_copyright = False
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
pygments_style = "friendly"
pygments_dark_style = "github-dark"

myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_use_rtype = False
default_role = "py:obj"

nitpick_ignore_regex = [
    # What is not ours: the site is built where there is no network to look it up in.
    (
        r"py:.*",
        r"(_asyncio|collections|dataclasses|os|ssl|types|typing|unittest|twisted|zope|OpenSSL)\..*",
    ),
    (r"py:obj", r"backoffPolicy"),
    (
        r"py:class",
        r"(Any|Callable|Iterator|Mapping|None|Path|Protocol|Sequence|SimpleNamespace|TypeVar|Generic"
        r"|.*\.Function|.*\.Given|.*\.Fetched|Fetched|(.*\.)?Digest|Progress|.*\._Options|.*\._Decorator"
        r"|State|LiveSettings|Application|FairThreadPool|MemoryBudget)",
    ),
    # The server's own, which a public name mentions: not in the reference.
    (
        r"py:.*",
        r"(LiveSettings|Application|Background|FairThreadPool|MemoryBudget|NoCluster|State)",
    ),
]


class TranscriptLexer(RegexLexer):
    """Colours the transcripts of a client and the server."""

    name = "transcript"
    flags = re.MULTILINE
    tokens = {
        "root": [
            (r"^([A-Z]?[<>] ?)(\(closed\))$", Comment),
            (r"^[A-Z]?> ?", Keyword, "sent"),
            (r"^[A-Z]?< ?", Comment, "got"),
            (r"^=.*$", Comment),
            (r"\n", Text),
            (r".", Text),
        ],
        "sent": [(r"[^\n]+", Generic.Strong), (r"\n", Text, "#pop")],
        "got": [(r"[^\n]+", Text), (r"\n", Text, "#pop")],
    }


def short_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, shown: Element
) -> Element | None:
    """Finds what a docstring names without its module, where only one thing has that name.

    A public name comes before one that the package's modules use among themselves.
    """
    domain: PythonDomain = env.domains.python_domain
    if node.get("refdomain") != domain.name:
        return None
    found = domain.find_obj(env, None, None, node["reftarget"], None, 1)
    own = [(name, entry) for name, entry in found if not entry.aliased]
    if len(own) > 1:
        own = [(name, entry) for name, entry in own if name == f"{project}.{node['reftarget']}"]
    if len(own) != 1:
        return None
    ((name, entry),) = own
    return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, shown, name)


def keep_whole(app: Sphinx, what: str, *about: object) -> None:
    """Keeps napoleon from reading the text before a colon as the type of an attribute."""
    lines: list[str] = about[-1]
    if what in ("attribute", "data", "property"):
        # It looks at the first line only; an escaped line end leaves no trace.
        lines.insert(0, "\\")


def with_fields(app: Sphinx, what: str, name: str, found: object, *about: object) -> None:
    """Documents the settings from the help in their fields."""
    if what != "class" or not is_dataclass(found):
        return
    lines: list[str] = about[-1]
    settings = [each for each in fields(found) if "help" in each.metadata]
    if settings:
        lines += ["", "Attributes:"]
    for each in settings:
        lines.append(f"    {each.name}: {each.metadata['help'].replace('`', '``')}")


def from_docstrings(app: Sphinx, page: str, content: list[str]) -> None:
    """Reads a reference page from its source; the file in its place is for a checkout."""
    folder, _, name = page.rpartition("/")
    if folder == reference.PAGES.name:
        content[0] = (reference.SOURCES / f"{name}.md").read_text(encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Connects the hooks above, and makes the words known that code blocks begin with."""
    app.connect("source-read", from_docstrings)
    app.set_translator("markdown", reference.Translator, override=True)
    app.connect("missing-reference", short_name)
    # Napoleon's own handler has a priority of 500.
    app.connect("autodoc-process-docstring", keep_whole, priority=400)
    app.connect("autodoc-process-docstring", with_fields, priority=400)
    app.add_lexer("transcript", TranscriptLexer)
    for name in ("file", "haproxy"):
        app.add_lexer(name, TextLexer)
