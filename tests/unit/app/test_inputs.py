"""What an action takes, and how what a client sent is converted."""

from __future__ import annotations

import functools
import math
import typing
from collections.abc import Callable
from typing import Annotated, Any, Literal

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.app.inputs import JSON_INPUT_DEPTH, Inputs, number, read_signature
from actionhero_tcp.errors import ClientError
from tests.support import PROPERTY

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
    | st.sampled_from(
        ["1", "-1.5", "1e400", "true", "FALSE", "[1]", '{"a":1}', " [] ", "9" * 5000]
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)


class NumberTests(SynchronousTestCase):
    """`number`."""

    def test_numbers_are_themselves(self) -> None:
        self.assertEqual("[5, 5.0, -0.5, 0]", repr([number(n) for n in (5, 5.0, -0.5, 0)]))

    def test_whole_numbers_are_ints(self) -> None:
        texts = ("5", "-5", "0", "007", "-0")
        self.assertEqual("[5, -5, 0, 7, 0]", repr([number(text) for text in texts]))

    def test_other_numbers_are_floats(self) -> None:
        texts = ("1.5", "-0.25", "1e3", "2.5E-1")
        self.assertEqual("[1.5, -0.25, 1000.0, 0.25]", repr([number(text) for text in texts]))

    def test_large_whole_numbers_are_exact(self) -> None:
        self.assertEqual(10**30 + 1, number(str(10**30 + 1)))

    def test_what_is_no_number(self) -> None:
        texts = ("", "-", "1.", ".5", "+1", "1e", "0x10", "1_000", " 1", "1 ", "1\n", "٣", "abc")
        for value in (*texts, None, True, False, [], {}, [1], b"1"):
            self.assertIsNone(number(value), repr(value))

    def test_infinite_texts_are_no_numbers(self) -> None:
        for text in ("NaN", "nan", "Infinity", "inf", "1e400", "-1e400", "9" * 5000):
            self.assertIsNone(number(text), text[:10])

    def test_infinite_values_are_no_numbers(self) -> None:
        for value in (math.nan, math.inf, -math.inf):
            self.assertIsNone(number(value), value)

    @PROPERTY
    @given(st.text(max_size=8) | st.from_regex(r"-?[0-9.eE+-]{1,8}"))
    def test_gives_what_python_reads(self, text: str) -> None:
        found = number(text)
        if found is not None:
            self.assertEqual(float(text), float(found))
            self.assertTrue(math.isfinite(found))


class ConvertingTests(SynchronousTestCase):
    """The conversion to each type that an input may have."""

    def convert(self, kind: type, value: object) -> Any:
        """What an action gets for an input of that type."""

        def act(api, connection, *, x):  # type: ignore[no-untyped-def]
            raise NotImplementedError

        act.__annotations__["x"] = kind
        return read_signature(act).arguments({"x": value})["x"]

    def converts(self, kind: type, *pairs: tuple[object, object]) -> None:
        """Checks what becomes of values, types included."""
        for value, expected in pairs:
            self.assertEqual(repr(expected), repr(self.convert(kind, value)), repr(value))

    def refuses(self, kind: type, expected: str, *values: object) -> None:
        """Checks that values are refused."""
        for value in values:
            error = self.assertRaises(ClientError, self.convert, kind, value)
            self.assertEqual(f"x must be {expected}", error.text, repr(value)[:50])

    def test_str(self) -> None:
        self.converts(str, ("a b", "a b"), (5, "5"), (-2.5, "-2.5"), (0, "0"), (2.0, "2.0"))
        self.refuses(str, "a string", True, False, [], ["a"], {}, {"a": 1})

    def test_int(self) -> None:
        self.converts(int, (5, 5), ("5", 5), (5.0, 5), ("5.0", 5), ("1e3", 1000), ("-7", -7))
        self.converts(int, (0, 0), ("0", 0), (10**30, 10**30))
        self.refuses(int, "a whole number", 1.5, "1.5", "five", True, [1], {}, "1e400", " 5")

    def test_float(self) -> None:
        self.converts(float, (5, 5.0), (0.5, 0.5), ("5", 5.0), ("-2.5e1", -25.0), (0, 0.0))
        self.refuses(float, "a number", "x", False, [], {}, "NaN", "Infinity", "1e400")

    def test_float_takes_no_int_that_it_cannot_hold(self) -> None:
        self.refuses(float, "a number that is not that large", 10**400, "9" * 400)

    def test_bool(self) -> None:
        self.converts(bool, (True, True), ("true", True), ("1", True), (1, True), ("TRUE", True))
        self.converts(bool, (False, False), ("false", False), ("0", False), (0, False))
        self.refuses(bool, "true or false", 2, "yes", "on", 1.0, [], [True], {}, "t", -1)

    def test_list(self) -> None:
        self.converts(list, ([], []), ([1, "a"], [1, "a"]), ('[1,"a"]', [1, "a"]), (" [] ", []))
        self.refuses(list, "a list", "a,b", 5, True, {"a": 1}, '{"a":1}', "[1", "[NaN]", "[1]]")

    def test_dict(self) -> None:
        self.converts(dict, ({}, {}), ({"a": 1}, {"a": 1}), ('{"a":[1]}', {"a": [1]}))
        self.refuses(dict, "an object", "a", 5, True, [1], "[1]", '{"a"}', "{'a':1}")

    def test_text_may_be_nested_so_deeply(self) -> None:
        levels = JSON_INPUT_DEPTH
        self.convert(list, "[" * levels + "]" * levels)
        self.refuses(list, "a list", "[" * (levels + 1) + "]" * (levels + 1), "[" * 5000)

    def test_none_beside_a_type_changes_nothing(self) -> None:
        for kind in (int | None, None | int, typing.Union[int, None]):  # noqa: UP007
            self.converts(kind, ("5", 5))  # type: ignore[arg-type]
            self.refuses(kind, "a whole number", "x")  # type: ignore[arg-type]

    @PROPERTY
    @given(st.sampled_from([str, int, float, bool, list, dict]), JSON_VALUES)
    def test_gives_the_type_or_an_error_for_the_client(self, kind: type, value: object) -> None:
        try:
            converted = self.convert(kind, value)
        except ClientError as error:
            self.assertTrue(error.text.startswith("x "), error.text)
        else:
            self.assertIs(kind, type(converted))

    @PROPERTY
    @given(
        st.one_of(
            *(
                st.tuples(st.just(kind), values)
                for kind, values in (
                    (str, st.text(min_size=1)),
                    (int, st.integers()),
                    (float, st.floats(allow_nan=False, allow_infinity=False)),
                    (bool, st.booleans()),
                    (list, st.lists(JSON_VALUES, max_size=3)),
                    (dict, st.dictionaries(st.text(), JSON_VALUES, max_size=3)),
                )
            )
        )
    )
    def test_leaves_what_has_the_type(self, pair: tuple[type, object]) -> None:
        kind, value = pair
        self.assertEqual(value, self.convert(kind, value))


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

    def test_refuses_an_input_without_an_annotation(self) -> None:
        def act(api, connection, *, key):  # type: ignore[no-untyped-def]
            raise NotImplementedError

        self.refused(
            act, "the input key has no annotation; supported: str, int, float, bool, list, dict"
        )

    def test_refuses_other_annotations_by_name(self) -> None:
        for annotation, name in (
            (bytes, "bytes"),
            (set, "set"),
            (Any, "typing.Any"),
            (None, "None"),
            (list[int], "list[int]"),
            (int | str, "int | str"),
            (int | str | None, "int | str | None"),
            (list[int] | None, "list[int] | None"),
            (Literal["a"], "typing.Literal['a']"),
            (Annotated[int, 5], "typing.Annotated[int, 5]"),
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
