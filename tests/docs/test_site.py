"""The site of docs/: it builds without a warning, and no link in it is dead."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from twisted.trial.unittest import SynchronousTestCase

import actionhero_tcp
from tests import support
from tools import reference

DOCS = support.ROOT / "docs"

BUILD_PATIENCE = 300.0
"""Seconds that a build may take."""

SCHEMES = {"http", "https", "mailto"}
"""What a link that leads elsewhere may begin with."""


@dataclass
class Page(HTMLParser):
    """What one page links to, what it loads, and what can be linked to in it."""

    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes what a tag refers to."""
        found = {name: value for name, value in attrs if value}
        if "id" in found:
            self.anchors.add(found["id"])
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag == "link" and "href" in found:
            self.loads.append(found["href"])
        elif "src" in found:
            self.loads.append(found["src"])


def read(site: Path) -> dict[Path, Page]:
    """All pages of a site, by their files."""
    pages = {}
    for path in sorted(site.rglob("*.html")):
        pages[path] = Page()
        pages[path].feed(path.read_text(encoding="utf-8"))
    return pages


def dead_links(site: Path) -> list[str]:
    """What is wrong with the links of a site: the page, the link, and what it lacks.

    Of links that lead to another site only the form is looked at. What a page loads has
    to be a file of this site, for it is read where there may be no network.
    """
    pages = read(site)
    wrong = []
    for path, page in pages.items():
        for link in page.links + page.loads:
            if fault := _fault(path, link, pages, loaded=link in page.loads):
                wrong.append(f"{path.relative_to(site)}: {link}: {fault}")
    return wrong


def _fault(path: Path, link: str, pages: dict[Path, Page], loaded: bool) -> str:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        if loaded:
            return "a page may load nothing from elsewhere"
        well_formed = parts.scheme in SCHEMES and (parts.netloc or parts.scheme == "mailto")
        return "" if well_formed else "this is no address"
    target = Path(os.path.normpath(path.parent / unquote(parts.path))) if parts.path else path
    if not target.is_file():
        return "there is no such file"
    if parts.fragment and unquote(parts.fragment) not in pages[target].anchors:
        return "there is no such place on that page"
    return ""


class SiteTests(SynchronousTestCase):
    """The site as ``make docs`` builds it; it is built once for all of these tests."""

    # It is taken away at the end of the process.
    folder: tempfile.TemporaryDirectory[str] | None = None

    def setUp(self) -> None:
        if SiteTests.folder is None:
            folder = tempfile.TemporaryDirectory()
            self.build(Path(folder.name))
            SiteTests.folder = folder
        self.site = Path(SiteTests.folder.name) / "site"

    def build(self, folder: Path) -> None:
        """Builds the site, in which a warning is an error."""
        makefile = (support.ROOT / "Makefile").read_text(encoding="utf-8")
        recipe = re.search(r"^docs:.*\n\t\$\(BIN\)/python (.*) build/site$", makefile, re.M)
        assert recipe is not None, "the Makefile has no target docs of this form"
        options = recipe[1].replace("build/doctrees", f"{folder}/doctrees").split()
        built = subprocess.run(
            [sys.executable, *options, f"{folder}/site"],
            cwd=support.ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=BUILD_PATIENCE,
        )
        self.assertEqual(0, built.returncode, built.stdout)
        self.assertEqual("", built.stdout)

    def test_no_link_is_dead(self) -> None:
        self.assertGreater(len(read(self.site)), 20)
        self.assertEqual([], dead_links(self.site))

    def test_style_sheets_load_nothing_from_elsewhere(self) -> None:
        sheets = list(self.site.rglob("*.css"))
        self.assertTrue(sheets)
        for sheet in sheets:
            text = sheet.read_text(encoding="utf-8")
            self.assertEqual([], re.findall(r"(?:@import|url\()[^;)]*//[^;)]*", text), sheet)

    def test_every_page_is_in_the_site(self) -> None:
        for page in {*DOCS.rglob("*.md")} - {*reference.SOURCES.glob("*.md")}:
            built = self.site / page.relative_to(DOCS).with_suffix(".html")
            self.assertTrue(built.is_file(), page)

    def test_the_public_names_are_in_the_reference(self) -> None:
        pages = read(self.site)
        anchors = {
            a for path in pages if path.parent.name == "reference" for a in pages[path].anchors
        }
        for name in actionhero_tcp.__all__:
            self.assertIn(f"actionhero_tcp.{name}", anchors)


class CheckerTests(SynchronousTestCase):
    """The checker finds what is dead."""

    def check(self, **pages: str) -> list[str]:
        """What it finds in a site of these pages."""
        site = Path(self.mktemp())
        site.mkdir()
        for name, html in pages.items():
            (site / f"{name}.html").write_text(html)
        return dead_links(site)

    def test_links_that_lead_somewhere(self) -> None:
        a = '<a href="b.html#here">b</a> <a href="#top">a</a> <a href="https://a.example/">c</a>'
        self.assertEqual([], self.check(a=f'<p id="top">{a}</p>', b='<p id="here"></p>'))

    def test_dead_links(self) -> None:
        for html, fault in (
            ('<a href="c.html">', "c.html: there is no such file"),
            ('<a href="b.html#there">', "b.html#there: there is no such place on that page"),
            ('<a href="#there">', "#there: there is no such place on that page"),
            ('<a href="https:///x">', "https:///x: this is no address"),
            ('<a href="gopher://a.example">', "gopher://a.example: this is no address"),
            ('<img src="x.png">', "x.png: there is no such file"),
            (
                '<script src="https://a.example/x.js">',
                "https://a.example/x.js: a page may load nothing from elsewhere",
            ),
            (
                '<link href="//a.example/x.css">',
                "//a.example/x.css: a page may load nothing from elsewhere",
            ),
        ):
            self.assertEqual([f"a.html: {fault}"], self.check(a=html, b='<p id="here">'))
