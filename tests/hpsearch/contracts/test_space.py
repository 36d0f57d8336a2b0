import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.contracts.space import Choice, Fixed, Float, Int, Space, space_as_json, space_from_json

SPACE = Space(
    (
        Float("rate", 1e-6, 1e1, log=True),
        Float("shift", -3.0, 5.0),
        Int("depth", 1, 7),
        Int("units", 1, 4096, log=True),
        Choice("kind", ("a", "b", "c")),
        Choice("on", (False, True)),
        Fixed("held", 0.25),
    )
)
points = st.lists(st.floats(0, 1), min_size=6, max_size=6)


@given(points)
def test_a_recorded_configuration_survives_encoding_and_decoding(point):
    configuration = SPACE.decode(point)
    again = SPACE.decode(SPACE.encode(configuration))
    for name in ("rate", "shift"):
        assert again[name] == pytest.approx(configuration[name], rel=1e-12, abs=1e-12)
    for name in ("depth", "units", "kind", "on", "held"):
        assert again[name] == configuration[name]


@given(st.floats(0, 1))
def test_a_float_position_survives_within_1e_12(position):
    for parameter in (SPACE["rate"], SPACE["shift"]):
        assert parameter.encode(parameter.decode(position)) == pytest.approx(position, abs=1e-12)


@given(st.lists(st.floats(-1e6, 1e6), min_size=6, max_size=6))
def test_decoding_clips_to_the_bounds(point):
    configuration = SPACE.decode(point)
    assert all(SPACE[name].contains(configuration[name]) for name in SPACE.names if name != "held")
    assert all(0 <= position <= 1 for position in SPACE.encode(configuration))


@pytest.mark.parametrize("parameter", [Int("n", 3, 6), Choice("c", ("p", "q", "r"))])
def test_each_discrete_value_takes_an_equal_share(parameter):
    values = [parameter.decode((i + 0.5) / 1200) for i in range(1200)]
    shares = {value: values.count(value) for value in values}
    assert set(shares.values()) == {1200 // len(shares)}


def test_a_logarithmic_float_is_uniform_in_its_logarithm():
    assert SPACE["rate"].decode(0.5) == pytest.approx(math.sqrt(1e-6 * 1e1))


def test_a_fixed_value_is_in_every_configuration_and_in_no_coordinate():
    assert SPACE.decode([0.0] * 6)["held"] == 0.25
    assert "held" not in {parameter.name for parameter in SPACE.searched}


@pytest.mark.parametrize(
    "make",
    [
        lambda: Float("x", 1.0, 1.0),
        lambda: Float("x", 2.0, 1.0),
        lambda: Float("x", 0.0, 1.0, log=True),
        lambda: Float("x", math.nan, 1.0),
        lambda: Float("x", 0.0, math.inf),
        lambda: Int("x", 0, 4, log=True),
        lambda: Int("x", 0.5, 4),
        lambda: Choice("x", ("only",)),
        lambda: Choice("x", ("a", "a")),
        lambda: Choice("x", (1, True, "b")),
        lambda: Space((Float("x", 0, 1), Int("x", 0, 1))),
        lambda: SPACE.decode([0.5]),
    ],
)
def test_a_wrong_space_is_refused(make):
    with pytest.raises(ValueError, match=r"x|coordinates"):
        make()


def test_a_space_survives_json():
    assert space_from_json(space_as_json(SPACE)) == SPACE


def test_what_is_no_configuration_of_a_space_is_said_whatever_its_bounds():
    space = Space((Float("x", 0.0, 1.0), Int("n", 1, 3), Choice("kind", ("a", 2)), Fixed("depth", 4)))
    good = {"x": 9, "n": 7.0, "kind": 2.0, "depth": 4.0}
    assert space.misfit(good) == ""
    for changed, said in (
        ({"x": "a"}, "has x = 'a'"),
        ({"x": True}, "has x = True"),
        ({"x": float("nan")}, "has x = nan"),
        ({"n": 1.5}, "has n = 1.5"),
        ({"kind": []}, "has kind = []"),
        ({"depth": 5}, "has depth = 5"),
        ({"width": 3}, "has 'width', which its space has not"),
    ):
        assert space.misfit({**good, **changed}) == said
    del good["n"]
    assert space.misfit(good) == "has no n"


SHALLOW = Space(
    (
        Choice("optimizer", ("sgd", "adam")),
        Float("rate", 1e-4, 1.0, log=True),
        Choice("nesterov", (False, True), when={"optimizer": "sgd"}),
        Int("layers", 1, 3),
        Float("momentum", 0.0, 0.99, when={"nesterov": True, "layers": (2, 3)}),
    )
)


@given(st.lists(st.floats(0, 1), min_size=5, max_size=5))
def test_a_configuration_has_what_is_active_and_nothing_else(point):
    found = SHALLOW.decode(point)
    assert ("nesterov" in found) == (found["optimizer"] == "sgd")
    assert ("momentum" in found) == (found.get("nesterov", False) and found["layers"] > 1)
    assert SHALLOW.contains(found)
    again = SHALLOW.encode(found)
    inactive = [p.name for p in SHALLOW.searched if p.name not in found]
    assert all(again[SHALLOW.names.index(name)] == 0.5 for name in inactive)
    assert SHALLOW.decode(again) == pytest.approx(found)


@pytest.mark.parametrize(
    ("configuration", "said"),
    [
        ({"optimizer": "adam", "rate": 0.1, "layers": 1}, ""),
        ({"optimizer": "adam", "rate": 0.1, "layers": 1, "nesterov": True}, "has 'nesterov', which is not active"),
        ({"optimizer": "sgd", "rate": 0.1, "layers": 1}, "has no nesterov"),
        ({"optimizer": "sgd", "rate": 0.1, "nesterov": True, "layers": 2}, "has no momentum"),
        ({"optimizer": "adam", "rate": 0.1, "layers": 1, "alpha": 1}, "has 'alpha', which its space has not"),
    ],
)
def test_what_does_not_fit_a_conditional_space_is_said(configuration, said):
    assert SHALLOW.misfit(configuration).startswith(said)
    assert bool(SHALLOW.misfit(configuration)) == bool(said)


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ({"optimiser": "sgd"}, "no parameter of this name comes before it"),
        ({"late": True}, "no parameter of this name comes before it"),
        ({"rate": 0.1}, "not on a real number"),
        ({"optimizer": "sdg"}, "optimizer can never have such a value"),
    ],
)
def test_a_condition_that_cannot_be_meant_is_refused(when, said):
    parameters = SHALLOW.parameters[:2]
    with pytest.raises(ValueError, match=said):
        Space((*parameters, Float("beta", 0, 1, when=when), Choice("late", (False, True))))


def test_what_a_narrowed_choice_rules_out_is_left_out_with_what_hangs_on_it():
    narrowed = (Fixed("optimizer", "adam"), *SHALLOW.parameters[1:])
    assert Space.possible(narrowed).names == ("optimizer", "rate", "layers")


def test_conditions_survive_a_database():
    assert space_from_json(json.loads(json.dumps(space_as_json(SHALLOW)))) == SHALLOW
    assert "when" not in json.dumps(space_as_json(SPACE))
