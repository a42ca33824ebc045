"""The live page in a real Chromium: what a person sees and does there."""

from __future__ import annotations

import contextlib
from contextlib import ExitStack

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from twisted.trial.unittest import SynchronousTestCase

from tests.support import wait_for
from tests.support.browser import open_browser, text, wait_for_text
from tests.support.web import web_daemon


class PageTests(SynchronousTestCase):
    """The page of a server with a few clients."""

    def setUp(self) -> None:
        stack = ExitStack()
        self.addCleanup(stack.close)
        self.running, self.port = stack.enter_context(web_daemon())
        self.clients = [stack.enter_context(self.running.connect()) for _ in range(3)]
        for client in self.clients:
            client.sendall(b"roomChange lobby\n")
        self.browser = open_browser(stack)
        self.addCleanup(self.check_console)
        self.browser.get(f"http://localhost:{self.port}/?token=s3cret")

    def text(self, selector: str) -> str:
        """The text of what a selector finds, as it is seen."""
        return text(self.browser, selector)

    def wait_for_text(self, selector: str, wanted: str) -> None:
        wait_for_text(self.browser, selector, wanted)

    def open(self, view: str) -> None:
        self.browser.find_element(By.ID, f"tab-{view}").click()

    def click_in_table(self, selector: str) -> None:
        """Clicks a button of a table, whose rows the page may replace between look and click."""

        def clicked() -> bool:
            try:
                self.browser.find_element(By.CSS_SELECTOR, selector).click()
            except StaleElementReferenceException:
                return False
            return True

        wait_for(clicked, f"a click on {selector}")

    def check_console(self) -> None:
        """Chromium has nothing to complain about."""
        complaints = [entry["message"] for entry in self.browser.get_log("browser")]
        self.assertEqual([], complaints)

    def test_the_overview_is_live(self) -> None:
        self.wait_for_text("#state", "ready")
        self.wait_for_text("#connections-now", "3")
        with self.running.connect():
            self.wait_for_text("#connections-now", "4")
        self.clients[0].sendall(b"randomNumber\n" * 50)
        self.wait_for_text("#latency-now", "s · p99 ")
        drawn = self.browser.find_element(By.CSS_SELECTOR, "#plot-requests path.first")
        wait_for(lambda: "L" in (drawn.get_attribute("d") or "L"), "a plot")

    def test_connections_are_searched_sorted_and_closed(self) -> None:
        self.open("connections")
        self.wait_for_text("#connections-count", "3 connections")
        own = self.clients[0].getsockname()[1]
        self.browser.find_element(By.ID, "connections-search").send_keys(f":{own}")
        self.wait_for_text("#connections-count", "1 of 3 connections")
        self.wait_for_text("#connections-body", "lobby")
        self.browser.find_element(By.ID, "sort-requests").click()
        header = self.browser.find_element(By.CSS_SELECTOR, "th[aria-sort]")
        self.assertEqual("descending", header.get_attribute("aria-sort"))
        self.click_in_table("#connections-body button")
        self.browser.switch_to.alert.accept()
        self.wait_for_text("#connections-count", "0 of 2 connections")

    def test_rooms_and_their_members(self) -> None:
        self.open("rooms")
        self.wait_for_text("#rooms-body", "lobby")
        self.wait_for_text("#rooms-body td.number", "3")
        self.click_in_table("#rooms-body button")
        self.wait_for_text("#members", "Members of lobby")
        for client in self.clients:
            self.wait_for_text("#members", "{}:{}".format(*client.getsockname()))

    def test_an_action_is_run_over_the_protocol(self) -> None:
        self.open("actions")
        wait_for(lambda: "cacheTest" in self.text("#action-list"), "the actions")
        self.browser.find_element(By.CSS_SELECTOR, "[data-name=cacheTest]").click()
        self.assertIn("I will test the internal cache functions", self.text("#action"))
        self.browser.find_element(By.ID, "input-key").send_keys("k")
        self.browser.find_element(By.ID, "input-value").send_keys("it's", Keys.ENTER)
        self.wait_for_text("#response", '"loadResp": "it\'s"')
        shown = self.text("#action pre")
        self.assertIn("| nc -N localhost ", shown)
        self.assertIn("""client.action("cacheTest", key="k", value="it's")""", shown)
        self.browser.find_element(By.CSS_SELECTOR, "[data-name=sleepTest]").click()
        self.browser.find_element(By.ID, "input-sleepDuration").send_keys("x", Keys.ENTER)
        self.wait_for_text("#response.error", "sleepDuration must be a whole number")

    def test_limits(self) -> None:
        self.clients[0].sendall(b"x" * 70000 + b"\n")
        self.open("limits")
        self.wait_for_text("tr.reached", "maxLineLength")

    def test_the_log_shows_warnings(self) -> None:
        self.open("log")
        self.wait_for_text("#events", "Nothing so far.")

    def test_the_keyboard_leads_through_the_views(self) -> None:
        self.browser.find_element(By.ID, "tab-overview").send_keys(Keys.ARROW_RIGHT)
        wait_for(
            lambda: self.browser.switch_to.active_element.get_attribute("id") == "tab-connections",
            "the focus",
        )
        self.wait_for_text("#connections-count", "3 connections")
        self.browser.switch_to.active_element.send_keys(Keys.END)
        wait_for(lambda: self.browser.find_element(By.ID, "view-log").is_displayed(), "the log")
        shown = self.browser.find_elements(By.CSS_SELECTOR, "[role=tabpanel]:not([hidden])")
        self.assertEqual(["view-log"], [panel.get_attribute("id") for panel in shown])

    def test_each_control_has_a_name(self) -> None:
        self.open("connections")
        self.wait_for_text("#connections-count", "3 connections")
        for element in self.browser.find_elements(By.CSS_SELECTOR, "button, input, svg[role=img]"):
            with contextlib.suppress(StaleElementReferenceException):
                if element.is_displayed():
                    self.assertTrue(element.accessible_name, element.get_attribute("outerHTML"))

    def test_nothing_is_wider_than_a_phone(self) -> None:
        self.browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True},
        )
        for view in ("overview", "connections", "rooms", "actions", "limits", "log"):
            self.open(view)
            width = self.browser.execute_script("return document.documentElement.scrollWidth")
            self.assertLessEqual(width, 360, view)

    def test_a_page_of_another_site_can_do_nothing(self) -> None:
        other = self.port
        self.browser.get("data:text/html,<title>other</title>")
        script = """
            const done = arguments[1];
            const socket = new WebSocket(`ws://localhost:${arguments[0]}/ws`);
            socket.onopen = () => done("open");
            socket.onerror = () => done("refused");
        """
        self.assertEqual("refused", self.browser.execute_async_script(script, other))
        script = """
            const done = arguments[1];
            fetch(`http://localhost:${arguments[0]}/state/overview`, {credentials: "include"})
                .then(() => done("read"), () => done("refused"));
        """
        self.assertEqual("refused", self.browser.execute_async_script(script, other))
        # Chromium says in its console what it has refused.
        self.browser.get_log("browser")
