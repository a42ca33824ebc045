"""Files over a real socket: raw, in order, streamed, and confined to their folder."""

from __future__ import annotations

import hashlib
import os
import random
import signal
from pathlib import Path

from tests.support import wait_for
from tests.support.integration import (
    GOODBYE,
    MEGABYTE,
    MEMORY_SLACK,
    DaemonTestCase,
    OwnDaemonTestCase,
    Talker,
    memory,
    open_files,
    request,
)

UNTIL_FILE = """
import os
from twisted.internet.task import deferLater
from actionhero_tcp import action


@action
async def untilFile(api, connection, *, path: str):
    while not os.path.exists(path):
        await deferLater(api.reactor, 0.01)
    open(path + ".seen", "w").close()
    return {"seen": path}
"""

SMALL = b"Hello,\nfile"
ANSWER_LIKE = b'\r\n{"context":"response","messageCount":1}\r\n\x00\xff\x04quit\r\n\r\n'
LARGE = random.Random(1).randbytes(8 * MEGABYTE)
SPARSE_BYTES = 64 * MEGABYTE

NO_PARAMS = b'{"context":"response","params":{},"messageCount":%d}'


def ask_file(client: Talker, name: str) -> None:
    """Asks for a file, and for what marks its end."""
    client.send(request("file", fileName=name).encode() + b"\nparamsView\n")


class FileTests(DaemonTestCase):
    """What is served, and what comes after it."""

    options = ("--announce-limit=0",)
    files = {
        "public/empty": b"",
        "public/small.txt": SMALL,
        "public/answer": ANSWER_LIKE,
        "public/large.bin": LARGE,
        "public/folder/index.html": b"<p>hello",
        "public/folder/☃ name": "☃".encode(),
    }

    def check_file(self, name: str, content: bytes) -> None:
        client = self.join()
        ask_file(client, name)
        self.assertTrue(client.read(len(content)) == content, "the content differs")
        self.assertEqual(client.line(), NO_PARAMS % 2)

    def ask_header(self, client: Talker, **params: object) -> dict[str, object]:
        """Asks for a file with a header, and gives that."""
        client.send(request("file", header=True, **params).encode() + b"\nparamsView\n")
        header = client.message()
        self.assertEqual(
            ["context", "bytes", "sha256", "offset", "messageCount"], list(header), header
        )
        return header

    def test_a_header_and_parts(self) -> None:
        client = self.join()
        digest = hashlib.sha256(LARGE).hexdigest()
        size = len(LARGE)
        for number, (params, offset, length) in enumerate(
            (
                ({}, 0, size),
                ({"offset": 0, "length": 10}, 0, 10),
                ({"offset": 5_000_000}, 5_000_000, size - 5_000_000),
                ({"offset": size}, size, 0),
                ({"offset": size - 3, "length": 10}, size - 3, 3),
                ({"length": 0}, 0, 0),
            )
        ):
            header = self.ask_header(client, fileName="large.bin", **params)
            expected = {
                "context": "file",
                "bytes": length,
                "sha256": digest,
                "offset": offset,
                "messageCount": 2 * number + 1,
            }
            self.assertEqual(expected, header)
            self.assertTrue(client.read(length) == LARGE[offset : offset + length])
            self.assertEqual(client.line(), NO_PARAMS % (2 * number + 2))

    def test_the_header_of_a_file_that_changes(self) -> None:
        client, path = self.join(), Path(self.daemon.folder) / "public" / "changing"
        for content in (b"one", b"two", b"three"):
            path.write_bytes(content)
            header = self.ask_header(client, fileName="changing")
            self.assertEqual(hashlib.sha256(content).hexdigest(), header["sha256"])
            self.assertEqual(content, client.read(len(content)))
            client.line()

    def test_parts_that_there_are_not(self) -> None:
        client = self.join()
        for params in ({"offset": -1}, {"offset": 12}, {"offset": 0.5}, {"length": -1}):
            answer = client.ask(request("file", fileName="small.txt", header=True, **params))
            self.assertIn(next(iter(params)), str(answer["error"]))
        # Without a header each request has an offset, which means nothing.
        client.send(request("file", fileName="small.txt", offset=5).encode() + b"\n")
        self.assertEqual(SMALL, client.read(len(SMALL)))

    def test_empty(self) -> None:
        self.check_file("empty", b"")

    def test_small(self) -> None:
        self.check_file("small.txt", SMALL)

    def test_binary_that_looks_like_answers(self) -> None:
        self.check_file("answer", ANSWER_LIKE)

    def test_large(self) -> None:
        self.check_file("large.bin", LARGE)

    def test_in_a_folder_under_any_name(self) -> None:
        self.check_file("folder/☃ name", "☃".encode())

    def test_the_index_of_a_folder(self) -> None:
        self.check_file("folder", b"<p>hello")
        self.check_file("folder/", b"<p>hello")

    def test_by_a_sticky_param(self) -> None:
        client = self.join()
        client.ask("paramAdd fileName=small.txt")
        client.send(b"file\nparamView fileName\n")
        self.assertEqual(client.read(len(SMALL)), SMALL)
        self.assertEqual(client.message()["params"], {"fileName": "small.txt"})

    def test_many_files_and_answers_in_one_chunk(self) -> None:
        client = self.join()
        small = request("file", fileName="small.txt").encode() + b"\n"
        answer = request("file", fileName="answer").encode() + b"\n"
        client.send(b"paramsView\n" + small + answer + b"paramsView\n" + small * 50 + b"quit\n")
        bye = b'{"status":"Bye!","context":"response","messageCount":55}'
        expected = [NO_PARAMS % 1, b"\r\n", SMALL, ANSWER_LIKE, NO_PARAMS % 4, b"\r\n", SMALL * 50]
        self.assertEqual(client.rest(), b"".join(expected) + bye + b"\r\n")

    def test_two_large_files_in_one_chunk(self) -> None:
        client = self.join()
        line = request("file", fileName="large.bin").encode() + b"\n"
        client.send(line + line + b"paramsView\n")
        for _ in range(2):
            self.assertTrue(client.read(len(LARGE)) == LARGE, "the content differs")
        self.assertEqual(client.line(), NO_PARAMS % 3)

    def test_asked_for_by_one_who_says_no_more(self) -> None:
        client = self.join()
        client.send(request("file", fileName="large.bin").encode() + b"\n")
        client.finish()
        self.assertTrue(client.rest() == LARGE, "the content differs")

    def test_quit_right_behind(self) -> None:
        client = self.join(receive_buffer=4096)
        client.send(request("file", fileName="large.bin").encode() + b"\nquit\n")
        self.assertTrue(client.read(len(LARGE)) == LARGE, "the content differs")
        self.assertEqual(
            client.rest(), b'{"status":"Bye!","context":"response","messageCount":2}\r\n'
        )


class SlowReaderTests(DaemonTestCase):
    """A file that its client does not read for a while."""

    options = ("--announce-limit=0",)
    files = {"public/readme": b"", "actions/until.py": UNTIL_FILE, "public/small.txt": SMALL}

    def setUp(self) -> None:
        super().setUp()
        self.sparse = self.daemon.folder / "public" / "sparse"
        with open(self.sparse, "wb") as stream:
            stream.truncate(SPARSE_BYTES)

    def is_open(self) -> bool:
        return str(self.sparse) in open_files(self.daemon)

    def start_slow(self) -> Talker:
        """A client that has asked for the large file and does not read it."""
        client = self.join(receive_buffer=4096)
        client.send(request("file", fileName="sparse").encode() + b"\n")
        wait_for(self.is_open, "the file to be opened")
        return client

    def test_all_else_waits_for_the_last_byte(self) -> None:
        other = self.join()
        client = self.join(receive_buffer=4096)
        client.send(request("untilFile", path="go").encode() + b"\nparamsView\n")
        self.assertEqual(client.line(), NO_PARAMS % 2)
        client.send(request("file", fileName="sparse").encode() + b"\ndetailsView\nsay me\n")
        self.assertEqual(other.message()["message"], "me")
        self.assertEqual(other.ask("say hello")["status"], "OK")
        (self.daemon.folder / "go").touch()
        wait_for((self.daemon.folder / "go.seen").exists, "the action's end")
        self.assertEqual(other.ask("paramsView")["messageCount"], 2)
        self.assertTrue(self.is_open())
        client.skip(SPARSE_BYTES - 1)
        self.assertEqual(client.read(1), b"\0")
        details, say, hello, seen = client.messages(4)
        self.assertEqual(details["messageCount"], 4)
        self.assertEqual(say["messageCount"], 5)
        self.assertEqual((hello["context"], hello["message"]), ("user", "hello"))
        self.assertEqual((seen["seen"], seen["messageCount"]), ("go", 1))

    def test_an_error_waits_its_turn_too(self) -> None:
        client = self.start_slow()
        ask_file(client, "nope")
        client.send(request("file", fileName="small.txt").encode() + b"\nparamsView\n")
        client.skip(SPARSE_BYTES)
        self.assertEqual(client.message()["error"], "The file, nope, is not found.")
        self.assertEqual(client.line(), NO_PARAMS % 3)
        self.assertEqual(client.read(len(SMALL)), SMALL)
        self.assertEqual(client.line(), NO_PARAMS % 5)

    def test_costs_no_more_memory_than_a_small_file(self) -> None:
        warm = self.join()
        ask_file(warm, "small.txt")
        warm.read(len(SMALL))
        before = memory(self.daemon)
        client = self.start_slow()
        client.send(b"paramsView\n")
        most = 0
        for _ in range(SPARSE_BYTES // MEGABYTE):
            self.assertTrue(client.read(MEGABYTE) == bytes(MEGABYTE), "the content differs")
            most = max(most, memory(self.daemon))
        self.assertEqual(client.line(), NO_PARAMS % 2)
        self.assertLess(most - before, MEMORY_SLACK)

    def test_others_are_served_meanwhile(self) -> None:
        slow, other = self.start_slow(), self.join()
        self.assertEqual(other.ask("paramsView")["messageCount"], 1)
        ask_file(other, "small.txt")
        self.assertEqual(other.read(len(SMALL)), SMALL)
        slow.skip(SPARSE_BYTES)

    def test_a_client_that_goes_leaves_no_open_file(self) -> None:
        for leave in (Talker.reset, Talker.close):
            client = self.start_slow()
            leave(client)
            wait_for(lambda: not self.is_open(), "the file to be closed")

    def test_a_client_that_stays_leaves_no_open_file(self) -> None:
        client = self.start_slow()
        client.send(b"paramsView\n")
        client.skip(SPARSE_BYTES)
        client.line()
        self.assertFalse(self.is_open())

    def test_a_file_that_is_deleted_meanwhile_is_sent_to_its_end(self) -> None:
        client = self.start_slow()
        client.send(b"quit\n")
        self.sparse.unlink()
        client.skip(SPARSE_BYTES)
        self.assertIn(b'"status":"Bye!"', client.rest())


class CutTests(OwnDaemonTestCase):
    """A file that becomes shorter while it is sent, and a folder that is replaced."""

    def test_a_file_that_shrinks_ends_the_connection(self) -> None:
        size = 40 * MEGABYTE
        running = self.start(files={"public/big": b"x" * size})
        client = self.join(running, receive_buffer=4096)
        ask_file(client, "big")
        client.send(b"paramsView\n")
        client.read(1000)
        with open(running.folder / "public" / "big", "r+b") as file:
            file.truncate(MEGABYTE)
        with self.assertRaises(ConnectionResetError):
            client.rest()
        running.wait_for_log('reason="file cut short"')
        running.wait_for_log("file cut short for client")
        running.wait_for_log("big: the file became")
        self.stop(running)

    def test_a_folder_behind_a_link_can_be_replaced(self) -> None:
        files = {"v1/page": "one", "v2/page": "two"}
        folder = self.folder(files)
        (folder / "current").symlink_to("v1")
        running = self.start(f"--public={folder / 'current'}")
        client = self.join(running)
        ask_file(client, "page")
        self.assertEqual(client.read(3), b"one")
        self.assertEqual(client.line(), NO_PARAMS % 2)
        (folder / "next").symlink_to("v2")
        (folder / "next").rename(folder / "current")
        ask_file(client, "page")
        self.assertEqual(client.read(3), b"two")
        self.stop(running)


class StoppingTests(OwnDaemonTestCase):
    """A server that stops while a file is on its way."""

    def test_all_of_it_arrives(self) -> None:
        running = self.start(files={"public/large.bin": LARGE})
        client = self.join(running, receive_buffer=4096)
        ask_file(client, "large.bin")
        path = str(running.folder / "public" / "large.bin")
        wait_for(lambda: path in open_files(running), "the file to be opened")
        running.process.send_signal(signal.SIGTERM)
        self.assertTrue(client.read(len(LARGE)) == LARGE, "the content differs")
        self.assertEqual(set(client.rest().split(b"\r\n")), {NO_PARAMS % 2, GOODBYE, b""})
        client.close()
        self.assert_ended_well(running)

    def test_write_timeout_ends_a_client_that_takes_nothing(self) -> None:
        running = self.start("--write-timeout=0.3", files={"public/large.bin": LARGE})
        client = self.join(running, receive_buffer=4096)
        ask_file(client, "large.bin")
        running.wait_for_log('reason="write timeout"')
        self.assertTrue(client.is_dropped())
        self.stop(running)


class RefusedFileTests(DaemonTestCase):
    """A client can't tell apart why it does not get a file."""

    options = ("--announce-limit=0",)
    files = {
        "secret.txt": b"secret",
        "public2/secret.txt": b"secret",
        "public/small.txt": SMALL,
        "public/folder/other.txt": b"",
    }

    def setUp(self) -> None:
        super().setUp()
        public = self.daemon.folder / "public"
        self.link(public / "out.txt", "../secret.txt")
        self.link(public / "out", "../public2")
        self.link(public / "dangling", "nowhere")
        self.link(public / "loop", "loop")
        self.link(public / "inside.txt", "small.txt")
        (public / "indexed").mkdir(exist_ok=True)
        self.link(public / "indexed" / "index.html", "../../secret.txt")
        if not (public / "fifo").exists():
            os.mkfifo(public / "fifo")

    def link(self, path: Path, target: str) -> None:
        if not path.is_symlink():
            path.symlink_to(target)

    def check_refused(self, *names: str) -> None:
        client = self.join()
        for name in names:
            answer = client.ask_json("file", fileName=name)
            shown = name if len(name) <= 64 else name[:64] + "…"
            self.assertEqual(answer["error"], f"The file, {shown}, is not found.")
            self.assertEqual(list(answer), ["context", "error", "messageCount"])
        ask_file(client, "small.txt")
        self.assertEqual(client.read(len(SMALL)), SMALL)

    def test_to_the_byte(self) -> None:
        client = self.join()
        client.ask("paramAdd fileName=nope.txt")
        client.send(b"file\n")
        self.assertEqual(
            client.line(),
            b'{"context":"response","error":"The file, nope.txt, is not found.","messageCount":2}',
        )

    def test_without_a_name(self) -> None:
        self.assertEqual(
            self.join().ask("file")["error"], "fileName is a required parameter for this action"
        )

    def test_what_is_not_there(self) -> None:
        self.check_refused("nope", "small.txt/x", "folder/nope", "dangling", "loop")

    def test_a_folder_without_index(self) -> None:
        self.check_refused("folder", "folder/", ".", "./")

    def test_ways_out(self) -> None:
        absolute = str(self.daemon.folder / "public" / "small.txt")
        self.check_refused(
            "../secret.txt", "folder/../small.txt", "..", "../public2/secret.txt", "/etc/passwd"
        )
        self.check_refused(absolute, "//etc/passwd", "./../secret.txt", "folder/../../secret.txt")

    def test_links_that_lead_out(self) -> None:
        self.check_refused("out.txt", "out/secret.txt", "indexed")

    def test_a_link_that_stays_inside_is_served(self) -> None:
        client = self.join()
        ask_file(client, "inside.txt")
        self.assertEqual(client.read(len(SMALL)), SMALL)

    def test_names_that_no_file_can_have(self) -> None:
        self.check_refused("small.txt\0", "\0", "x" * 300, "a/" * 3000)

    def test_a_lone_surrogate(self) -> None:
        client = self.join()
        client.send(b'{"action":"file","params":{"fileName":"\\ud800"}}\n')
        self.assertEqual(
            client.line(),
            b'{"context":"response","error":"The file, \\ud800, is not found.","messageCount":1}',
        )

    def test_what_is_no_regular_file(self) -> None:
        self.check_refused("fifo")


class NoPublicFolderTests(DaemonTestCase):
    """The default folder need not be there."""

    def test_no_file_is_found(self) -> None:
        answer = self.join().ask_json("file", fileName="small.txt")
        self.assertEqual(answer["error"], "The file, small.txt, is not found.")
        answer = self.join().ask_json("file", fileName="../log.txt")
        self.assertEqual(answer["error"], "The file, ../log.txt, is not found.")
