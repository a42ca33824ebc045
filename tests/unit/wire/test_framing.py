"""Bytes to lines."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.wire.framing import INTERRUPTS, TOO_LONG, LineSplitter
from tests.support import PROPERTY

MORE = settings(PROPERTY, max_examples=500)

CTRL_D, CTRL_C = INTERRUPTS
LONGEST = 8

LIMITS = st.integers(len(CTRL_C), 12)
"""Small, but no smaller than an interrupt: the smallest limit of the configuration is 64."""

TOKENS = st.one_of(
    st.sampled_from([b"\n", b"\r\n", b"\r\r\n", b"\r", b"\n\r", b"\n\n", b"a", b" ", b"a\r"]),
    st.sampled_from([CTRL_D, CTRL_C, CTRL_C[:3], CTRL_C[3:], b"\n" + CTRL_C, b"\n" + CTRL_D]),
    st.integers(1, 15).map(lambda size: b"x" * size),
    st.integers(3, 15).map(lambda size: b"\n" + b"y" * size + b"\r\n"),
    st.binary(max_size=4),
)
STREAMS = st.lists(TOKENS, max_size=20).map(b"".join)
CUTS = st.lists(st.integers(0, 1000), max_size=10)


def expected(stream: bytes, longest: int) -> list[bytes]:
    """The lines of a stream, up to the first interrupt, with which a connection ends."""
    *ended, rest = stream.split(b"\n")
    lines = []
    for line in (line.removesuffix(b"\r") for line in ended):
        lines.append(line if len(line) <= longest or line.startswith(INTERRUPTS) else TOO_LONG)
    if rest.startswith(INTERRUPTS):
        lines.append(rest)
    elif len(rest) > longest + 1:
        lines.append(TOO_LONG)
    return up_to_interrupt(lines)


def up_to_interrupt(lines: list[bytes]) -> list[bytes]:
    """The lines up to the first that begins with an interrupt, and of that nothing else."""
    found = []
    for line in lines:
        for interrupt in INTERRUPTS:
            if line.startswith(interrupt):
                return [*found, interrupt]
        found.append(line)
    return found


def split(longest: int, *pieces: bytes) -> list[bytes]:
    """The lines of pieces that come one after another."""
    splitter = LineSplitter(longest)
    return [line for piece in pieces for line in splitter.feed(piece)]


class CutTests(SynchronousTestCase):
    """Wherever the bytes are cut, the lines are the same."""

    @MORE
    @given(LIMITS, STREAMS, CUTS)
    def test_any_cut(self, longest: int, stream: bytes, cuts: list[int]) -> None:
        places = sorted(cut % (len(stream) + 1) for cut in cuts)
        pieces = [stream[i:j] for i, j in zip([0, *places], [*places, len(stream)], strict=True)]
        self.assertEqual(expected(stream, longest), up_to_interrupt(split(longest, *pieces)))

    @MORE
    @given(LIMITS, STREAMS)
    def test_no_cut_and_every_cut(self, longest: int, stream: bytes) -> None:
        lines = expected(stream, longest)
        self.assertEqual(lines, up_to_interrupt(split(longest, stream)))
        every = (stream[n : n + 1] for n in range(len(stream)))
        self.assertEqual(lines, up_to_interrupt(split(longest, *every)))

    def test_line_ends(self) -> None:
        for stream, lines in (
            (b"", []),
            (b"a", []),
            (b"a\r", []),
            (b"a\n", [b"a"]),
            (b"a\r\n", [b"a"]),
            (b"a\r\r\n", [b"a\r"]),
            (b"a\rb\n", [b"a\rb"]),
            (b"\n\r\n\r\r\n", [b"", b"", b"\r"]),
            (b"a\nb\r\nc", [b"a", b"b"]),
        ):
            for cut in range(len(stream) + 1):
                self.assertEqual(lines, split(LONGEST, stream[:cut], stream[cut:]), (stream, cut))

    def test_a_line_is_given_once_and_as_soon_as_it_ends(self) -> None:
        splitter = LineSplitter(LONGEST)
        given = [splitter.feed(piece) for piece in (b"a", b"", b"b\nc", b"\r", b"\nd\n", b"")]
        self.assertEqual([[], [], [b"ab"], [], [b"c", b"d"], []], given)


class LimitTests(SynchronousTestCase):
    """Lines just below, at and above the limit."""

    def test_in_one_piece_and_in_two(self) -> None:
        for size in range(LONGEST - 1, LONGEST + 5):
            line = b"x" * size
            for end in (b"\n", b"\r\n", b"\r\r\n"):
                content = line + end[:-2]
                first = content if len(content) <= LONGEST else TOO_LONG
                stream = line + end + b"next\n"
                for cut in range(len(stream) + 1):
                    lines = split(LONGEST, stream[:cut], stream[cut:])
                    self.assertEqual([first, b"next"], lines, (size, end, cut))

    def test_one_byte_more_may_be_a_carriage_return(self) -> None:
        splitter = LineSplitter(LONGEST)
        self.assertEqual([], splitter.feed(b"x" * LONGEST + b"\r"))
        self.assertEqual([b"x" * LONGEST], splitter.feed(b"\n"))
        self.assertEqual([], splitter.feed(b"x" * (LONGEST + 1)))
        self.assertEqual([TOO_LONG], splitter.feed(b"\n"))

    def test_what_is_longer_is_refused_before_it_ends_and_once(self) -> None:
        splitter = LineSplitter(LONGEST)
        self.assertEqual([], splitter.feed(b"x" * (LONGEST + 1)))
        self.assertEqual([TOO_LONG], splitter.feed(b"x"))
        for piece in (b"x", b"x" * 1000, b"\r", CTRL_D, CTRL_C, b"x\r"):
            self.assertEqual([], splitter.feed(piece))
        self.assertEqual([b"next"], splitter.feed(b"\nnext\n"))

    def test_each_line_has_the_whole_limit(self) -> None:
        line = b"x" * LONGEST
        self.assertEqual([line] * 3, split(LONGEST, line + b"\n" + line, b"\r\n" + line, b"\n"))
        self.assertEqual(
            [line, TOO_LONG, line], split(LONGEST, line + b"\nx" + line + b"\n" + line, b"\n")
        )

    def test_among_many_lines_only_those_that_are_too_long_are_refused(self) -> None:
        long = b"x" * (LONGEST + 1)
        stream = b"a\n" + long + b"\nb\r\n" + long * 9 + b"\r\n" + long[1:] + b"\n"
        self.assertEqual([b"a", TOO_LONG, b"b", TOO_LONG, long[1:]], split(LONGEST, stream))


class MemoryTests(SynchronousTestCase):
    """What is kept between the pieces."""

    def kept(self, splitter: LineSplitter) -> int:
        """How many bytes a splitter keeps."""
        self.assertEqual(splitter.size, sum(map(len, splitter._fragments)))
        return splitter.size

    def test_only_the_line_that_is_not_complete(self) -> None:
        splitter = LineSplitter(LONGEST)
        for piece, size in ((b"ab", 2), (b"c\r", 4), (b"\n", 0), (b"a\nb\ncd", 2), (b"e\n", 0)):
            splitter.feed(piece)
            self.assertEqual(size, self.kept(splitter))

    def test_nothing_while_a_line_is_skipped(self) -> None:
        splitter = LineSplitter(LONGEST)
        for n in range(100):
            splitter.feed(b"x" * (LONGEST - 1))
            self.assertEqual(0 if n else LONGEST - 1, self.kept(splitter))
        self.assertEqual([], splitter.feed(b"\nabc"))
        self.assertEqual(3, self.kept(splitter))

    def test_nothing_of_an_interrupt(self) -> None:
        splitter = LineSplitter(LONGEST)
        for interrupt in INTERRUPTS:
            splitter.feed(interrupt + b"rest")
            self.assertEqual(0, self.kept(splitter))

    @MORE
    @given(LIMITS, st.lists(TOKENS, max_size=20))
    def test_never_more_than_a_line_and_its_carriage_return(
        self, longest: int, pieces: list[bytes]
    ) -> None:
        splitter = LineSplitter(longest)
        for piece in pieces:
            splitter.feed(piece)
            self.assertLessEqual(self.kept(splitter), longest + 1)


class InterruptTests(SynchronousTestCase):
    """Ctrl-D and telnet's Ctrl-C, which have no line end."""

    def test_at_the_start_of_a_line_they_are_lines(self) -> None:
        for interrupt in INTERRUPTS:
            self.assertEqual([interrupt], split(LONGEST, interrupt))
            self.assertEqual([b"a", interrupt], split(LONGEST, b"a\n" + interrupt))
            self.assertEqual([b"a", interrupt], split(LONGEST, b"a\r", b"\n", interrupt))

    def test_in_pieces(self) -> None:
        for one in range(len(CTRL_C)):
            for two in range(one, len(CTRL_C)):
                pieces = CTRL_C[:one], CTRL_C[one:two], CTRL_C[two:]
                self.assertEqual([CTRL_C], split(LONGEST, *pieces), pieces)

    def test_they_are_there_with_their_last_byte(self) -> None:
        splitter = LineSplitter(LONGEST)
        for n in range(len(CTRL_C) - 1):
            self.assertEqual([], splitter.feed(CTRL_C[n : n + 1]))
        self.assertEqual([CTRL_C], splitter.feed(CTRL_C[-1:]))

    def test_within_a_line_they_are_text(self) -> None:
        for interrupt in INTERRUPTS:
            for pieces in ((b"a" + interrupt + b"\n",), (b"a", interrupt, b"\n")):
                self.assertEqual([b"a" + interrupt], split(LONGEST, *pieces))

    def test_a_part_of_one_is_text(self) -> None:
        for size in range(1, len(CTRL_C)):
            for pieces in ((CTRL_C[:size] + b"a\n",), (CTRL_C[:size], b"a", b"\n")):
                self.assertEqual([CTRL_C[:size] + b"a"], split(LONGEST, *pieces))

    def test_before_a_line_that_is_too_long(self) -> None:
        for interrupt in INTERRUPTS:
            long = interrupt + b"x" * 100
            self.assertEqual([interrupt], split(LONGEST, long))
            self.assertEqual([interrupt], split(LONGEST, long + b"\n"))
            self.assertEqual([interrupt, b"a"], split(LONGEST, long + b"\r\na\n"))

    def test_with_a_line_end_they_are_one_line(self) -> None:
        for interrupt in INTERRUPTS:
            for end in (b"\n", b"\r\n"):
                self.assertEqual([interrupt], split(LONGEST, interrupt + end))


class ForgetTests(SynchronousTestCase):
    """`forget`."""

    def test_the_line_that_is_not_complete_is_gone(self) -> None:
        splitter = LineSplitter(LONGEST)
        splitter.feed(b"a\nbc")
        splitter.forget()
        self.assertEqual(([], 0), (splitter._fragments, splitter.size))
        self.assertEqual([b"d"], splitter.feed(b"d\n"))

    def test_its_size_is_gone_too(self) -> None:
        splitter = LineSplitter(LONGEST)
        for _ in range(5):
            self.assertEqual([], splitter.feed(b"x" * LONGEST))
            splitter.forget()
        self.assertEqual([b"x" * LONGEST], splitter.feed(b"x" * LONGEST + b"\n"))

    def test_a_line_is_skipped_no_more(self) -> None:
        splitter = LineSplitter(LONGEST)
        self.assertEqual([TOO_LONG], splitter.feed(b"x" * 100))
        splitter.forget()
        self.assertEqual([b"a"], splitter.feed(b"a\n"))

    def test_with_nothing_to_forget(self) -> None:
        splitter = LineSplitter(LONGEST)
        splitter.forget()
        self.assertEqual([b"a"], splitter.feed(b"a\n"))
