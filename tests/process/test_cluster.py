"""Three real nodes and a real Redis: one server, as long as nothing is in the way."""

from __future__ import annotations

import atexit
import re
import signal
from contextlib import ExitStack

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.builtin.cache_test import EXPIRE_MS
from tests.support import wait_for
from tests.support.integration import OwnDaemonTestCase, request
from tests.support.nodes import ENTERED, LEFT, Member, Nodes, converse, nodes
from tests.support.redis_server import RedisServer


class SharedNodesTestCase(SynchronousTestCase):
    """Tests that share three nodes.

    Attributes:
        nodes: The nodes.
    """

    nodes: Nodes
    _stack: ExitStack | None = None

    def setUp(self) -> None:
        cls = type(self)
        if cls._stack is None:
            cls._stack = ExitStack()
            cls.nodes = cls._stack.enter_context(nodes())
            atexit.register(cls._stack.close)
        self.room = self.id().rpartition(".test_")[2][:60]

    def tearDown(self) -> None:
        self.nodes.assert_well()


class PrivateRoomTests(SharedNodesTestCase):
    """Rooms into which the application takes clients, from whatever node."""

    def test_an_action_takes_clients_of_other_nodes_in_and_out(self) -> None:
        members = self.nodes.members(1, self.room)
        asker, private = members[0], "@" + self.room[:20]
        for member in members:
            answer = asker.ask(request("enrol", client=member.name, room=private))
            self.assertIs(True, answer["known"], answer)
            self.assertIn("only the application", member.ask(f"roomChange {private}")["error"])

        def commands(member: Member) -> list[str]:
            member.catch_up()
            return [each["message"] for each in member.heard if each["context"] == "command"]

        def all_hear() -> bool:
            asker.ask(request("command", room=private, text="there?"))
            return all("there?" in commands(member) for member in members)

        # A client is in a room of another node a moment after it was asked for.
        wait_for(all_hear, "all to be in the private room")
        last = members[-1]
        asker.ask(request("command", room=private, text="but one", but=last.name))
        asker.ask(request("command", room=private, text="all"))
        for member in members:
            wait_for(lambda m=member: "all" in commands(m), "the command")
            expected = 0 if member is last else 1
            self.assertEqual(expected, commands(member).count("but one"))
        asker.ask(request("dismiss", client=last.name, room=private))
        # What the node of the client has announced, it has done.
        wait_for(lambda: LEFT in members[1].words(last), "the last one to leave")
        asker.ask(request("command", room=private, text="without the last"))
        wait_for(lambda: "without the last" in commands(members[1]), "the command")
        self.assertNotIn("without the last", commands(last))
        self.assertEqual(sorted(m.name for m in members), last.members)


class ConversationTests(SharedNodesTestCase):
    """What clients of different nodes have of each other."""

    def test_all_hear_all_others_once_and_in_order(self) -> None:
        members = self.nodes.members(2, self.room)
        converse(members, "hello")

    def test_a_thousand_messages_of_several_speakers_arrive_in_order(self) -> None:
        members = self.nodes.members(2, self.room)
        speakers = members[:2] + members[4:5]
        for speaker in speakers:
            speaker.send(b"".join(b"say %d\n" % number for number in range(1000)))
        for listener in members:
            for speaker in speakers:
                if listener is not speaker:
                    wait_for(lambda x=listener, s=speaker: len(x.words(s)) >= 1000, "all of it")
        for listener in members:
            for speaker in speakers:
                expected = [] if listener is speaker else [str(n) for n in range(1000)]
                self.assertEqual(expected, listener.words(speaker))

    def test_a_crowd_of_lines_before_the_room_is_subscribed_to_arrives(self) -> None:
        listener = self.nodes.member(0, self.room)
        speaker = self.nodes.member(1, "elsewhere")
        lines = [f"roomChange {self.room}", *(f"say {n}" for n in range(5000)), "quit"]
        speaker.send("\n".join([*lines, ""]).encode())
        speaker.rest()
        expected = [ENTERED, *(str(n) for n in range(5000)), LEFT]
        wait_for(lambda: len(listener.words(speaker)) >= len(expected), "all of it")
        self.assertEqual(expected, listener.words(speaker))

    def test_who_enters_and_leaves_is_heard_of_however_it_goes(self) -> None:
        stays = self.nodes.members(1, self.room)
        for leave in (
            lambda member: member.ask("roomChange elsewhere"),
            lambda member: member.send(b"quit\n"),
            Member.reset,
        ):
            for member in stays:
                member.forget()
            guest = self.nodes.member(1, self.room)
            self.nodes.agree([*stays, guest])
            leave(guest)
            self.nodes.agree(stays)
            for member in stays:
                self.assertEqual([ENTERED, LEFT], member.words(guest))

    def test_only_those_who_match_hear_it(self) -> None:
        members = self.nodes.members(1, self.room)
        speaker, one, other = members
        one.ask(request("logIn", team="red"))
        other.ask(request("logIn", team="blue"))
        for key, value in (("team", "red"), ("team", "blue"), ("id", other.name), ("id", "x")):
            speaker.ask(f"paramAdd roomMatchKey={key}")
            speaker.ask(f"paramAdd roomMatchValue={value}")
            speaker.ask(f"say {key} {value}")
        speaker.ask("paramsDelete")
        speaker.ask("say all")
        for member in (one, other):
            wait_for(lambda m=member: "all" in m.words(speaker), "the last message")
        self.assertEqual(["team red", "all"], one.words(speaker))
        self.assertEqual(["team blue", f"id {other.name}", "all"], other.words(speaker))

    def test_the_application_speaks_to_a_room_and_to_a_client_of_any_node(self) -> None:
        members = self.nodes.members(1, self.room)
        outside = self.nodes.member(0, "outside")
        for number, member in enumerate(members):
            outside.ask(request("announce", room=self.room, text=f"{number}"))
            answer = outside.ask(request("whisper", to=member.name, text=f"{number}"))
            self.assertIs(answer["sent"], True)
        # Nobody has that id, and nobody gets it.
        outside.ask(request("whisper", to="0" * 32, text="x"))
        outside.ask(r'{"action":"whisper","params":{"to":"\ud800","text":"x"}}')
        for number, member in enumerate(members):
            wait_for(lambda m=member: m.catch_up() or len(m.heard) >= 4, "what it was told")
            said = [each["message"] for each in member.heard if each.get("from") == 0]
            self.assertEqual(["0", "1", "2"], said)
            whispered = [each["whisper"] for each in member.heard if "whisper" in each]
            self.assertEqual([f"{number}"], whispered)

    def test_the_status_of_each_tells_of_all(self) -> None:
        members = self.nodes.members(1, self.room)
        ids = [member.status["id"] for member in members]
        for member, own in zip(members, ids, strict=True):
            self.assertEqual({"connected": True, "lost": 0}, member.status["redis"])
            others = sorted(set(ids) - {own})
            wait_for(lambda m=member, o=others: m.status["peers"] == o, "its peers")

        def served() -> int:
            counts = [member.status["socketServer"] for member in members]
            return sum(each["numberOfLocalSocketRequests"] for each in counts)

        for _ in range(100):
            members[0].catch_up()
        before = served()
        for member in members:
            wait_for(
                lambda m=member: m.status["socketServer"]["numberOfGlobalSocketRequests"] >= before,
                "what the others have served",
            )
        known = [m.status["socketServer"]["numberOfGlobalSocketRequests"] for m in members]
        self.assertLessEqual(max(known), served())


def cache_entries(redis: RedisServer) -> list[str]:
    """The keys of the cache's entries."""
    return list(filter(re.compile(":cache:").search, redis.keys()))


class CacheTests(OwnDaemonTestCase):
    """What the actions that come with the server leave in Redis."""

    def test_entries_of_cache_test_go_though_its_client_resets_in_the_middle(self) -> None:
        with nodes(1) as one:
            leaving, staying = one.members(2)
            lines = [request("cacheTest", key=f"k{n}", value="v") for n in range(50)]
            # Redis executes each save, and no action is there any more to destroy its entry.
            one.redis.send(signal.SIGSTOP)
            leaving.send("".join(f"{line}\n" for line in lines).encode())
            leaving.ask("randomNumber")
            leaving.reset()
            wait_for(lambda: staying.members == [staying.name], "the end of the client")
            one.redis.send(signal.SIGCONT)
            self.assertEqual(50, staying.status["cache"]["numberOfObjects"])
            entries = cache_entries(one.redis)
            self.assertEqual(50, len(entries))
            for entry in entries:
                left = int(one.redis.ask("PTTL", entry).removeprefix(b":"))
                self.assertTrue(0 < left <= EXPIRE_MS, left)
                one.redis.ask("PEXPIRE", entry, "1")
            wait_for(lambda: not cache_entries(one.redis), "no entries")
            wait_for(lambda: not staying.status["cache"]["numberOfObjects"], "an empty index")


class StopTests(OwnDaemonTestCase):
    """Nodes that stop in order."""

    def test_they_leave_nothing_behind_and_the_others_hear_of_it_at_once(self) -> None:
        with nodes(3, "--close-timeout=0.5") as three:
            members = three.members(2)
            self.assertGreater(len(three.redis.keys()), 4)
            leaving, staying = members[:2], members[2:]
            three.running[0].process.send_signal(signal.SIGTERM)
            self.assert_ended_well(three.running[0])
            three.agree(staying)
            for member in staying:
                for gone in leaving:
                    self.assertEqual([LEFT], member.words(gone))
            status = staying[0].status
            wait_for(lambda: len(staying[0].status["peers"]) == 1, "a peer that is gone")
            self.assertGreater(status["socketServer"]["numberOfGlobalSocketRequests"], 10)
            for node in three.running[1:]:
                self.stop(node)
            self.assertEqual([], three.redis.keys())

    def test_a_node_stops_in_order_though_redis_hangs(self) -> None:
        with nodes(1, "--close-timeout=0.5") as one:
            one.members(2)
            one.redis.send(signal.SIGSTOP)
            self.stop(one.running[0])

    def test_a_node_starts_and_stops_in_order_though_there_is_no_redis(self) -> None:
        running = self.start("--redis=redis://127.0.0.1:1", "--close-timeout=0.5")
        client = self.join(running)
        self.assertIs(client.ask("status")["stats"]["redis"]["connected"], False)
        self.stop(running)
