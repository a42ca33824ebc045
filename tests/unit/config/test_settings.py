"""The settings in force."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.config.sections import Config, General, Limits
from actionhero_tcp.config.settings import LiveSettings, Settings


class LiveSettingsTests(SynchronousTestCase):
    """`LiveSettings`."""

    def test_all_of_them_change_at_once(self) -> None:
        live = LiveSettings(Settings(Config()))
        self.assertEqual({"limit": 100, "offset": 0}, live.default_params)
        settings = Settings(Config(general=General(default_limit=7), limits=Limits(max_params=1)))
        live.swap(settings)
        self.assertIs(settings, live.current)
        self.assertIs(settings.config, live.config)
        self.assertEqual((7, 1), (live.general.default_limit, live.limits.max_params))
        self.assertEqual({"limit": 7, "offset": 0}, live.default_params)
