"""A real Redis Cluster for tests: three masters, and a replica of each."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterator

from tests.support import PATIENCE, wait_for
from tests.support.ports import ReservedPort
from tests.support.redis_server import RedisServer

MASTERS = 3

NODE_TIMEOUT = 10_000
"""Milliseconds without an answer after which a node is taken for dead; a machine that is busy must
not do that to one that is well."""

OPTIONS = (
    *("--cluster-enabled", "yes", "--cluster-node-timeout", str(NODE_TIMEOUT)),
    # A replica may take over however long it has not heard from its master.
    *("--cluster-replica-validity-factor", "0", "--repl-diskless-sync-delay", "0"),
)


class ClusterNode(RedisServer):
    """One node of a cluster, whose bus has a reserved port too."""

    def __init__(self, *options: str) -> None:
        self._bus = ReservedPort()
        super().__init__(*OPTIONS, "--cluster-port", str(self._bus.number), *options)

    def close(self) -> None:
        """Ends it for good."""
        super().close()
        self._bus.release()

    @property
    def id(self) -> str:
        """Its id in the cluster."""
        return self.ask("CLUSTER", "MYID").split(b"\r\n")[1].decode()

    @property
    def is_master(self) -> bool:
        """Whether it is a master."""
        return b"role:master" in self.ask("INFO", "replication")

    def knows_all(self, count: int) -> bool:
        """Whether it finds the cluster complete and well."""
        info = self.ask("CLUSTER", "INFO")
        return b"cluster_state:ok" in info and b"cluster_known_nodes:%d\r" % count in info

    def slots(self) -> set[int]:
        """The slots that it has, as it says itself."""
        for line in self.ask("CLUSTER", "NODES").decode().splitlines():
            words = line.split()
            if len(words) > 7 and "myself" in words[2]:
                return set(_ranges(words[8:]))
        return set()


def _ranges(words: list[str]) -> Iterator[int]:
    for word in words:
        if not word.startswith("["):
            first, _, last = word.partition("-")
            yield from range(int(first), int(last or first) + 1)


class RedisCluster:
    """Six nodes on 127.0.0.1.

    Attributes:
        nodes: The nodes.
    """

    def __init__(self, *options: str) -> None:
        self.nodes = [ClusterNode(*options) for _ in range(2 * MASTERS)]

    @property
    def url(self) -> str:
        """Its address, for `redis.url`, with two of its nodes."""
        return f"redis+cluster://127.0.0.1:{self.nodes[0].port},127.0.0.1:{self.nodes[1].port}"

    @property
    def masters(self) -> list[ClusterNode]:
        """The masters that run."""
        return [each for each in self.nodes if each.process is not None and each.is_master]

    def start(self) -> None:
        """Starts all, makes a cluster of them, and waits until it is well."""
        for each in self.nodes:
            each.start()
        places = [f"127.0.0.1:{each.port}" for each in self.nodes]
        create = ["redis-cli", "--cluster", "create", *places, "--cluster-replicas", "1"]
        made = subprocess.run(
            [*create, "--cluster-yes"],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert made.returncode == 0, made.stdout + made.stderr
        self.settle()

    def settle(self) -> None:
        """Waits until each node knows all, and each replica has the data of its master."""
        for each in self.nodes:
            wait_for(lambda e=each: e.knows_all(len(self.nodes)), "a cluster that is well")
        wait_for(lambda: len(self.masters) == MASTERS, "as many masters as before")
        for each in self.nodes:
            wait_for(
                lambda e=each: (
                    e.is_master or b"master_link_status:up" in e.ask("INFO", "replication")
                ),
                "a replica that has all",
            )

    def master_of(self, slot: int) -> ClusterNode:
        """The master of a slot."""
        return next(each for each in self.masters if slot in each.slots())

    def all_keys(self) -> list[str]:
        """All keys, sorted."""
        return sorted(itertools.chain.from_iterable(map(ClusterNode.keys, self.masters)))

    def close(self) -> None:
        """Ends all."""
        for each in self.nodes:
            each.close()
