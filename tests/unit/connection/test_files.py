"""A client's file name to a path that is safe, or to nothing; and the reading of it."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.connection import beneath
from actionhero_tcp.connection.files import CHUNK_BYTES, PATH_MAX, FileReader, Files
from actionhero_tcp.errors import ClientError, FileCutError
from tests.support import PROPERTY

PARTS = st.sampled_from(
    [
        *("", ".", "..", "...", "/", "//", "sub", "page.txt", "index.html", "secret.txt"),
        *("out", "out.txt", "in", "in.txt", "loop", "pipe", "public", "outside", "\0", "~"),
        *(
            "\ud800",
            "\udcff",
            "\udcc3\udca9",
            "é.txt",
            "x" * 300,
            "%2e%2e",
            "\\",
            "..\\",
            "*",
            "\n",
        ),
    ]
)


def open_descriptors() -> list[str]:
    """This process's open descriptors."""
    return sorted(os.listdir("/proc/self/fd"))


class FilesTestCase(SynchronousTestCase):
    """Has a folder of files, and something beside it that no client may have."""

    def setUp(self) -> None:
        base = Path(self.mktemp()).absolute()
        self.root, self.outside = base / "public", base / "outside"
        for folder in (self.root / "sub" / "empty", self.root / "folder.html", self.outside):
            folder.mkdir(parents=True)
        (self.root / "page.txt").write_bytes(b"a page\r\n\x00\xff")
        (self.root / "é.txt").write_bytes(b"accented")
        (self.root / "index.html").write_bytes(b"the index")
        (self.root / "sub" / "index.html").write_bytes(b"the index below")
        (self.root / "sub" / "page.txt").write_bytes(b"a page below")
        (self.root / "empty.txt").write_bytes(b"")
        (self.outside / "secret.txt").write_bytes(b"secret")
        (self.outside / "index.html").write_bytes(b"secret index")
        self.files = Files(str(self.root), "index.html")

    def content(self, name: str) -> bytes:
        """What a client gets."""
        reader = self.files.open(name)
        try:
            return b"".join(iter(reader.read, b""))
        finally:
            reader.close()

    def refused(self, name: str, shown: str | None = None) -> None:
        """Checks that a client gets the one error, and that nothing stays open."""
        before = open_descriptors()
        error = self.assertRaises(ClientError, self.files.open, name)
        self.assertEqual(f"The file, {name if shown is None else shown}, is not found.", error.text)
        self.assertEqual({}, error.fields)
        self.assertEqual(before, open_descriptors())


class OpenTests(FilesTestCase):
    """`Files.open`, where a client may have the file."""

    def test_gives_the_raw_content(self) -> None:
        self.assertEqual(b"a page\r\n\x00\xff", self.content("page.txt"))

    def test_gives_an_empty_file(self) -> None:
        self.assertEqual(b"", self.content("empty.txt"))

    def test_takes_folders_in_the_name(self) -> None:
        self.assertEqual(b"a page below", self.content("sub/page.txt"))

    def test_takes_any_text_as_a_name(self) -> None:
        self.assertEqual(b"accented", self.content("é.txt"))
        (self.root / "a b\n;.txt").write_bytes(b"odd")
        self.assertEqual(b"odd", self.content("a b\n;.txt"))

    def test_a_folder_stands_for_its_index(self) -> None:
        for name in ("sub", "sub/", "./sub", "sub/."):
            self.assertEqual(b"the index below", self.content(name), name)

    def test_nothing_stands_for_the_index_of_all(self) -> None:
        for name in ("", ".", "./"):
            self.assertEqual(b"the index", self.content(name), name)

    def test_the_index_has_the_name_of_the_config(self) -> None:
        self.files = Files(str(self.root), "page.txt")
        self.assertEqual(b"a page below", self.content("sub"))

    def test_dots_that_are_not_the_folder_above(self) -> None:
        (self.root / "..page").write_bytes(b"two dots")
        (self.root / "a..b").write_bytes(b"dots within")
        self.assertEqual(b"two dots", self.content("..page"))
        self.assertEqual(b"dots within", self.content("a..b"))

    def test_a_link_that_stays_inside(self) -> None:
        (self.root / "in.txt").symlink_to("sub/page.txt")
        (self.root / "in").symlink_to(self.root / "sub")
        (self.root / "sub" / "up.txt").symlink_to("../page.txt")
        self.assertEqual(b"a page below", self.content("in.txt"))
        self.assertEqual(b"the index below", self.content("in"))
        self.assertEqual(b"a page below", self.content("in/page.txt"))
        self.assertEqual(b"a page\r\n\x00\xff", self.content("sub/up.txt"))

    def test_a_name_of_as_many_characters_as_linux_takes(self) -> None:
        name = "./" * ((PATH_MAX - len("/page.txt")) // 2) + "/page.txt"
        self.assertEqual(PATH_MAX, len(name))
        self.assertEqual(b"a page\r\n\x00\xff", self.content(name))

    def test_the_folder_itself_may_be_a_link(self) -> None:
        link = self.root.parent / "link"
        link.symlink_to(self.root)
        self.files = Files(str(link), "index.html")
        self.assertEqual(b"a page below", self.content("sub/page.txt"))

    def test_the_folder_may_be_relative(self) -> None:
        self.files = Files(os.path.relpath(self.root), "index.html")
        self.assertEqual(b"the index", self.content("index.html"))

    def test_the_folder_may_be_the_root_of_all(self) -> None:
        self.files = Files("/", "index.html")
        self.assertEqual(b"secret", self.content(str(self.outside / "secret.txt").lstrip("/")))

    def test_a_file_that_came_later(self) -> None:
        (self.root / "new.txt").write_bytes(b"new")
        self.assertEqual(b"new", self.content("new.txt"))

    def test_closing_it_fails_for_no_disk(self) -> None:
        reader = self.files.open("page.txt")
        before = open_descriptors()
        close = os.close

        def closed_with_an_error(descriptor: int) -> None:
            close(descriptor)
            raise OSError(errno.EIO, "Input/output error")

        with mock.patch("os.close", closed_with_an_error):
            reader.close()
        self.assertEqual(len(before) - 1, len(open_descriptors()))
        reader.close()


class RefusalTests(FilesTestCase):
    """`Files.open`, where a client may not: it cannot tell why."""

    def test_no_such_file(self) -> None:
        self.refused("nope.txt")
        self.refused("sub/nope.txt")
        self.refused("nope/page.txt")

    def test_below_a_file(self) -> None:
        self.refused("page.txt/more")

    def test_a_file_as_if_it_were_a_folder(self) -> None:
        for end in ("/", "//", "/.", "/./"):
            self.refused("page.txt" + end)

    def test_the_folder_above(self) -> None:
        for name in ("..", "../", "../outside/secret.txt", "sub/../../outside/secret.txt"):
            self.refused(name)

    def test_the_folder_above_even_where_it_stays_inside(self) -> None:
        for name in ("sub/../page.txt", "sub/..", "./../public/page.txt"):
            self.refused(name)

    def test_an_absolute_path(self) -> None:
        for path in (self.outside / "secret.txt", self.root / "page.txt"):
            shown = str(path)
            self.refused(shown, shown if len(shown) <= 64 else shown[:64] + "…")
        self.refused("/")
        self.refused("//page.txt")

    def test_a_link_that_leads_out(self) -> None:
        (self.root / "out.txt").symlink_to(self.outside / "secret.txt")
        (self.root / "relative.txt").symlink_to("../outside/secret.txt")
        (self.root / "out").symlink_to(self.outside)
        for name in ("out.txt", "relative.txt", "out", "out/", "out/secret.txt", "out/index.html"):
            self.refused(name)

    def test_a_link_to_a_link_that_leads_out(self) -> None:
        (self.root / "out").symlink_to(self.outside)
        (self.root / "sub" / "again.txt").symlink_to("../out/secret.txt")
        self.refused("sub/again.txt")

    def test_a_link_to_a_folder_whose_name_only_begins_alike(self) -> None:
        beside = self.root.parent / "public2"
        beside.mkdir()
        (beside / "secret.txt").write_bytes(b"secret")
        (self.root / "out.txt").symlink_to(beside / "secret.txt")
        self.refused("out.txt")

    def test_an_index_that_leads_out(self) -> None:
        (self.root / "sub" / "empty" / "index.html").symlink_to(self.outside / "index.html")
        self.refused("sub/empty")

    def test_a_link_to_nothing_or_to_itself(self) -> None:
        (self.root / "broken").symlink_to("nope")
        (self.root / "loop").symlink_to("loop")
        self.refused("broken")
        self.refused("loop")
        self.refused("loop/page.txt")

    def test_a_folder_without_an_index(self) -> None:
        self.refused("sub/empty")

    def test_a_folder_whose_index_is_a_folder(self) -> None:
        self.files = Files(str(self.root), "folder.html")
        self.refused("")

    def test_a_fifo(self) -> None:
        os.mkfifo(self.root / "pipe")
        self.refused("pipe")

    def test_a_socket(self) -> None:
        here = os.getcwd()
        os.chdir(self.root)
        self.addCleanup(os.chdir, here)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("socket")
            self.refused("socket")

    def test_a_device(self) -> None:
        self.files = Files("/dev", "index.html")
        self.refused("null")
        self.refused("zero")

    def test_a_nul_in_the_name(self) -> None:
        self.refused("page.txt\0")
        self.refused("\0")
        self.refused("sub/\0/page.txt")

    def test_a_lone_surrogate_in_the_name(self) -> None:
        self.refused("\ud800")
        self.refused("page\udfff.txt")
        self.refused("\udcff")

    def test_a_name_that_is_too_long(self) -> None:
        self.refused("x" * 300, "x" * 64 + "…")
        self.refused("x/" * 10_000, "x/" * 32 + "…")

    def test_a_name_longer_than_linux_takes_is_not_even_resolved(self) -> None:
        name = "./" * ((PATH_MAX + 1 - len("page.txt")) // 2) + "page.txt"
        self.assertEqual(PATH_MAX + 1, len(name))
        resolved: list[str] = []
        self.patch(beneath, "open_beneath", lambda root, path: resolved.append(path))
        self.refused(name, name[:64] + "…")
        self.refused("x" * 60_000, "x" * 64 + "…")
        self.assertEqual([], resolved)

    def test_repeats_only_the_beginning_of_a_name(self) -> None:
        self.refused("n" * 64)
        self.refused("n" * 65, "n" * 64 + "…")

    def test_a_file_that_must_not_be_read(self) -> None:
        # The tests may run as root, who may read all.
        really_open = beneath.open_beneath

        def refuse(root: int, path: str) -> int:
            if path == "page.txt":
                raise PermissionError(errno.EACCES, "Permission denied")
            return really_open(root, path)

        self.patch(beneath, "open_beneath", refuse)
        self.refused("page.txt")
        self.assertEqual(b"a page below", self.content("sub/page.txt"))

    def test_a_folder_that_may_be_entered_but_not_listed_has_an_index(self) -> None:
        really_open = beneath.open_beneath

        def refuse(root: int, path: str) -> int:
            if path == "sub":
                raise PermissionError(errno.EACCES, "Permission denied")
            return really_open(root, path)

        self.patch(beneath, "open_beneath", refuse)
        self.assertEqual(b"the index below", self.content("sub"))

    def test_a_folder_of_files_that_is_not_there(self) -> None:
        self.files = Files(str(self.root / "nope"), "index.html")
        for name in ("page.txt", "", "."):
            self.refused(name)

    @PROPERTY
    @given(st.lists(PARTS | st.text(max_size=3), max_size=6), st.sampled_from(["/", ""]))
    def test_nobody_gets_out(self, parts: list[str], between: str) -> None:
        if not (self.root / "loop").is_symlink():
            (self.root / "loop").symlink_to("loop")
            (self.root / "out").symlink_to(self.outside)
            (self.root / "out.txt").symlink_to(self.outside / "secret.txt")
            (self.root / "in").symlink_to("sub")
            (self.root / "in.txt").symlink_to("page.txt")
            os.mkfifo(self.root / "pipe")
        before = open_descriptors()
        try:
            content = self.content(between.join(parts))
        except ClientError as error:
            self.assertTrue(error.text.startswith("The file, "))
            self.assertTrue(error.text.endswith(", is not found."))
        else:
            self.assertNotIn(b"secret", content)
        self.assertEqual(before, open_descriptors())


class DeployTests(FilesTestCase):
    """The folder is replaced while the server runs."""

    def test_a_link_to_another_version(self) -> None:
        current = self.root.parent / "current"
        current.symlink_to("public")
        self.files = Files(str(current), "index.html")
        self.assertEqual(b"the index", self.content(""))
        new = self.root.parent / "new"
        new.symlink_to("outside")
        new.rename(current)
        self.assertEqual(b"secret index", self.content(""))


class FileReaderTests(FilesTestCase):
    """`FileReader`."""

    def reader(self, data: bytes) -> FileReader:
        """A reader of a file with that content."""
        (self.root / "data").write_bytes(data)
        reader = self.files.open("data")
        self.addCleanup(reader.close)
        return reader

    def test_reads_in_chunks(self) -> None:
        data = os.urandom(2 * CHUNK_BYTES + 5)
        reader = self.reader(data)
        chunks = list(iter(reader.read, b""))
        self.assertEqual([CHUNK_BYTES, CHUNK_BYTES, 5], [len(chunk) for chunk in chunks])
        self.assertEqual(data, b"".join(chunks))

    def test_reads_whole_chunks_only(self) -> None:
        reader = self.reader(b"x" * CHUNK_BYTES)
        self.assertEqual([CHUNK_BYTES, 0], [len(reader.read()), len(reader.read())])

    def test_stays_at_the_end(self) -> None:
        reader = self.reader(b"abc")
        self.assertEqual([b"abc", b"", b""], [reader.read() for _ in range(3)])

    def test_reads_no_more_than_there_was(self) -> None:
        reader = self.reader(b"abc")
        with open(self.root / "data", "ab") as file:
            file.write(b"and more" * CHUNK_BYTES)
        self.assertEqual([b"abc", b""], [reader.read(), reader.read()])

    def test_reads_no_more_than_its_size(self) -> None:
        descriptor = os.open(self.root / "page.txt", os.O_RDONLY)
        reader = FileReader(descriptor, 3)
        self.addCleanup(reader.close)
        self.assertEqual([b"a p", b""], [reader.read(), reader.read()])

    def test_a_file_that_became_shorter_is_an_error(self) -> None:
        reader = self.reader(b"x" * (CHUNK_BYTES + 10))
        reader.read()
        os.truncate(self.root / "data", CHUNK_BYTES + 4)
        self.assertEqual(b"xxxx", reader.read())
        error = self.assertRaises(FileCutError, reader.read)
        self.assertEqual("data: the file became 6 bytes shorter", str(error))

    def test_a_failure_to_read_is_an_error(self) -> None:
        reader = FileReader(os.open(self.root, os.O_RDONLY), 100)
        self.addCleanup(reader.close)
        error = self.assertRaises(FileCutError, reader.read)
        self.assertEqual("the file: Is a directory", str(error))

    def test_reads_nothing_once_closed(self) -> None:
        reader = self.reader(b"abc")
        reader.close()
        self.assertEqual(b"", reader.read())

    def test_closes_its_file(self) -> None:
        before = open_descriptors()
        reader = self.reader(b"abc")
        self.assertEqual(len(before) + 1, len(open_descriptors()))
        reader.close()
        self.assertEqual(before, open_descriptors())

    def test_closes_no_other_file_the_second_time(self) -> None:
        reader = self.reader(b"abc")
        reader.close()
        with open(self.root / "page.txt", "rb") as other:
            reader.close()
            self.assertTrue(other.read())
