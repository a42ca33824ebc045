"""What an action takes, and how what a client sent is converted."""

from __future__ import annotations

import dataclasses
import functools
import typing  # noqa: F401 - for annotations that are text
from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.app.inputs import MOST_UNKNOWN, Inputs, read_signature
from actionhero_tcp.errors import ClientError


@dataclasses.dataclass
class Order:
    """What somebody drinks."""

    cups: int = 1


class ArgumentsTests(SynchronousTestCase):
    """`Inputs.arguments` and `Inputs.names`."""

    @staticmethod
    def sample() -> Inputs:
        """The inputs of an action with a bit of everything."""

        def act(api, connection, *, key: str, count: int = 3, value: str, flag: bool | None = None):  # type: ignore[no-untyped-def]
            raise NotImplementedError

        return read_signature(act)

    def test_takes_what_is_there(self) -> None:
        params = {"flag": "true", "value": "v", "count": "5", "key": "k"}
        expected = {"key": "k", "count": 5, "value": "v", "flag": True}
        self.assertEqual(expected, self.sample().arguments(params))

    def test_fills_in_defaults(self) -> None:
        expected = {"key": "k", "count": 3, "value": "v", "flag": None}
        self.assertEqual(expected, self.sample().arguments({"key": "k", "value": "v"}))

    def test_a_default_that_can_be_changed_is_new_for_each_request(self) -> None:
        def act(api, connection, *, names: list = ["a"], order: Order = Order()):  # type: ignore[no-untyped-def] # noqa: B006, B008
            raise NotImplementedError

        inputs = read_signature(act)
        first = inputs.arguments({})
        first["names"].append("b")
        first["order"].cups = 9
        self.assertEqual({"names": ["a"], "order": Order(1)}, inputs.arguments({}))

    def test_other_defaults_are_passed_as_they_are(self) -> None:
        missing = object()

        def act(api, connection, *, name: str | None = missing):  # type: ignore[no-untyped-def,assignment]
            raise NotImplementedError

        self.assertIs(missing, read_signature(act).arguments({})["name"])

    def test_leaves_out_what_was_not_declared(self) -> None:
        params = {"key": "k", "value": "v", "action": "act", "limit": 100, "api": 1}
        self.assertEqual(["key", "count", "value", "flag"], list(self.sample().arguments(params)))

    def test_names_the_first_that_is_missing_in_declared_order(self) -> None:
        for params, key in (({}, "key"), ({"value": "v"}, "key"), ({"key": "k"}, "value")):
            error = self.assertRaises(ClientError, self.sample().arguments, params)
            self.assertEqual(f"{key} is a required parameter for this action", error.text)

    def test_null_and_the_empty_string_are_missing(self) -> None:
        for nothing in (None, ""):
            error = self.assertRaises(
                ClientError, self.sample().arguments, {"key": nothing, "value": "v"}
            )
            self.assertEqual("key is a required parameter for this action", error.text)
            given_params = {"key": "k", "value": "v", "count": nothing}
            self.assertEqual(3, self.sample().arguments(given_params)["count"])

    def test_zero_false_and_empty_things_are_not_missing(self) -> None:
        def act(api, connection, *, a: int, b: bool, c: list, d: dict, e: float):  # type: ignore[no-untyped-def]
            raise NotImplementedError

        params = {"a": 0, "b": False, "c": [], "d": {}, "e": 0.0}
        self.assertEqual(params, read_signature(act).arguments(params))

    def test_a_blank_is_not_missing(self) -> None:
        params = {"key": " ", "value": "v"}
        self.assertEqual(" ", self.sample().arguments(params)["key"])

    def test_names_what_cannot_be_converted(self) -> None:
        params = {"key": "k", "value": "v", "count": "many"}
        error = self.assertRaises(ClientError, self.sample().arguments, params)
        self.assertEqual("count must be a whole number", error.text)

    def test_tells_of_all_faults_at_once(self) -> None:
        def act(api, connection, *, a: int, b: str, c: list[int], d: float = 1):  # type: ignore[no-untyped-def]
            raise NotImplementedError

        error = self.assertRaises(
            ClientError, read_signature(act).arguments, {"a": "x", "c": [1, "y"], "d": "z"}
        )
        self.assertEqual("a must be a whole number", error.text)
        self.assertEqual(
            [
                {"param": "a", "error": "a must be a whole number"},
                {"param": "b", "error": "b is a required parameter for this action"},
                {"param": "c[1]", "error": "c[1] must be a whole number"},
                {"param": "d", "error": "d must be a number"},
            ],
            error.fields["errors"],
        )

    def test_tells_of_one_fault_and_of_missing_inputs_without_a_list(self) -> None:
        for params in ({}, {"key": "k", "value": "v", "count": "x"}):
            error = self.assertRaises(ClientError, self.sample().arguments, params)
            self.assertEqual({}, error.fields)

    def test_strict_refuses_what_was_not_declared(self) -> None:
        params = {"key": "k", "value": "v", "action": "act", "limit": 1, "offset": 1}
        inputs = self.sample()
        self.assertEqual("k", inputs.arguments(params, strict=True)["key"])
        for name, expected in (
            ("kee", "unknown param kee; did you mean key?"),
            ("Value", "unknown param Value; did you mean value?"),
            ("zzz", "unknown param zzz"),
            ("z" * 100, "unknown param " + "z" * 64 + "…"),
        ):
            self.assertEqual("k", inputs.arguments({**params, name: 1})["key"])
            error = self.assertRaises(
                ClientError, inputs.arguments, {**params, name: 1}, strict=True
            )
            self.assertEqual(expected, error.text)

    def test_strict_names_only_so_many(self) -> None:
        params = {"key": "k", "value": "v", **{f"x{i}": i for i in range(1000)}}
        error = self.assertRaises(ClientError, self.sample().arguments, params, strict=True)
        told = error.fields["errors"]
        self.assertEqual(MOST_UNKNOWN, len(told))

    def test_strict_refuses_nothing_where_the_rest_is_taken(self) -> None:
        inputs = read_signature(lambda api, connection, **rest: None)
        self.assertEqual({"a": 1}, inputs.arguments({"a": 1}, strict=True))

    def test_leaves_the_params_as_they_were(self) -> None:
        params = {"key": 5, "value": "v", "count": "5"}
        self.sample().arguments(params)
        self.assertEqual({"key": 5, "value": "v", "count": "5"}, params)

    def test_the_rest_goes_where_it_is_wanted(self) -> None:
        def act(api, connection, *, n: int = 1, **params):  # type: ignore[no-untyped-def]
            raise NotImplementedError

        inputs = read_signature(act)
        self.assertEqual(
            {"x": "1", "an odd name": None, "n": 2},
            inputs.arguments({"x": "1", "n": "2", "an odd name": None}),
        )
        self.assertEqual({"n": 1, "x": ""}, inputs.arguments({"n": None, "x": ""}))

    def test_a_param_named_like_our_own_arguments_breaks_no_call(self) -> None:
        def act(api, connection, **params):  # type: ignore[no-untyped-def]
            return api, connection, params

        arguments = read_signature(act).arguments({"api": 1, "connection": 2, "x": 3})
        answer = act("api", "connection", **arguments)
        self.assertEqual(("api", "connection", 3), (*answer[:2], answer[2]["x"]))

    def test_the_rest_may_hold_names_that_stay_free(self) -> None:
        def act(api, connection, /, **params):  # type: ignore[no-untyped-def]
            return api, connection, params

        arguments = read_signature(act).arguments({"api": 1, "connection": 2})
        self.assertEqual(
            ("api", "connection", {"api": 1, "connection": 2}),
            act("api", "connection", **arguments),
        )

    def test_gives_the_names_of_inputs(self) -> None:
        inputs = self.sample()
        self.assertEqual(["key", "value"], inputs.names(required=True))
        self.assertEqual(["count", "flag"], inputs.names(required=False))


class SignatureTests(SynchronousTestCase):
    """`read_signature`."""

    def refused(self, function: Callable[..., Any], *expected: str) -> None:
        """Checks that a function cannot be an action, and what the error says."""
        error = str(self.assertRaises(ValueError, read_signature, function))
        for part in expected:
            self.assertIn(part, error)

    def annotated(self, annotation: Any) -> Callable[..., Any]:
        """An action with one input of that annotation."""

        def act(api, connection, *, x):  # type: ignore[no-untyped-def]
            raise NotImplementedError

        act.__annotations__["x"] = annotation
        return act

    def test_no_inputs(self) -> None:
        inputs = read_signature(lambda api, connection: None)
        self.assertEqual(((), False), (inputs.declared, inputs.takes_rest))

    def test_inputs_in_declared_order(self) -> None:
        def act(api, connection, *, b: str, a: int = 5, **rest: Any):  # type: ignore[no-untyped-def]
            raise NotImplementedError

        inputs = read_signature(act)
        self.assertEqual(
            [("b", True, None), ("a", False, 5)],
            [(i.name, i.required, i.default) for i in inputs.declared],
        )
        self.assertTrue(inputs.takes_rest)

    def test_positional_only_arguments_are_fine(self) -> None:
        def act(api, connection, /, *, a: int = 5):  # type: ignore[no-untyped-def]
            raise NotImplementedError

        self.assertEqual(["a"], read_signature(act).names(required=False))

    def test_a_default_is_not_converted(self) -> None:
        def act(api, connection, *, a: int = "x"):  # type: ignore[no-untyped-def, assignment]
            raise NotImplementedError

        self.assertEqual({"a": "x"}, read_signature(act).arguments({}))

    def test_types_are_read_as_they_are(self) -> None:
        inputs = read_signature(self.annotated("list[float]"))
        self.assertEqual(list[float], inputs.declared[0].annotation)

    def test_annotations_may_be_text(self) -> None:
        for text in ("int", "int | None", "typing.Optional[int]"):
            inputs = read_signature(self.annotated(text))
            self.assertEqual({"x": 5}, inputs.arguments({"x": "5"}), text)

    def test_refuses_other_arguments(self) -> None:
        form = "an action takes (api, connection, *, and then its inputs by keyword)"
        self.refused(lambda: None, form)
        self.refused(lambda api: None, form)
        self.refused(lambda api, connection, key: None, form)
        self.refused(lambda api, connection, *keys: None, form)
        self.refused(lambda *arguments: None, form)
        self.refused(lambda *, api, connection: None, form)

    def test_refuses_its_first_arguments_the_other_way_round(self) -> None:
        self.refused(
            lambda connection, api: None,
            "it takes (connection, api); the order is (api, connection)",
        )

    def test_refuses_an_input_without_an_annotation(self) -> None:
        def act(api, connection, *, key):  # type: ignore[no-untyped-def]
            raise NotImplementedError

        self.refused(
            act, "the input key has no annotation; supported: str, int, float, bool, list, dict"
        )

    def test_refuses_other_annotations_by_name(self) -> None:
        for annotation, name in (
            (complex, "complex"),
            (list[Callable], "list[collections.abc.Callable]"),
            (list[int] | set[int], "list[int] | set[int]"),
            (functools.partial, "partial"),
            (5, "5"),
            ([int], "[<class 'int'>]"),
        ):
            self.refused(
                self.annotated(annotation),
                f"the input x is annotated with {name}; ",
                "supported: str, int, float, bool, list, dict, each also with | None",
            )

    def test_refuses_annotations_that_cannot_be_read(self) -> None:
        self.refused(
            self.annotated("Missing"),
            "its annotations cannot be read: name 'Missing' is not defined",
        )
        self.refused(self.annotated("1 +"), "its annotations cannot be read: ")

    def test_refuses_what_has_no_signature(self) -> None:
        self.refused(type, "its annotations cannot be read: ")
