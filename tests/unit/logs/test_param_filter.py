"""What no log may show."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.logs.param_filter import HIDDEN, LEAST_CHARACTERS, ParamFilter
from tests.support import PROPERTY

SECRET = "hunter2"

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "password", "Token"]), inner, max_size=3)
    ),
    max_leaves=10,
)


class FilterTestCase(SynchronousTestCase):
    """Has a filter."""

    def setUp(self) -> None:
        self.filter = ParamFilter(("password", "token"))


class ParamsTests(FilterTestCase):
    """`ParamFilter.params`."""

    def test_values_are_hidden_by_name(self) -> None:
        self.assertEqual(
            {"user": "a", "password": HIDDEN, "limit": 100},
            self.filter.params({"user": "a", "password": SECRET, "limit": 100}),
        )

    def test_in_upper_and_lower_case(self) -> None:
        filter = ParamFilter(("apiKey", "straße"))
        for name in ("apikey", "APIKEY", "apiKey", "STRASSE"):
            self.assertEqual({name: HIDDEN}, filter.params({name: SECRET}))

    def test_a_part_of_a_name_is_another_name(self) -> None:
        params = {"passwords": "a", "my_password": "b", "": "c"}
        self.assertEqual(params, self.filter.params(params))

    def test_at_any_depth(self) -> None:
        self.assertEqual(
            {"a": [{"token": HIDDEN}, [{"b": {"Password": HIDDEN}}]]},
            self.filter.params({"a": [{"token": 1}, ({"b": {"Password": SECRET}},)]}),
        )

    def test_whatever_they_are(self) -> None:
        for value in (None, 5, True, "", [SECRET], {"a": SECRET}):
            self.assertEqual({"token": HIDDEN}, self.filter.params({"token": value}))

    def test_the_params_themselves_stay(self) -> None:
        params = {"password": SECRET, "deep": {"token": SECRET}}
        self.filter.params(params)
        self.assertEqual({"password": SECRET, "deep": {"token": SECRET}}, params)

    def test_without_names_nothing_is_hidden(self) -> None:
        for filter in (ParamFilter(), ParamFilter(("",))):
            params = {"password": SECRET, "": "x"}
            self.assertEqual(params, filter.params(params))
            self.assertEqual(SECRET, filter.text(SECRET, params))
            self.assertEqual("password=x", filter.assignments("password=x"))

    def test_other_things_than_params_stay(self) -> None:
        for value in (None, "x", 5, {5: 6}):
            self.assertEqual(value, self.filter.params(value))

    @PROPERTY
    @given(JSON_VALUES)
    def test_hides_these_values_and_no_others(self, value: Any) -> None:
        def expected(value: Any) -> Any:
            if isinstance(value, list):
                return [expected(item) for item in value]
            if isinstance(value, dict):
                hidden = {"password", "Token"}
                return {k: HIDDEN if k in hidden else expected(v) for k, v in value.items()}
            return value

        self.assertEqual(expected(value), self.filter.params(value))


class TextTests(FilterTestCase):
    """`ParamFilter.text`."""

    def test_a_value_is_hidden_wherever_it_stands(self) -> None:
        self.assertEqual(
            f"no user a with {HIDDEN}, {HIDDEN}!",
            self.filter.text(f"no user a with {SECRET}, {SECRET}!", {"password": SECRET}),
        )

    def test_as_python_and_json_show_it(self) -> None:
        for secret in ("it's\n\x1b\\", 'say "☃"', "\ud800abc"):
            for shown in (secret, repr(KeyError(secret)), json.dumps(secret), repr([secret])):
                text = self.filter.text(shown, {"token": secret})
                self.assertIn(HIDDEN, text)
                self.assertNotIn("abc", text)

    def test_of_all_depths_and_kinds(self) -> None:
        params = {"a": [{"PASSWORD": ["first", {"b": "second"}]}], "token": 12345, "c": "third"}
        self.assertEqual(
            f"{HIDDEN} {HIDDEN} {HIDDEN} third",
            self.filter.text("first second 12345 third", params),
        )

    def test_the_longer_of_two_values_first(self) -> None:
        params = {"token": "abc", "password": "abcdef"}
        self.assertEqual(HIDDEN, self.filter.text("abcdef", params))

    def test_values_that_are_too_short_to_be_secret_stay(self) -> None:
        short, long = "x" * (LEAST_CHARACTERS - 1), "x" * LEAST_CHARACTERS
        self.assertEqual("an axx", self.filter.text("an axx", {"token": short}))
        self.assertEqual(f"an a{HIDDEN}", self.filter.text("an axxx", {"token": long}))

    def test_params_that_contain_themselves(self) -> None:
        params: dict[str, Any] = {"password": SECRET}
        params["a"] = params["token"] = params
        self.assertEqual(HIDDEN, self.filter.text(SECRET, params))

    def test_no_params(self) -> None:
        for params in (None, {}):
            self.assertEqual(SECRET, self.filter.text(SECRET, params))


class AssignmentsTests(FilterTestCase):
    """`ParamFilter.assignments`."""

    def test_hides_what_is_set(self) -> None:
        for text, shown in (
            ("password=hunter2", "password=[FILTERED]"),
            ("PassWord=hunter2", "PassWord=[FILTERED]"),
            ("password=hunter2 is no action", "password=[FILTERED] is no action"),
            ("paramAdd\u00a0password=hunter2", "paramAdd\u00a0password=[FILTERED]"),
            ('"password":"hunter2"}', '"password":[FILTERED]'),
            ("'token' : hunter2", "'token' :[FILTERED]"),
            ("token=!!hunter2!!", "token=[FILTERED]"),
            ("password=a&token=b", "password=[FILTERED]"),
        ):
            self.assertEqual(shown, self.filter.assignments(text))

    def test_other_texts_stay(self) -> None:
        for text in (
            "",
            "password",
            "password=",
            "resetPassword",
            "password is a required parameter for this action",
            "key=value",
            "passwort=x",
        ):
            self.assertEqual(text, self.filter.assignments(text))

    def test_names_are_taken_as_they_are(self) -> None:
        filter = ParamFilter(("a.c", "x|y"))
        self.assertEqual("abc=1 a.c=[FILTERED]", filter.assignments("abc=1 a.c=1"))
        self.assertEqual("y=1 x|y=[FILTERED]", filter.assignments("y=1 x|y=1"))
