"""Requests in JSON, read straight into the inputs of their actions."""

from __future__ import annotations

import decimal
import json
import uuid
from typing import Annotated, Any, Literal, NewType

from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.app.actions import MARK, Action
from actionhero_tcp.app.decorator import action
from actionhero_tcp.app.request_decoder import RequestDecoder
from actionhero_tcp.wire import json_reader
from tests.support import PROPERTY
from tests.support.json_values import JSON_VALUES


class Reading(Struct):
    """What a device measured."""

    values: list[float]
    status: Literal["ok", "warn"] = "ok"


class Odd(Struct):
    """Fails with an error of its own."""

    n: int

    def __post_init__(self) -> None:
        raise KeyError(self.n)


@action
def plain(api: Any, connection: Any, *, key: str, value: str = "v", n: int | None = None) -> None:
    """Takes plain types."""


@action
def typed(
    api: Any,
    connection: Any,
    *,
    reading: Reading,
    device: uuid.UUID | None = None,
    level: Annotated[int, Meta(ge=0, le=9)] = 5,
    either: int | str = 0,
    choice: Literal["", "a"] = "a",
    price: decimal.Decimal | None = None,
) -> None:
    """Takes all else."""


Name = NewType("Name", str)


@action
def named(
    api: Any,
    connection: Any,
    *,
    long: Annotated[str, Meta(min_length=2)] = "long",
    name: Name = Name("name"),
    bare: str | None = None,
) -> None:
    """Takes texts of all kinds."""


@action
def nothing(api: Any, connection: Any) -> None:
    """Takes nothing."""


@action
def rest(api: Any, connection: Any, *, key: str, **params: Any) -> None:
    """Takes everything."""


@action
def paged(api: Any, connection: Any, *, limit: int) -> None:
    """Takes what every request has."""


@action
def odd(api: Any, connection: Any, *, odd: Odd) -> None:
    """Takes what cannot be made."""


DEFAULT = [1]


@action
def defaulted(api: Any, connection: Any, *, items: list[int] = DEFAULT) -> None:
    """Has a default that can change."""


ACTIONS: dict[str, Action] = {
    found.name: found
    for function in (plain, typed, named, nothing, rest, paged, odd, defaulted)
    for found in [getattr(function, MARK)]
}
DECODER = RequestDecoder((found, found) for found in ACTIONS.values())


def ask(name: str, /, **params: object) -> bytes:
    """A request in JSON."""
    return json.dumps({"action": name, "params": params}).encode()


class ReadTests(SynchronousTestCase):
    """`RequestDecoder.read`."""

    def direct(self, line: bytes) -> dict[str, Any]:
        """The arguments that a line was read into."""
        found = DECODER.read(line, 64)
        self.assertIsNotNone(found)
        assert found is not None
        self.assertIsNone(found[2])
        assert found[1] is not None
        return found[1]

    def left(self, *lines: bytes) -> None:
        """Checks that lines are left to the general way."""
        for line in lines:
            self.assertIsNone(DECODER.read(line, 64), line)

    def test_reads_inputs(self) -> None:
        self.assertEqual(
            {"key": "k", "value": "w", "n": 5}, self.direct(ask("plain", key="k", value="w", n=5))
        )
        found = self.direct(ask("typed", reading={"values": [1]}, device=str(uuid.UUID(int=1))))
        self.assertEqual(Reading([1.0]), found["reading"])
        self.assertEqual(uuid.UUID(int=1), found["device"])

    def test_fills_in_defaults(self) -> None:
        self.assertEqual({"key": "k", "value": "v", "n": None}, self.direct(ask("plain", key="k")))
        names = {"long": "ab", "name": "n", "bare": "b"}
        self.assertEqual(names, self.direct(ask("named", **names)))
        self.assertEqual({"items": DEFAULT}, self.direct(b'{"action":"defaulted"}'))

    def test_a_default_that_can_be_changed_is_new_for_each_request(self) -> None:
        for _ in range(2):
            items = self.direct(b'{"action":"defaulted"}')["items"]
            self.assertEqual([1], items)
            items.append(2)

    def test_params_may_be_missing_where_none_is_required(self) -> None:
        for line in (b'{"action":"defaulted"}', b'{"params":{},"action":"defaulted"}'):
            self.assertEqual({"items": DEFAULT}, self.direct(line))
        self.left(b'{"action":"plain"}')

    def test_leaves_what_counts_as_missing(self) -> None:
        self.left(
            ask("plain", key=""),
            ask("plain", key=None),
            ask("plain", key="k", value=""),
            ask("plain", key="k", n=None),
            ask("typed", reading={"values": []}, either=""),
            ask("typed", reading={"values": []}, choice=""),
            ask("typed", reading={"values": []}, device=None),
            *(
                ask("named", **{key: empty})
                for key in ("long", "name", "bare")
                for empty in ("", None)
            ),
        )

    def test_leaves_what_has_another_type(self) -> None:
        self.left(
            ask("plain", key=5),
            ask("plain", key="k", n="5"),
            ask("plain", key="k", n=5.0),
            ask("typed", reading='{"values":[]}'),
            ask("typed", reading={"values": []}, level=10),
            ask("typed", reading={"values": []}, price="NaN"),
            ask("odd", odd={"n": 1}),
            ask("named", long="a"),
        )

    def test_leaves_what_is_not_declared(self) -> None:
        self.left(
            ask("plain", key="k", other=1),
            ask("plain", key="k", limit=1),
            b'{"action":"nothing","id":1}',
        )

    def test_leaves_what_is_no_request(self) -> None:
        self.left(
            *(b"{", b"[]", b"5", b"{}", b'{"action":5}', b'{"action":"missing"}', b"\xff"),
            *(b'{"action":"nothing","params":[]}', b'{"action":"nothing","params":null}'),
            *(b'{"action":"nothing","action":"plain"}', b'{"action":"plain","action":"nothing"}'),
            b'{"action":"plain","params":{"key":"\\ud800"}}',
        )

    def test_leaves_what_may_be_too_deep(self) -> None:
        deep = ask("rest", key="k", a=[[[[[[[[]]]]]]]])
        self.assertIsNotNone(DECODER.read(deep, 64))
        self.assertIsNone(DECODER.read(deep, 5))
        self.left(b'{"action":"rest","params":{"a":' + b"[" * 5000 + b"]" * 5000 + b"}}")

    def test_reads_only_the_line_where_the_inputs_have_to_wait(self) -> None:
        for name in ("rest", "paged", "nothing"):
            params = {"key": None, "limit": "5"}
            found = DECODER.read(ask(name, **params), 64)
            self.assertEqual((ACTIONS[name], None, params), found)

    def test_there_may_be_no_actions(self) -> None:
        self.assertIsNone(RequestDecoder([]).read(b'{"action":"plain"}', 64))

    def test_an_input_may_have_any_name(self) -> None:
        def act(api: Any, connection: Any, *, params: int, self: int = 1, _x: int = 2) -> None: ...

        found_action = getattr(action(act), MARK)
        decoder = RequestDecoder([(found_action, found_action)])
        line = b'{"action":"act","params":{"params":5}}'
        found = decoder.read(line, 64)
        assert found is not None
        self.assertIn(found[1], (None, {"params": 5, "self": 1, "_x": 2}))

    @PROPERTY
    @given(
        st.sampled_from(["plain", "typed", "named", "defaulted"]),
        st.dictionaries(
            st.sampled_from(
                [
                    *("key", "value", "n", "reading", "level", "either", "choice", "price"),
                    *("items", "long", "name", "bare"),
                ]
            ),
            JSON_VALUES
            | st.sampled_from(["NaN", "1.5", "a", "", None, 5, {"values": [1, 2.5]}, [1, 2]]),
        ),
    )
    def test_gives_what_the_general_way_gives(self, name: str, params: dict[str, Any]) -> None:
        line = ask(name, **params)
        found = DECODER.read(line, 64)
        if found is None:
            return
        document: Any = json_reader.loads(line, 64)
        expected = ACTIONS[name].inputs.arguments(document["params"])
        self.assertEqual(repr(expected), repr(found[1]))

    @PROPERTY
    @given(
        st.fixed_dictionaries(
            {"key": st.text(min_size=1)},
            optional={"value": st.text(min_size=1), "n": st.integers()},
        )
    )
    def test_reads_what_has_the_types(self, params: dict[str, Any]) -> None:
        self.assertEqual({"value": "v", "n": None, **params}, self.direct(ask("plain", **params)))
