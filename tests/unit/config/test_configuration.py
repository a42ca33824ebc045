"""Tests of `actionhero_tcp.config.configuration`."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.config import configuration
from actionhero_tcp.config.sections import Config


class BuildTests(SynchronousTestCase):
    """`build`."""

    def test_nothing_makes_the_defaults(self) -> None:
        self.assertEqual(Config(), configuration.build({}, {}))

    def test_sets_what_the_layer_holds(self) -> None:
        built = configuration.build({("tcp_server", "port"): 80, ("log", "params"): True})
        self.assertEqual((80, True), (built.tcp_server.port, built.log.params))

    def test_leaves_the_rest_at_its_default(self) -> None:
        built = configuration.build({("tcp_server", "port"): 80})
        self.assertEqual("0.0.0.0", built.tcp_server.bind_ip)
        self.assertEqual(Config().limits, built.limits)

    def test_the_last_layer_wins(self) -> None:
        built = configuration.build(
            {("tcp_server", "port"): 1, ("tcp_server", "bind_ip"): "::"},
            {("tcp_server", "port"): 2},
        )
        self.assertEqual((2, "::"), (built.tcp_server.port, built.tcp_server.bind_ip))

    def test_the_values_of_a_configuration_build_it_again(self) -> None:
        built = configuration.build({("tcp_server", "port"): 80, ("log", "params"): True})
        self.assertEqual(built, configuration.build(configuration.values(built)))


class AsJsonTests(SynchronousTestCase):
    """`as_json`."""

    def test_holds_every_field_by_the_keys_of_the_file(self) -> None:
        shown = json.loads(configuration.as_json(Config()))
        keys = [(section, key) for section, fields in shown.items() for key in fields]
        self.assertEqual([(i.section_key, i.key) for i in configuration.fields()], keys)
        self.assertEqual("0.0.0.0", shown["tcpServer"]["bindIP"])

    def test_hides_secrets_that_are_set(self) -> None:
        built = configuration.build({("redis", "password"): "hunter2"})
        self.assertNotIn("hunter2", configuration.as_json(built))
        redis = json.loads(configuration.as_json(built))["redis"]
        self.assertNotEqual("", redis["password"])
        self.assertEqual("", redis["url"])
