"""The installed daemon as a process, over TCP: verbs, actions, stopping, refusing to start."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from tests.support import PATIENCE, TWISTD, Daemon, wait_for
from tests.support.integration import (
    GOODBYE,
    MEGABYTE,
    MEMORY_SLACK,
    WELCOME,
    DaemonTestCase,
    OwnDaemonTestCase,
    Talker,
    make_pair,
    memory,
    play_documented_session,
    request,
    wait_until_stalled,
)

BUILTIN = ["actionsView", "cacheTest", "file", "randomNumber", "sleepTest", "status"]

ACTIONS = """
import os
import threading
from pathlib import Path

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import deferLater

from actionhero_tcp import ActionError, action

opened = threading.Event()


@action
def plain(api, connection, *, number: int):
    return {"double": 2 * number, "client": connection.id}


@action
def nothing(api, connection):
    pass


@action
async def waits(api, connection):
    await deferLater(api.reactor, 0)
    return {"waited": True}


@action
def deferred(api, connection):
    return deferLater(api.reactor, 0, lambda: {"deferred": True})


@action
def fired(api, connection):
    return succeed({"fired": True})


@action(blocking=True)
def blocks(api, connection):
    connection.send({"in": "thread"})
    in_main = threading.current_thread() is threading.main_thread()
    return {"opened": opened.wait(30), "main": in_main}


@action
def opens(api, connection):
    opened.set()


@action
def refuses(api, connection):
    raise ActionError("no such user", {"code": 404})


@action
def refusesWith(api, connection, *, key: str):
    raise ActionError("never", {key: object()})


@action
def fails(api, connection, *, why: str = "because"):
    raise ValueError(why)


@action
async def failsLater(api, connection):
    await deferLater(api.reactor, 0)
    raise ValueError("later")


@action(blocking=True)
def failsInThread(api, connection):
    raise ValueError("in a thread")


@action
def returnsList(api, connection):
    return [1, 2]


@action
def returnsNaN(api, connection):
    return {"it": float("nan")}


@action
async def returnsAComplex(api, connection):
    await deferLater(api.reactor, 0)
    return {"it": 1j}


@action
async def never(api, connection, *, marker: str = "never"):
    Path(marker + ".started").touch()
    try:
        await Deferred()
    finally:
        Path(marker + ".cancelled").touch()


@action
async def untilFile(api, connection, *, path: str):
    while not os.path.exists(path):
        await deferLater(api.reactor, 0.01)
    return {"seen": path}


@action
async def largeLater(api, connection):
    await deferLater(api.reactor, 0)
    return {"large": "x" * 200_000}


@action
def sends(api, connection):
    connection.send({"before": "the response"})
    api.send_socket_message(connection, {"also": "☃"})


@action
def hangsUp(api, connection):
    connection.close()
    return {"last": True}
"""

REPLACED = """
from actionhero_tcp import action


@action
def randomNumber(api, connection):
    return {"randomNumber": 4}
"""

SUBFOLDER = """
from actionhero_tcp import action

from .._shared import ANSWER


@action(name="sub.action", description="In a subfolder", output_example={"answer": 42})
async def anything(api, connection, *, needed: str, more: list | None = None, **rest):
    return {"answer": ANSWER, "needed": needed, "more": more, "rest": rest}
"""

FILES = {
    "actions/all.py": ACTIONS,
    "actions/random.py": REPLACED,
    "actions/_shared.py": "ANSWER = 42\n",
    "actions/sub/folder.py": SUBFOLDER,
}

UNTIL_FILE = """
import os
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from actionhero_tcp import action


@action
async def untilFile(api, connection, *, path: str):
    while not os.path.exists(path):
        await deferLater(api.reactor, 0.01)
    return {"seen": path}


@action
async def never(api, connection):
    await Deferred()
"""

EVIL = "a\x1b[31m\x07\nFORGED\r\x9b1m\u2028"
"""What steers a terminal and forges a line, should it reach a log as it is."""

NOT_FOR_A_LOG = re.compile(r"[^\n\t\x20-\x7e\xa0-\u2027\u202a-\U0010ffff]")


def response(number: int, **fields: object) -> dict[str, object]:
    """A response, as it is to be."""
    return {"context": "response", **fields, "messageCount": number}


class NewcomerTests(OwnDaemonTestCase):
    """A daemon without a config file, in an empty folder."""

    def test_greets(self) -> None:
        with self.start().connect() as stream:
            self.assertEqual(Talker(stream).line(), WELCOME)

    def test_has_six_actions(self) -> None:
        actions = self.join(self.start()).ask("actionsView")["actions"]
        self.assertEqual([action["name"] for action in actions], BUILTIN)

    def test_logs_where_it_listens(self) -> None:
        running = self.start()
        running.wait_for_log(f"listening on 127.0.0.1:{running.port}")

    def test_plays_the_documented_session(self) -> None:
        play_documented_session(self, self.join(self.start()))

    def test_sleeps_and_tells_its_status(self) -> None:
        client = self.join(self.start())
        slept = client.ask_json("sleepTest", sleepDuration=20)
        self.assertEqual(slept["sleepDuration"], 20)
        self.assertEqual(slept["sleepDelta"], slept["sleepEnded"] - slept["sleepStarted"])
        self.assertGreaterEqual(slept["sleepDelta"], 19)
        stats = client.ask("status")["stats"]
        self.assertGreaterEqual(stats["socketServer"]["numberOfLocalActiveSocketClients"], 1)
        self.assertGreater(stats["memoryConsumption"], MEGABYTE)


class SessionTests(DaemonTestCase):
    """Verbs, built-in actions, lines of all kinds; nobody hears who comes and goes."""

    options = ("--announce-limit=0",)

    def test_verbs_to_the_byte(self) -> None:
        client = self.join()
        ok = b'{"status":"OK","context":"response","messageCount":%d}'
        for number, (line, expected) in enumerate(
            [
                (b"paramAdd a=b=c d", ok),
                (b"addParam e=", ok),
                (
                    b"paramView a",
                    b'{"context":"response","params":{"a":"b=c d"},"messageCount":%d}',
                ),
                (b"viewParam e", b'{"context":"response","params":{"e":""},"messageCount":%d}'),
                (b"paramView x", b'{"context":"response","params":{},"messageCount":%d}'),
                (
                    b"paramsView",
                    b'{"context":"response","params":{"a":"b=c d","e":""},"messageCount":%d}',
                ),
                (b"paramDelete a", ok),
                (b"deleteParam nope", ok),
                (
                    b"paramsDelete",
                    b'{"context":"response","status":"OK","messageCount":%d}',
                ),
                (b"paramsView", b'{"context":"response","params":{},"messageCount":%d}'),
                (
                    "roomChange ☃/".encode(),
                    '{"context":"response","status":"OK","room":"☃/","messageCount":%d}'.encode(),
                ),
                (b"say hello", b'{"context":"response","status":"OK","messageCount":%d}'),
            ],
            1,
        ):
            client.send(line + b"\r\n")
            self.assertEqual(client.line(), expected % number, line)

    def test_room_view_to_the_byte(self) -> None:
        client = self.join()
        client.send(b"roomChange mine\nroomView\n")
        client.line()
        view = client.line().decode()
        self.assertRegex(
            view,
            r'^\{"context":"response","status":"OK","room":"mine","roomStatus":\{"room":"mine",'
            r'"members":\["[0-9a-f]{32}"\],"membersCount":1\},"messageCount":2\}$',
        )

    def test_quit_answers_and_closes(self) -> None:
        for word in ("quit", "exit", "close"):
            client = self.join()
            client.send(word.encode() + b"\n")
            self.assertEqual(
                client.rest(), b'{"status":"Bye!","context":"response","messageCount":1}\r\n'
            )

    def test_quit_closes_after_what_runs(self) -> None:
        client = self.join()
        client.send(request("sleepTest", sleepDuration=50).encode() + b"\nquit\nparamsView\n")
        bye, slept = client.rest_messages()
        self.assertEqual(bye, {"status": "Bye!", "context": "response", "messageCount": 2})
        self.assertEqual((slept["messageCount"], slept["sleepDuration"]), (1, 50))

    def test_control_characters_close_like_quit(self) -> None:
        for interrupt in (b"\x04", b"\xff\xf4\xff\xfd\x06"):
            client = self.join()
            client.send(interrupt)
            self.assertEqual(
                client.rest(), b'{"status":"Bye!","context":"response","messageCount":1}\r\n'
            )

    def test_malformed_verbs_say_what_they_take(self) -> None:
        client = self.join()
        for line in ("paramAdd", "paramAdd key", "paramAdd =v", "paramView", "roomChange a b"):
            answer = client.ask(line)
            self.assertIn(line.partition(" ")[0] + " takes", answer["error"])
        self.assertEqual(client.ask("paramsView")["params"], {})

    def test_unknown_actions(self) -> None:
        client = self.join()
        self.assertEqual(client.ask("hello"), response(1, error="hello is not a known action."))
        self.assertEqual(client.ask("   "), response(2, error="{no action} is not a known action."))
        self.assertEqual(
            client.ask("x" * 70), response(3, error="x" * 64 + "… is not a known action.")
        )

    def test_slow_then_fast_answers_fast_first(self) -> None:
        client = self.join()
        client.send(b"paramAdd sleepDuration=100\nsleepTest\nrandomNumber\n")
        self.assertEqual([m["messageCount"] for m in client.messages(3)], [1, 3, 2])

    def test_a_later_param_does_not_reach_a_running_action(self) -> None:
        client = self.join()
        client.send(b"paramAdd sleepDuration=60\nsleepTest\nparamAdd sleepDuration=1\n")
        self.assertEqual(client.messages(3)[-1]["sleepDuration"], 60)

    def test_json_requests(self) -> None:
        client = self.join()
        client.ask("paramAdd key=sticky")
        answer = client.ask_json("cacheTest", key="ключ", value="☃/\n")
        self.assertEqual(
            answer["cacheTestResults"],
            {
                "key": "ключ",
                "value": "☃/\n",
                "saveResp": "new record",
                "loadResp": "☃/\n",
                "deleteResp": True,
            },
        )
        self.assertEqual(
            client.ask_json("cacheTest", value="v"),
            response(3, error="key is a required parameter for this action"),
        )
        self.assertEqual(client.ask("paramsView")["params"], {"key": "sticky"})

    def test_bad_json_runs_nothing(self) -> None:
        client = self.join()
        for line, text in (
            ("{", "not valid JSON"),
            ('{"action":"randomNumber","params":{"a":NaN}}', "NaN is not JSON"),
            ('{"action":7}', '"action" must be a string'),
            ('{"action":"randomNumber","params":[]}', '"params" must be an object'),
            ('{"params":{}}', "{no action} is not a known action."),
            ('{"action":"randomNumber"} x', "not valid JSON"),
        ):
            answer = client.ask(line)
            self.assertIn(text, answer["error"])
            self.assertNotIn("randomNumber", answer)

    def test_a_line_that_is_no_utf8_is_refused(self) -> None:
        client = self.join()
        client.send(b"say \xff\xfe\nparamsView\n")
        self.assertIn("UTF-8", client.message()["error"])
        self.assertEqual(client.message(), response(2, params={}))

    def test_empty_lines_are_not_counted(self) -> None:
        client = self.join()
        client.send(b"\n\r\n" * 40_000 + b"paramsView\n")
        self.assertEqual(client.message()["messageCount"], 1)

    def test_the_longest_line_is_served_and_a_longer_one_refused(self) -> None:
        client = self.join()
        longest = b"paramAdd k=v".ljust(65536, b"x")
        client.send(longest + b"\r\n" + longest + b"x\r\nparamsView\n")
        first, second, third = client.messages(3)
        self.assertIn("16384 bytes", first["error"])
        self.assertIn("65536 bytes long", second["error"])
        self.assertEqual(third, response(3, params={}))

    def test_a_line_of_many_megabytes_is_skipped_without_being_kept(self) -> None:
        client = self.join()
        client.ask("paramsView")
        before = memory(self.daemon)
        for _ in range(64):
            client.send(b"x" * MEGABYTE)
        client.send(b"\nparamsView\n")
        self.assertIn("65536 bytes long", client.message()["error"])
        self.assertEqual(client.message(), response(3, params={}))
        self.assertLess(memory(self.daemon) - before, MEMORY_SLACK)

    def test_a_line_that_drips_in_byte_by_byte(self) -> None:
        client = self.join()
        for byte in b"paramAdd key=value\r\n":
            client.send(bytes([byte]))
        self.assertEqual(client.message()["status"], "OK")
        self.assertEqual(client.ask("paramView key")["params"], {"key": "value"})

    def test_one_carriage_return_before_the_line_end_is_dropped_however_it_is_cut(self) -> None:
        witness = self.join()
        for parts in (
            (b"paramAdd k=x\r\r\nparamView k\n",),
            (b"paramAdd k=x\r", b"\r\nparamView k\n"),
            (b"paramAdd k", b"=x\r\r\nparamView k\n"),
            (b"paramAdd k=x\r\r", b"\nparamView k\n"),
        ):
            client = self.join()
            for part in parts:
                client.send(part)
                # An answer to another: what was sent before has been read by then.
                witness.ask("paramsView")
            self.assertEqual(client.messages(2)[1]["params"], {"k": "x\r"}, parts)

    def test_answers_20_000_pipelined_lines_in_order(self) -> None:
        client = self.join()
        lines = b"paramsView\r\ndetailsView\nrandomNumber\nnope\n" * 5000
        answers = client.pipeline(lines, 20_000)
        self.assertEqual([m["messageCount"] for m in answers], list(range(1, 20_001)))
        self.assertIn("details", answers[19_997])
        self.assertIn("randomNumber", answers[19_998])

    def test_a_client_that_does_not_read_for_a_while_loses_nothing(self) -> None:
        observer = self.join()
        client = self.join(receive_buffer=4096)
        client.ask("paramAdd key=" + "v" * 10_000)
        before = memory(self.daemon)
        client.send(b"paramsView\n" * 3000)
        wait_until_stalled(observer)
        self.assertLess(memory(self.daemon) - before, MEMORY_SLACK)
        for number in range(2, 3002):
            answer = client.message()
            self.assertEqual(answer["messageCount"], number)
            self.assertEqual(len(answer["params"]["key"]), 10_000)
        self.assertEqual(client.ask("quit")["messageCount"], 3002)

    def test_half_close_gets_all_answers_then_the_end(self) -> None:
        client = self.join()
        client.send(request("sleepTest", sleepDuration=100).encode() + b"\nparamsView\n")
        client.finish()
        view, slept = client.rest_messages()
        self.assertEqual((view["messageCount"], slept["messageCount"]), (2, 1))
        self.assertEqual(slept["sleepDuration"], 100)

    def test_half_close_behind_thousands_of_lines(self) -> None:
        client = self.join(receive_buffer=4096)
        client.send(b"detailsView\n" * 5000)
        client.finish()
        answers = client.rest_messages()
        self.assertEqual([m["messageCount"] for m in answers], list(range(1, 5001)))

    def test_half_close_without_a_last_line_end(self) -> None:
        client = self.join()
        client.send(b"paramsView\nparamsVi")
        client.finish()
        self.assertEqual(client.rest_messages(), [response(1, params={})])

    def test_request_log_on_standard_output(self) -> None:
        client = self.join()
        own_id = client.id()
        client.ask("nope")
        client.ask("paramAdd secret=hidden")
        client.ask("quit")
        self.assertEqual(client.rest(), b"")
        client.close()
        self.daemon.wait_for_log(f"disconnect client={own_id}")
        about = [line for line in self.daemon.log.splitlines() if f"client={own_id}" in line]
        connect, details, nope, _, bye, disconnect = about
        self.assertRegex(connect, r"^\S+Z connect client=\w+ from=127\.0\.0\.1:\d+$")
        self.assertRegex(details, r"number=1 name=detailsView ms=\d+\.\d+ ok$")
        self.assertIn("number=2 name=nope", nope)
        self.assertTrue(nope.endswith('error="nope is not a known action."'), nope)
        self.assertIn("name=quit", bye)
        self.assertIn("requests=4", disconnect)
        self.assertTrue(disconnect.endswith('reason="quit"'), disconnect)
        self.assertNotIn("hidden", self.daemon.log)


class ActionTests(DaemonTestCase):
    """Actions in the user's own folder."""

    options = ("--close-timeout=0.2", "--announce-limit=0")
    files = FILES

    def marker(self, name: str) -> Path:
        return self.daemon.folder / name

    def test_user_actions_stand_beside_and_replace_builtin_ones(self) -> None:
        client = self.join()
        actions = {a["name"]: a for a in client.ask("actionsView")["actions"]}
        self.assertLess({*BUILTIN, "plain", "sub.action"}, actions.keys())
        self.assertEqual(client.ask("randomNumber"), response(2, randomNumber=4))
        self.assertEqual(
            actions["sub.action"],
            {
                "name": "sub.action",
                "description": "In a subfolder",
                "inputs": {"required": ["needed"], "optional": ["more"]},
                "outputExample": {"answer": 42},
            },
        )

    def test_sync(self) -> None:
        client = self.join()
        own_id = client.id()
        client.ask("paramAdd number=21")
        self.assertEqual(client.ask("plain"), response(3, double=42, client=own_id))
        self.assertEqual(client.ask_json("plain", number=4), response(4, double=8, client=own_id))
        self.assertEqual(
            client.ask_json("plain", number="x")["error"], "number must be a whole number"
        )

    def test_nothing_returned_is_ok(self) -> None:
        self.assertEqual(self.join().ask("nothing"), response(1, status="OK"))

    def test_async_and_deferred(self) -> None:
        client = self.join()
        self.assertEqual(client.ask("waits"), response(1, waited=True))
        self.assertEqual(client.ask("deferred"), response(2, deferred=True))
        self.assertEqual(client.ask("fired"), response(3, fired=True))

    def test_subfolder_with_all_kinds_of_params(self) -> None:
        answer = self.join().ask_json("sub.action", needed="n", more=[1], other=None)
        self.assertEqual((answer["answer"], answer["needed"], answer["more"]), (42, "n", [1]))
        self.assertEqual(answer["rest"]["other"], None)

    def test_blocking_holds_up_nobody(self) -> None:
        client, other = self.join(), self.join()
        client.send(b"blocks\n")
        self.assertEqual(client.message(), {"in": "thread", "context": "api"})
        self.assertEqual(other.ask("waits"), response(1, waited=True))
        self.assertEqual(client.ask("opens"), response(2, status="OK"))
        self.assertEqual(client.message(), response(1, opened=True, main=False))

    def test_messages_beside_the_response(self) -> None:
        client = self.join()
        client.send(b"sends\n")
        self.assertEqual(client.line(), b'{"before":"the response","context":"api"}')
        self.assertEqual(client.line(), '{"also":"☃","context":"api"}'.encode())
        self.assertEqual(client.message(), response(1, status="OK"))

    def test_one_who_reads_large_answers_late_is_served_on(self) -> None:
        client, observer = self.join(receive_buffer=4096), self.join()
        client.send(b"largeLater\n" * 99)
        wait_until_stalled(observer)
        answers = client.messages(99)
        self.assertEqual(sorted(m["messageCount"] for m in answers), list(range(1, 100)))
        client.send(b"paramsView\n" * 1000)
        answers = client.messages(1000)
        self.assertEqual([m["messageCount"] for m in answers], list(range(100, 1100)))

    def test_an_action_that_hangs_up(self) -> None:
        client = self.join()
        client.send(b"hangsUp\n")
        self.assertEqual(client.rest_messages(), [response(1, last=True)])

    def test_the_error_class_for_clients(self) -> None:
        self.assertEqual(self.join().ask("refuses"), response(1, error="no such user", code=404))

    def test_any_other_error_stays_in_the_log(self) -> None:
        self.traceback_expected = True
        client = self.join()
        for number, name in enumerate(("fails", "failsLater", "failsInThread"), 1):
            self.assertEqual(
                client.ask(name),
                response(number, error="The server experienced an internal error"),
            )
        for text in ("ValueError: because", "ValueError: later", "ValueError: in a thread"):
            self.daemon.wait_for_log(text)

    def test_what_is_no_json_object_is_an_error(self) -> None:
        client = self.join()
        for number, name in enumerate(("returnsList", "returnsNaN", "returnsAComplex"), 1):
            self.assertEqual(
                client.ask(name),
                response(number, error="The server experienced an internal error"),
            )
            told = f"the action {name}"
            self.daemon.wait_for_log(told)

    def test_cancelled_when_its_client_resets(self) -> None:
        client = self.join()
        client.send(request("never", marker="reset").encode() + b"\n")
        wait_for(self.marker("reset.started").exists, "the action's start")
        client.reset()
        wait_for(self.marker("reset.cancelled").exists, "the action's end")

    def test_cancelled_when_its_client_hangs_up(self) -> None:
        client = self.join()
        client.send(request("never", marker="fin").encode() + b"\n")
        wait_for(self.marker("fin.started").exists, "the action's start")
        client.close()
        wait_for(self.marker("fin.cancelled").exists, "the action's end")

    def test_half_close_with_an_action_without_end(self) -> None:
        client = self.join()
        client.send(request("never", marker="half").encode() + b"\n")
        client.finish()
        (answer,) = client.rest_messages()
        self.assertEqual(answer["messageCount"], 1)
        self.assertIn("closed the connection", answer["error"])
        wait_for(self.marker("half.cancelled").exists, "the action's end")

    def test_control_characters_do_not_reach_the_log(self) -> None:
        self.traceback_expected = True
        client = self.join()
        evil = EVIL
        client.send(b"bad\x1b[31m\x07\x00name\n")
        client.message()
        client.ask_json(evil)
        client.ask_json("fails", why=evil)
        client.ask_json("file", fileName=evil)
        client.ask("roomChange a\x1b[31mb")
        client.ask("paramView \x1b[31m \x07")
        client.send(b"say \xff\x1b\n")
        client.message()
        self.check_log(client)
        self.daemon.wait_for_log("ValueError: a\\x1b[31m\\x07")

    def test_control_characters_of_a_field_do_not_reach_the_log(self) -> None:
        client = self.join()
        self.assertEqual(client.ask_json("refusesWith", key=EVIL), response(1, error="never"))
        self.check_log(client)
        self.daemon.wait_for_log("as it is: a\\x1b[31m")

    def check_log(self, client: Talker) -> None:
        """What the test has had logged holds no control character and no forged line."""
        own_id = client.id()
        client.close()
        self.daemon.wait_for_log(f"disconnect client={own_id}")
        log = self.daemon.log[self.log_start :]
        self.assertEqual(set(NOT_FOR_A_LOG.findall(log)), set())
        self.assertEqual([line for line in log.split("\n") if line.startswith("FORGED")], [])


class ActionTimeoutTests(DaemonTestCase):
    """Actions have 0.2 seconds."""

    options = ("--action-timeout=0.2", "--announce-limit=0")
    files = FILES

    def test_an_action_past_its_time_is_cancelled(self) -> None:
        client = self.join()
        self.assertEqual(
            client.ask("never"), response(1, error="never did not finish within 0.2 seconds")
        )
        wait_for((self.daemon.folder / "never.cancelled").exists, "the action's end")
        self.assertEqual(client.ask("nothing"), response(2, status="OK"))

    def test_a_blocking_action_past_its_time(self) -> None:
        client = self.join()
        client.send(b"blocks\n")
        self.assertEqual(client.message(), {"in": "thread", "context": "api"})
        self.assertEqual(
            client.message(), response(1, error="blocks did not finish within 0.2 seconds")
        )
        self.assertEqual(client.ask("opens"), response(2, status="OK"))
        self.assertEqual(client.ask("waits"), response(3, waited=True))


class StoppingTests(OwnDaemonTestCase):
    """SIGTERM and SIGINT."""

    def setUp(self) -> None:
        # A shell's background jobs ignore SIGINT, and would have the daemon ignore it too.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)

    def check_orderly_stop(self, number: int) -> None:
        # Those who come are announced at once: the second one hears nothing of the first.
        running = self.start("--announce-delay=0", files={"actions/until.py": UNTIL_FILE})
        idle, busy = self.join(running), self.join(running)
        self.assertEqual(idle.message()["message"], "I have entered the room")
        busy.send(request("untilFile", path="go").encode() + b"\nparamsView\n")
        self.assertEqual(busy.message()["messageCount"], 2)
        running.process.send_signal(number)
        self.assertEqual(busy.line(), GOODBYE)
        self.assertEqual(idle.line(), GOODBYE)
        self.assertRaises(ConnectionRefusedError, running.connect)
        (running.folder / "go").touch()
        self.assertEqual(busy.rest_messages(), [response(1, seen="go")])
        busy.close()
        # Only what the room says may come in between.
        self.assertEqual([m for m in idle.rest_messages() if m["context"] != "user"], [])
        idle.close()
        self.assert_ended_well(running, number)

    def test_sigterm(self) -> None:
        self.check_orderly_stop(signal.SIGTERM)

    def test_sigint(self) -> None:
        self.check_orderly_stop(signal.SIGINT)

    def test_without_clients(self) -> None:
        running = self.start()
        self.stop(running)

    def test_an_action_past_the_drain_timeout(self) -> None:
        running = self.start("--drain-timeout=0.2", files={"actions/until.py": UNTIL_FILE})
        client = self.join(running)
        client.send(b"never\nparamsView\n")
        self.assertEqual(client.message()["messageCount"], 2)
        running.process.send_signal(signal.SIGTERM)
        self.assertEqual(client.line(), GOODBYE)
        (answer,) = client.rest_messages()
        self.assertEqual(
            answer, response(1, error="the action was ended, because the server goes down")
        )
        client.close()
        self.assert_ended_well(running)

    def test_a_client_that_does_not_hang_up(self) -> None:
        running = self.start("--close-timeout=0.2")
        client = self.join(running)
        self.stop(running)
        self.assertEqual(client.rest(), GOODBYE + b"\r\n")
        self.assert_ended_well(running)

    def test_a_client_that_never_reads_does_not_hold_it_up(self) -> None:
        running = self.start("--close-timeout=0.2", "--drain-timeout=0.2", "--write-timeout=300")
        observer, client = self.join(running), self.join(running, receive_buffer=4096)
        observer.message()
        client.ask("paramAdd key=" + "v" * 10_000)
        client.send(b"paramsView\n" * 1500)
        wait_until_stalled(observer)
        observer.close()
        self.stop(running)

    def test_megabytes_buffered_for_a_slow_reader_all_arrive(self) -> None:
        running = self.start()
        observer, client = self.join(running), self.join(running, receive_buffer=4096)
        client.ask("paramAdd key=" + "v" * 10_000)
        client.send(b"paramsView\n" * 1500)
        observer.message()
        wait_until_stalled(observer)
        running.process.send_signal(signal.SIGTERM)
        self.assertEqual(observer.line(), GOODBYE)
        self.assertEqual(observer.rest(), b"")
        observer.close()
        messages = client.rest_messages()
        client.close()
        answers = [m["messageCount"] for m in messages if "messageCount" in m]
        self.assertEqual(answers, list(range(2, 1502)))
        self.assertIn(json.loads(GOODBYE), messages)
        self.assert_ended_well(running)


class ListeningTests(OwnDaemonTestCase):
    """Several endpoints at once."""

    def ports(self, running: Daemon) -> list[int]:
        return [int(p) for p in re.findall(r"listening on 127\.0\.0\.1:(\d+)", running.log)]

    def connect_unix(self, path: Path, name: str = "") -> Talker:
        stream = socket.socket(socket.AF_UNIX)
        self.addCleanup(stream.close)
        stream.settimeout(PATIENCE)
        if name:
            stream.bind(name)
        stream.connect(str(path))
        client = Talker(stream)
        self.assertEqual(client.line(), WELCOME)
        return client

    def test_two_tcp_ports_and_a_unix_socket(self) -> None:
        running = self.start(
            "--listen=tcp:0:interface=127.0.0.1",
            "--listen=tcp:0:interface=127.0.0.1",
            "--listen=unix:here.sock",
        )
        ports = self.ports(running)
        self.assertEqual(len(ports), 2)
        path = running.folder / "here.sock"
        local = self.connect_unix(path)
        self.assertEqual(local.ask("paramsView"), response(1, params={}))
        for port in ports:
            stream = socket.create_connection(("127.0.0.1", port), PATIENCE)
            self.addCleanup(stream.close)
            client = Talker(stream)
            self.assertEqual(client.line(), WELCOME)
            client.ask("say hello")
            self.assertEqual(local.message()["message"], "I have entered the room")
            self.assertEqual(local.message()["message"], "hello")
            client.close()
            self.assertEqual(local.message()["message"], "I have left the room")
        running.process.send_signal(signal.SIGTERM)
        self.assertEqual(local.rest(), GOODBYE + b"\r\n")
        local.close()
        self.assert_ended_well(running)
        self.assertFalse(path.exists())

    def test_the_name_of_a_unix_client_is_escaped_in_the_log(self) -> None:
        running = self.start("--listen=unix:here.sock")
        name = str(running.folder / "a\nFORGED\x1b[31m")
        client = self.connect_unix(running.folder / "here.sock", name)
        own_id = client.id()
        client.close()
        running.wait_for_log(f"disconnect client={own_id}")
        self.assertIn("FORGED", running.log)
        self.assertEqual([x for x in running.log.split("\n") if x.startswith("FORGED")], [])
        self.assertNotIn("\x1b", running.log)

    def test_an_endpoint_that_is_none(self) -> None:
        line = self.refusal(self.folder(), "--listen=tcp:what")
        self.assertIn("--listen tcp:what", line)

    def test_one_busy_port_among_several(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as busy:
            port = busy.getsockname()[1]
            line = self.refusal(
                self.folder(),
                "--listen=tcp:0:interface=127.0.0.1",
                f"--listen=tcp:{port}:interface=127.0.0.1",
            )
        self.assertIn(str(port), line)
        self.assertIn("in use", line)


class RequestLogTests(OwnDaemonTestCase):
    """Where requests are logged, and whether."""

    def serve_one(self, running: Daemon) -> str:
        client = self.join(running)
        own_id = client.id()
        client.ask("paramAdd secret=hidden")
        client.ask_json("cacheTest", key="shown?", value="v\x1b")
        client.close()
        self.stop(running)
        return own_id

    def test_to_a_file(self) -> None:
        running = self.start("--request-log=requests.log")
        own_id = self.serve_one(running)
        lines = (running.folder / "requests.log").read_text().splitlines()
        self.assertEqual(len(lines), 5)
        self.assertTrue(all(f"client={own_id}" in line for line in lines), lines)
        self.assertNotIn(own_id, running.log)
        self.assertNotIn("shown?", "".join(lines))

    def test_with_params(self) -> None:
        running = self.start("--log-params")
        self.serve_one(running)
        self.assertIn('"key": "shown?"', running.log)
        self.assertNotIn("\x1b", running.log)

    def test_off(self) -> None:
        running = self.start("--no-log-requests")
        own_id = self.serve_one(running)
        self.assertNotIn(own_id, running.log)
        self.assertIn("has stopped", running.log)

    def test_a_file_that_cannot_be_opened(self) -> None:
        line = self.refusal(self.folder(), "--request-log=missing/requests.log")
        self.assertIn("missing/requests.log", line)


class RefusedStartTests(OwnDaemonTestCase):
    """What keeps it from starting: status 1, and one line that says what and where."""

    def assert_refused(self, folder: Path, options: list[str], *words: str) -> None:
        line = self.refusal(folder, *options)
        for word in words:
            self.assertIn(word, line)

    def test_port_in_use(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as busy:
            port = busy.getsockname()[1]
            self.assert_refused(
                self.folder(), [f"--port={port}"], f"127.0.0.1:{port}", "Address already in use"
            )

    def test_an_address_that_is_not_ours(self) -> None:
        self.assert_refused(self.folder(), ["--bind-ip=192.0.2.1"], "192.0.2.1")

    def test_bad_options(self) -> None:
        folder = self.folder()
        for options, words in (
            (["--nope"], ["nope"]),
            (["--port=many"], ["--port", "whole number", "many"]),
            (["--port=70000"], ["--port", "65535", "70000"]),
            (["--action-timeout=nan"], ["--action-timeout", "finite"]),
            (["--secure", "--no-secure"], ["--secure", "--no-secure"]),
            (["stray"], ["stray"]),
            (["--no-tcp-server"], ["nothing to listen on"]),
        ):
            self.assert_refused(folder, options, *words)

    def test_config_files(self) -> None:
        for content, *words in (
            ('{"general": {"serverNam": "x"}}', "general.serverNam", "serverName"),
            ('{"genral": {}}', "genral", "general"),
            ('{\n"general": {', ":2:", "JSON"),
            ('{"tcpServer": {"port": "5000"}}', "tcpServer.port", "whole number", '"5000"'),
            ('{"tcpServer": {"secure": 1}}', "tcpServer.secure", "true or false"),
            ('{"tcpServer": {"port": 65536}}', "tcpServer.port", "at most 65535"),
            ('{"limits": {"maxLineLength": 1}}', "limits.maxLineLength", "at least 64"),
            ("[]", "must be an object"),
            ('{"log": {"params": true, "params": false}}', "params", "twice"),
        ):
            folder = self.folder({"config.json": content})
            self.assert_refused(folder, ["--config=config.json"], "config.json", *words)

    def test_a_config_file_that_is_missing_or_no_text(self) -> None:
        folder = self.folder({"binary.json": b"\xff\xfe"})
        self.assert_refused(folder, ["--config=no.json"], "no.json", "No such file")
        self.assert_refused(folder, ["--config=binary.json"], "binary.json", "UTF-8")

    def test_missing_folders(self) -> None:
        folder = self.folder({"config.json": '{"general": {"actionsDirectory": "./here/"}}'})
        self.assert_refused(folder, ["--actions=gone"], "gone", "no such folder")
        self.assert_refused(folder, ["--public=away"], "away", "no such folder")
        self.assert_refused(folder, ["--config=config.json"], "here", "actionsDirectory")

    def test_action_files(self) -> None:
        head = "from actionhero_tcp import action\n\n\n@action\n"
        for content, *words in (
            ("import nothing_of_this_name\n", "bad.py:1", "nothing_of_this_name"),
            ("def (:\n", "bad.py:1"),
            ("\n\n1 / 0\n", "bad.py:3", "ZeroDivisionError"),
            ("raise SystemExit(0)\n", "bad.py:1", "SystemExit"),
            (head + "def say(api, connection): ...\n", "bad.py:4", "'say'", "verb"),
            (head + "def a(api, connection, *, b): ...\n", "bad.py:4", "annotation"),
            (head + "def a(api, connection, *, b: complex): ...\n", "bad.py:4", "complex"),
            (head + "def a(): ...\n", "bad.py:4", "(api, connection"),
        ):
            folder = self.folder({"actions/bad.py": content})
            self.assert_refused(folder, [], *words)

    def test_an_action_file_that_raises_an_error_of_several_lines(self) -> None:
        folder = self.folder({"actions/bad.py": "raise ValueError('two\\nlines')\n"})
        self.assert_refused(folder, [], "bad.py:1", "ValueError")

    def test_two_actions_of_one_name(self) -> None:
        content = "from actionhero_tcp import action\n\n\n@action\ndef twin(api, connection): ...\n"
        folder = self.folder({"actions/one.py": content, "actions/sub/two.py": content})
        self.assert_refused(folder, [], "'twin'", "one.py:4", "two.py:4")

    def test_key_files(self) -> None:
        folder = self.folder()
        key, cert = make_pair(folder / "certs")
        shutil.copy(key, folder / "good.pem")
        os.remove(key)
        self.assert_refused(folder, ["--secure"], "server-key.pem", "No such file")
        key.write_text("garbage")
        self.assert_refused(folder, ["--secure"], "server-key.pem", "no private key")
        make_pair(folder / "other")
        self.assert_refused(
            folder,
            ["--secure", "--key-file=other/server-key.pem"],
            "other/server-key.pem",
            "server-cert.pem",
        )
        good = ["--secure", "--key-file=good.pem"]
        cert.write_text("garbage")
        self.assert_refused(folder, good, "server-cert.pem", "no certificate")
        os.remove(cert)
        self.assert_refused(folder, good, "server-cert.pem", "No such file")


class DaemonizedTests(OwnDaemonTestCase):
    """``twistd`` that goes to the background."""

    def launch(self, folder: Path) -> int:
        ended = subprocess.run(
            [
                *(str(TWISTD), "--pidfile=twistd.pid", "--logfile=twistd.log"),
                *("actionhero", "--bind-ip=127.0.0.1", "--port=0"),
            ],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE,
        )
        self.assertEqual((ended.returncode, ended.stdout), (0, b""))
        return int((folder / "twistd.pid").read_text())

    def test_starts_serves_and_stops(self) -> None:
        folder = self.folder()
        pid = self.launch(folder)

        def end_it() -> None:
            if (folder / "twistd.pid").exists():
                os.kill(pid, signal.SIGKILL)

        self.addCleanup(end_it)
        log = folder / "twistd.log"
        found = wait_for(
            lambda: re.search(r"listening on 127\.0\.0\.1:(\d+)", log.read_text()), "its log"
        )
        stream = socket.create_connection(("127.0.0.1", int(found[1])), PATIENCE)
        self.addCleanup(stream.close)
        client = Talker(stream)
        self.assertEqual(client.line(), WELCOME)
        self.assertEqual(client.ask("paramsView"), response(1, params={}))
        os.kill(pid, signal.SIGTERM)
        self.assertEqual(client.rest(), GOODBYE + b"\r\n")
        client.close()
        wait_for(lambda: not (folder / "twistd.pid").exists(), "its end")
        self.assertIn("has stopped", log.read_text())
        self.assertNotIn("Traceback", log.read_text())

    def test_a_port_in_use_is_reported_at_once(self) -> None:
        folder = self.folder()
        with socket.create_server(("127.0.0.1", 0)) as busy:
            port = busy.getsockname()[1]
            line = self.refusal(folder, f"--port={port}", daemonize=True)
        self.assertIn(f"127.0.0.1:{port}", line)
        self.assertIn("in use", line)
        # twistd reports first and removes the file then.
        wait_for(lambda: not (folder / "twistd.pid").exists(), "the PID file to go")
        log = folder / "twistd.log"
        self.assertNotIn("Traceback", log.read_text() if log.exists() else "")

    def test_a_wrong_config_is_reported_at_once(self) -> None:
        folder = self.folder({"config.json": '{"limits": {"nope": 1}}'})
        line = self.refusal(folder, "--config=config.json", daemonize=True)
        self.assertIn("limits.nope", line)
