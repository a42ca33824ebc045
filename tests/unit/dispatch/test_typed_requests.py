"""Typed requests, through the whole stack: in JSON straight into the inputs, or the general way."""

from __future__ import annotations

import datetime
import json
import uuid
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from actionhero_tcp import ActionError, Api, Connection, action, before_action
from tests.support.routing import SERVER_ERROR, RouterTestCase


class Reading(Struct):
    """What a device measured."""

    at: datetime.datetime
    values: list[float]
    status: Literal["ok", "warn", "fail"] = "ok"


class Accepted(Struct):
    """The response."""

    stored: int


@action(errors={401: "authenticate first"})
async def report(
    api: Api,
    connection: Connection,
    *,
    device: uuid.UUID,
    reading: Reading,
    battery: Annotated[int, Meta(ge=0, le=100)] | None = None,
) -> Accepted:
    """Store one reading of a device."""
    if device.int == 0:
        raise ActionError("authenticate first", code=401)
    return Accepted(stored=len(reading.values))


@action
def seen(api: Api, connection: Connection, *, key: str) -> dict[str, Any]:
    """Give the params back."""
    return {"params": connection.params, "again": connection.params is connection.params}


DEVICE = str(uuid.UUID(int=1))
READING = {"at": "2026-01-31T12:00:00Z", "values": [1, 2.5]}


def ask(name: str, **params: object) -> str:
    """A request in JSON."""
    return json.dumps({"action": name, "params": params})


class TypedRequestTests(RouterTestCase):
    """What comes of requests."""

    def gets(self, line: str, **expected: object) -> None:
        """Checks what a line is answered with, beside context and number."""
        answer = self.client.ask(line)
        self.assertEqual(("response", answer.pop("context")), ("response", "response"))
        answer.pop("messageCount")
        self.assertEqual(expected, answer)

    def test_a_typed_action(self) -> None:
        self.start(report)
        self.gets(ask("report", device=DEVICE, reading=READING), stored=2)
        self.gets(ask("report", device=DEVICE, reading=READING, battery="50"), stored=2)
        self.gets(ask("report", device=DEVICE, reading=json.dumps(READING), battery=""), stored=2)
        self.gets(
            ask("report", device=str(uuid.UUID(int=0)), reading=READING),
            error="authenticate first",
            code=401,
        )

    def test_a_typed_action_in_words(self) -> None:
        self.start(report)
        self.client.ask(f"paramAdd device={DEVICE}")
        self.client.ask(f"paramAdd reading={json.dumps(READING)}")
        self.client.ask("paramAdd battery=7")
        self.gets("report", stored=2)
        self.client.ask("paramAdd battery=101")
        self.gets("report", error="battery must be at most 100")

    def test_faults_name_the_path_and_are_told_together(self) -> None:
        self.start(report)
        bad = {**READING, "values": [1, 2, "x"]}
        self.gets(
            ask("report", device=DEVICE, reading=bad), error="reading.values[2] must be a number"
        )
        self.gets(
            ask("report", reading=bad, battery=500),
            error="device is a required parameter for this action",
            errors=[
                {"param": "device", "error": "device is a required parameter for this action"},
                {"param": "reading.values[2]", "error": "reading.values[2] must be a number"},
                {"param": "battery", "error": "battery must be at most 100"},
            ],
        )

    def test_an_action_sees_the_params_as_they_were_sent(self) -> None:
        self.start(seen)
        params = {"key": "k", "limit": 100, "offset": 0}
        self.gets(ask("seen", key="k"), params=params, again=True)
        self.gets(
            ask("seen", key="k", other=None, limit="5"),
            params={**params, "other": None, "limit": 5},
            again=True,
        )

    def test_a_bug_is_logged_with_no_secret_in_it(self) -> None:
        def leak(api: Api, connection: Connection, *, key: str) -> None:
            raise KeyError(key)

        self.start(leak, values={("log", "filter_params"): ("key",)})
        self.assertError(ask("leak", key="a secret of somebody"), SERVER_ERROR)
        self.assertIn("KeyError", self.log)
        self.assertNotIn("a secret", self.log)

    def test_hooks_change_params_before_they_are_converted(self) -> None:
        @before_action
        def fill(api: Any, connection: Any, call: Any) -> None:
            call.params["battery"] = "500"

        self.start(report, fill)
        self.gets(
            ask("report", device=DEVICE, reading=READING), error="battery must be at most 100"
        )

    def test_inputs_beside_the_action_get_a_hint(self) -> None:
        self.start(report)
        self.gets(
            json.dumps({"action": "report", "device": DEVICE, "battery": 5}),
            error="device is a required parameter for this action",
            hint="inputs belong in params: device, battery",
        )
        self.gets(
            json.dumps({"action": "report", "other": 1}),
            error="device is a required parameter for this action",
        )
        self.gets(
            json.dumps({"action": "report", "device": DEVICE, "params": {}}),
            error="device is a required parameter for this action",
        )

    def test_strict_params_for_all_actions(self) -> None:
        self.start(seen, values={("general", "strict_params"): True})
        self.gets(ask("seen", key="k", kay=1), error="unknown param kay; did you mean key?")
        self.gets(ask("randomNumber", kay=1), error="unknown param kay")
        self.gets(
            ask("seen", key="k", limit=5), params={"key": "k", "limit": 5, "offset": 0}, again=True
        )

    def test_schemas_are_shown_on_request(self) -> None:
        self.start(report)
        plain = self.client.ask("actionsView")["actions"]
        shown = self.client.ask(ask("actionsView", schema=True))["actions"]
        self.assertEqual([list(entry)[:4] for entry in shown], [list(entry) for entry in plain])
        (found,) = [entry for entry in shown if entry["name"] == "report"]
        self.assertEqual(["device", "reading"], found["inputSchema"]["required"])
        self.assertEqual("#/$defs/Accepted", found["outputSchema"]["$ref"])
        self.assertEqual([{"code": 401, "error": "authenticate first"}], found["errors"])

    def test_what_is_too_deep_is_refused_however_it_is_read(self) -> None:
        self.start(seen)
        deep = "[" * 70 + "]" * 70
        self.assertError(
            f'{{"action":"seen","params":{{"key":"k","a":{deep}}}}}',
            "the JSON is nested deeper than 64 levels",
        )
