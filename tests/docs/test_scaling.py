"""docs/scaling.md says what the code says."""

from __future__ import annotations

import importlib
import re

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.redis.keys import VERSION, Keys
from actionhero_tcp.redis.rights import COMMANDS, SHARDED
from benchmarks import capacity, simulation
from tests import support

PAGE = (support.ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")


class LayoutTests(SynchronousTestCase):
    """The names in Redis."""

    def test_all_names_are_there_and_no_others(self) -> None:
        keys = Keys("PREFIX")
        (part,) = keys.parts
        names = {keys.nodes, keys.requests, keys.created_rooms, keys.clients(part)}
        names |= {keys.room("ROOM"), keys.said("ROOM"), keys.node("PROCESS")}
        names |= {keys.held(part, "NODE"), keys.probe(part), f"{keys.cache(part)}KEY"}
        names |= {keys.cache_used(part), keys.cache_expiries(part)}
        self.assertEqual(names, set(re.findall(r"(?m)^\| `(PREFIX\S+)` \|", PAGE)))
        self.assertIn(f"`{VERSION}` is the version of the layout", PAGE)

    def test_no_kind_of_name_is_left_out(self) -> None:
        known = {"room", "any_room", "said", "room_of", "node", "held", "clients", "probe", "part"}
        known |= {"cache", "cache_used", "cache_expiries", "cache_part", *Keys.__slots__}
        public = {name for name in vars(Keys) if not name.startswith("_")}
        self.assertEqual(set(), public - known)


class RightsTests(SynchronousTestCase):
    """What a user of Redis has to be allowed."""

    def test_the_rights_are_those_that_a_node_checks(self) -> None:
        rule = re.search(r"(?m)^ACL SETUSER actionhero on >password (.+)$", PAGE)
        assert rule is not None
        name = f"actionhero:{VERSION}:*"
        expected = [f"~{name}", f"&{name}", "-@all", *(f"+{command}" for command in COMMANDS)]
        self.assertEqual(expected, rule[1].split())

    def test_so_are_those_for_a_cluster(self) -> None:
        others = [f"+{name}" for names in SHARDED.values() for name in names]
        replaced = [f"+{name}" for name in SHARDED]
        self.assertIn(f"`{' '.join(others)}` instead of `{' '.join(replaced)}`", PAGE)


class ConstantTests(SynchronousTestCase):
    """Limits, times and costs."""

    def test_constants_have_the_values_that_they_have(self) -> None:
        rows = re.findall(r"(?m)^\| `([\w.]+)\.([A-Z_]+)` \| ([\d.,]+) \|", PAGE)
        self.assertGreater(len(rows), 10)
        for module, name, value in rows:
            constant = getattr(importlib.import_module(f"actionhero_tcp.{module}"), name)
            self.assertEqual(constant, float(value.replace(",", "")), name)

    def test_the_needs_of_a_million_are_those_predicted(self) -> None:
        table = capacity.table(capacity.CONNECTIONS, capacity.MEMBERS, capacity.RATE)
        self.assertIn(f"\n{table}\n", PAGE)

    def test_costs_are_those_of_the_simulation(self) -> None:
        alone, bursts = simulation.MEASURED.values()
        rows = re.findall(r"(?m)^\| `(\w+)`: [^|]+ \| ([\d.]+) \| ([\d.]+) \|", PAGE)
        self.assertEqual(set(vars(alone)), {name for name, _, _ in rows})
        for name, one, many in rows:
            self.assertEqual(
                (getattr(alone, name), getattr(bursts, name)), (float(one), float(many))
            )

    def test_what_one_redis_carries_is_what_the_formula_gives(self) -> None:
        rows = re.findall(r"(?m)^\| (\d+) \| ([\d,]+) \| ([\d,]+) \|", PAGE)
        self.assertGreater(len(rows), 3)
        for nodes, *carried in rows:
            message = simulation.Traffic(said=1, relayed=int(nodes), heard=0, delivered=0)
            for each, number in zip(simulation.MEASURED.values(), carried, strict=True):
                expected = 0.7 / each.redis(message)
                off = float(number.replace(",", "")) / expected - 1
                self.assertLess(abs(off), 0.03, nodes)
