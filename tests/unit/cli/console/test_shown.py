"""What the console shows, and what it offers to complete."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.cli.console import completion, shown
from actionhero_tcp.cli.console.completion import Action, Offer
from actionhero_tcp.cli.console.server_address import ServerAddress
from actionhero_tcp.dispatch.commands_29 import Commands29
from tests.support import PROPERTY, make_commands

ANYTHING: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def plain(text: str) -> str:
    """A text without its colours."""
    return re.sub(r"\x1b\[\d+m", "", text)


class ShownTests(SynchronousTestCase):
    """Messages in a terminal and in a pipe."""

    def test_colours(self) -> None:
        self.assertEqual(
            '{\n  \x1b[34m"a"\x1b[0m: \x1b[32m"b: 1"\x1b[0m,\n'
            '  \x1b[34m"c"\x1b[0m: \x1b[36m-1.5e-07\x1b[0m,\n'
            '  \x1b[34m"d"\x1b[0m: \x1b[35mtrue\x1b[0m\n}',
            shown.indented({"a": "b: 1", "c": -1.5e-7, "d": True}),
        )

    @PROPERTY
    @given(st.dictionaries(st.text(), ANYTHING))
    def test_nothing_steers_the_terminal(self, message: dict[str, Any]) -> None:
        for text in (
            shown.indented(message),
            shown.said({"context": "user", "from": "x", "room": "r", "message": message}),
            shown.failed(message),
            shown.file_shown(json.dumps(message, ensure_ascii=False).encode("utf-8", "replace"), 1),
        ):
            self.assertTrue(plain(text).replace("\n", "").isprintable(), text)

    @PROPERTY
    @given(st.dictionaries(st.text(), ANYTHING))
    def test_a_line_of_a_pipe_is_one_line_of_json(self, message: dict[str, Any]) -> None:
        line = shown.compact(message)
        self.assertEqual(len(line) - 1, line.find(b"\n"))
        self.assertEqual(message, json.loads(line))

    def test_answers_have_their_time(self) -> None:
        text = plain(shown.answered({"a": 1}, 7, 0.00123))
        self.assertEqual('{\n  "a": 1\n}\n#7 · 1.2 ms', text)

    def test_what_is_said(self) -> None:
        message = {"message": "hi\x1b[2J", "room": "r", "from": "x", "context": "user", "sentAt": 1}
        self.assertEqual("x in r: hi\\x1b[2J", plain(shown.said(message)))
        self.assertEqual('{\n  "context": "user"\n}', plain(shown.said({"context": "user"})))

    def test_files(self) -> None:
        self.assertEqual(
            "a\n    b\n6 bytes · 1.0 ms", plain(shown.file_shown(b"a\r\n\tb\n", 0.001))
        )
        self.assertEqual("0 bytes · 1.0 ms", plain(shown.file_shown(b"", 0.001)))
        self.assertEqual("\\x1b[2J\n4 bytes · 1.0 ms", plain(shown.file_shown(b"\x1b[2J", 0.001)))
        self.assertEqual("2 bytes, no text · 1.0 ms", plain(shown.file_shown(b"\xff\n", 0.001)))
        text = plain(shown.file_shown(b"x" * 10_000, 0.001))
        self.assertEqual("x" * 4096, text.partition("\n")[0])
        self.assertIn("10,000 bytes, of which 4,096 characters are shown", text)
        self.assertEqual({"context": "response", "bytes": 1, "text": "x"}, shown.file_message(b"x"))
        self.assertEqual("/w==", shown.file_message(b"\xff")["base64"])


class PlaceTests(SynchronousTestCase):
    """Where the console connects to."""

    def test_places(self) -> None:
        for text, host, port, path in (
            ("localhost:5000", "localhost", 5000, ""),
            ("[::1]:1", "::1", 1, ""),
            ("unix:/run/x", "", None, "/run/x"),
        ):
            place = ServerAddress(text)
            self.assertEqual(
                (host, port, path, text), (place.host, place.port, place.path, str(place))
            )

    def test_what_is_none(self) -> None:
        for text in (
            "",
            "localhost",
            ":5000",
            "localhost:",
            "localhost:x",
            "a:65536",
            "a:-1",
            "unix:",
        ):
            self.assertRaises(ValueError, ServerAddress, text)


ACTIONS = [
    Action("cacheTest", "tests", ("key", "value")),
    Action("cachePurge", "purges", ()),
    Action("show", "shows", ("key",)),
]


class CompletionTests(SynchronousTestCase):
    """What a line may go on with."""

    def texts(self, line: str) -> list[str]:
        """The whole lines that are offered."""
        return [
            line[: len(line) - offer.replaced] + offer.text
            for offer in completion.offers(line, ACTIONS)
        ]

    def test_verbs_and_actions(self) -> None:
        self.assertEqual(["cachePurge", "cacheTest"], self.texts("ca"))
        self.assertEqual(["say", "show"], self.texts("s"))
        self.assertEqual(["  roomChange", "  roomView"], self.texts("  room"))
        self.assertEqual(len(completion.VERBS["2012"]) + 3, len(self.texts("")))
        later = [offer.text for offer in completion.offers("room", ACTIONS, "29")]
        self.assertEqual(["roomAdd", "roomLeave", "roomView"], later)
        (offer,) = completion.offers("cacheT", ACTIONS)
        self.assertEqual(Offer("cacheTest", 6, "tests"), offer)
        self.assertEqual([], self.texts("say s"))

    def test_the_verbs_are_those_of_the_server(self) -> None:
        table = make_commands(None).verbs
        self.assertEqual({verb.name for verb in table}, set(completion.VERBS["2012"]))
        nothing: Any = None
        later = Commands29(nothing, nothing, nothing, nothing, nothing).verbs
        self.assertEqual({verb.name for verb in later}, set(completion.VERBS["29"]))

    def test_params(self) -> None:
        self.assertEqual(["paramAdd key=", "paramAdd value="], self.texts("paramAdd "))
        self.assertEqual(["paramView key"], self.texts("paramView k"))
        self.assertEqual([], self.texts("paramAdd key="))
        self.assertEqual([], self.texts("paramAdd x k"))
        (offer,) = completion.offers("paramAdd k", ACTIONS)
        self.assertEqual("cacheTest, show", offer.help)

    def test_json(self) -> None:
        whole = '{"action":"cacheTest","params":{"key":"","value":""}}'
        self.assertIn(whole, self.texts("{"))
        self.assertEqual([whole], self.texts('{"action":"cacheT'))
        self.assertEqual(['{"action":"cachePurge"}'], self.texts('{ "action": "cacheP'))
        begun = '{"action":"cacheTest","params":{'
        self.assertEqual([f'{begun}"key":', f'{begun}"value":'], self.texts(begun))
        self.assertEqual([f'{begun}"value":'], self.texts(f'{begun}"v'))
        self.assertEqual([f'{begun}"key":"k","value":'], self.texts(f'{begun}"key":"k","'))
        for line in (f'{begun}"key":"v', '{"action":"x","params":{', '{"b', whole):
            self.assertEqual([], self.texts(line))

    def test_values_and_nested_fields_by_the_schema(self) -> None:
        schema = {
            "properties": {
                "reading": {"$ref": "#/$defs/Reading"},
                "exact": {"type": "boolean", "default": False},
                "colour": {"anyOf": [{"enum": ["red", "blue"]}, {"type": "null"}]},
                "parts": {"type": "array", "items": {"$ref": "#/$defs/Reading"}},
            },
            "$defs": {
                "Reading": {
                    "properties": {
                        "at": {"type": "string"},
                        "status": {"enum": ["ok", "off", "warn"]},
                    }
                }
            },
        }
        actions = [Action("report", "reports", ("reading",), schema)]

        def ends(line: str) -> list[str]:
            return [
                line[: len(line) - offer.replaced] + offer.text
                for offer in completion.offers(line, actions)
            ]

        begun = '{"action":"report","params":{'
        self.assertEqual([f'{begun}"reading":'], ends(f'{begun}"r'))
        inner = begun + '"exact":true,"reading":{'
        self.assertEqual([f'{inner}"at":', f'{inner}"status":'], ends(inner))
        self.assertEqual([f'{inner}"at":1,"status":'], ends(f'{inner}"at":1,'))
        self.assertEqual(
            [f'{inner}"status":"ok"', f'{inner}"status":"off"'], ends(f'{inner}"status":"o')
        )
        self.assertEqual(
            [f'{begun}"exact":true', f'{begun}"exact":false'], ends(f'{begun}"exact":')
        )
        self.assertEqual([f'{begun}"exact":true'], ends(f'{begun}"exact":t'))
        self.assertEqual(2, len(ends(f'{begun}"colour": ')))
        listed = begun + '"parts":[{"at":"[{"},{"status":"w'
        self.assertEqual([listed + 'arn"'], ends(listed))
        for nothing in (
            '"reading":{}',
            '"reading":{},"x":',
            '"at":"',
            '"parts":[',
            "}",
            "}}",
            '"r"',
        ):
            self.assertEqual([], ends(begun + nothing), nothing)
        self.assertEqual(["paramAdd colour=red"], ends("paramAdd colour=r"))
        self.assertEqual(["paramAdd exact=true", "paramAdd exact=false"], ends("paramAdd exact="))

    def test_a_schema_may_hold_itself(self) -> None:
        schema = {
            "properties": {"a": {"$ref": "#/$defs/A"}},
            "$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}]}},
        }
        actions = [Action("act", "", ("a",), schema)]
        self.assertEqual([], list(completion.offers('{"action":"act","params":{"a":', actions)))

    @PROPERTY
    @given(st.text(st.sampled_from('{}[]:,"\\ab1 '), max_size=20))
    def test_any_text_may_be_typed(self, text: str) -> None:
        schema = {"properties": {"a": {"enum": ["b"]}, "b": {"items": {"type": "boolean"}}}}
        actions = [Action("act", "", ("a", "b"), schema)]
        for offer in completion.offers(f'{{"action":"act","params":{{{text}', actions):
            self.assertTrue(offer.text)
            self.assertTrue(0 <= offer.replaced <= len(text), offer)

    def test_what_the_server_tells(self) -> None:
        good = {"name": "a", "description": "b", "inputs": {"required": ["c"], "optional": ["d"]}}
        answer: dict[str, Any] = {"actions": [good, {}, 7, {"name": "x", "inputs": 7}]}
        self.assertEqual([Action("a", "b", ("c", "d"))], completion.read_actions(answer))
        self.assertEqual([], completion.read_actions({}))
