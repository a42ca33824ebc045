"""Lines of the console that ask for a file."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.cli.console.file_requests import file_request
from actionhero_tcp.client.dialects import named
from actionhero_tcp.client.download import Download
from actionhero_tcp.client.settings import Limits

FIRST, LATER = named(2012), named(29)


def requested(line: str) -> Download:
    """The download of a line that asks for a file."""
    download = file_request(line, Limits(), FIRST)
    assert download is not None, line
    return download


class FileRequestTests(SynchronousTestCase):
    """Which lines ask for a file, and how."""

    def test_words_go_out_as_they_are(self) -> None:
        for line in ("file", " file x", "file\tx"):
            download = requested(line)
            self.assertTrue(download.is_raw, line)
            self.assertEqual(line.encode() + b"\n", download.raw.line)

    def test_json_asks_for_a_header(self) -> None:
        line = '{"params":{"fileName":"a","more":1},"action":"file"}'
        sent = b'{"action":"file","params":{"fileName":"a","more":1,"header":true}}\n'
        self.assertEqual(sent, requested(line).line)

    def test_a_part_is_asked_for_with_a_header_only(self) -> None:
        part = '"offset":3,"length":2'
        line = '{"action":"file","params":{"fileName":"a",%s%s}}'
        sent = b'{"action":"file","params":{"fileName":"a"%b,"header":true%b}}\n'
        self.assertEqual(sent % (b"", b""), requested(line % (part, "")).line)
        whole = sent % (b',"length":2', b',"offset":3')
        self.assertEqual(whole, requested(line % (part, ',"header":true')).line)

    def test_what_the_server_refuses_goes_out_as_it_is(self) -> None:
        for params in ("{}", "[]", '{"fileName":7}', '{"fileName":"a","header":1,"offset":-1}'):
            line = f'{{"action":"file","params":{params}}}'
            self.assertEqual(line.encode() + b"\n", requested(line).raw.line)

    def test_other_lines(self) -> None:
        for line in "files", "say file", '{"action":"x"}', '{"action":"file"', "[]", "{" * 5000:
            self.assertIsNone(file_request(line, Limits(), FIRST), line)
        self.assertRaises(ValueError, file_request, "", Limits(), FIRST)

    def test_words_of_the_later_dialect_become_json(self) -> None:
        for line in "file a.txt", " file a.txt more":
            download = file_request(line, Limits(), LATER)
            assert download is not None
            sent = b'{"action":"file","params":{"fileName":"a.txt","header":true}}\n'
            self.assertEqual(sent, download.line)
        for line in "file", '{"action":"file","params":{"fileName":7}}':
            self.assertRaises(ValueError, file_request, line, Limits(), LATER)
