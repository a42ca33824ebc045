"""Tests of `actionhero_tcp.daemon.memory_limit`: what the system says of memory."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.daemon.memory_limit import FALLBACK_BYTES, available

MEMINFO = "MemTotal:        8000000 kB\nMemFree:         1000000 kB\n"
MACHINE = 8_000_000 * 1024


class LimitTests(SynchronousTestCase):
    """`available`, on a tree of files."""

    def seen(self, files: dict[str, str]) -> int:
        root = Path(self.mktemp())
        for name, text in {"proc/meminfo": MEMINFO, **files}.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return available(root)

    def test_the_machine_alone(self) -> None:
        self.assertEqual(MACHINE, self.seen({}))

    def test_version_2(self) -> None:
        files = {"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "1000000\n"}
        self.assertEqual(1_000_000, self.seen(files))

    def test_a_group_above_may_allow_less(self) -> None:
        files = {
            "proc/self/cgroup": "0::/a/b\n",
            "sys/fs/cgroup/a/b/memory.max": "max\n",
            "sys/fs/cgroup/a/memory.max": "2000000\n",
        }
        self.assertEqual(2_000_000, self.seen(files))

    def test_in_a_container_the_limit_is_at_the_top(self) -> None:
        files = {"proc/self/cgroup": "0::/../host/x\n", "sys/fs/cgroup/memory.max": "3000000\n"}
        self.assertEqual(3_000_000, self.seen(files))

    def test_version_1(self) -> None:
        files = {
            "proc/self/cgroup": "5:cpu,cpuacct:/c\n4:memory:/m\n",
            "sys/fs/cgroup/memory/m/memory.limit_in_bytes": "4000000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        }
        self.assertEqual(4_000_000, self.seen(files))

    def test_a_limit_beyond_the_machine(self) -> None:
        files = {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": str(2 * MACHINE)}
        self.assertEqual(MACHINE, self.seen(files))

    def test_a_system_that_tells_nothing(self) -> None:
        self.assertEqual(FALLBACK_BYTES, self.seen({"proc/meminfo": ""}))

    def test_this_machine(self) -> None:
        self.assertGreater(available(), 64 * 1024 * 1024)
