import pytest

from hpsearch.searchers import History
from hpsearch.searchers.fixed import FixedConfigurations
from hpsearch.space import Choice, Fixed, Float, Space
from hpsearch.spec import SpecError, parse_spec
from hpsearch.tables import load_tables
from tests.conftest import run_to_end

OPEN = Space((Float("x", 0.0, 1.0), Fixed("y", 3), Choice("on", (False, True))))
CONFIGURATIONS = ({"x": 0.5, "on": True}, {"x": 7.0, "on": False}, {"z": 1.0})

STUDY = """
name = "given"
trials = {trials}
repeats = 3
seed = 1
task = "{module}"

[searcher]
name = "fixed"
{searcher}

[methods.wide]
space = {{ x = [0.0, 10.0] }}

[methods.narrow]
space = {{ x = 0.25, depth = 3 }}
"""


def history(n):
    return History(({"x": 0.5, "y": 3, "on": True},) * n, (0.1,) * n)


def test_each_study_tries_them_in_order_and_begins_again():
    searcher = FixedConfigurations(CONFIGURATIONS)
    proposed = searcher.propose(OPEN, [history(n) for n in (0, 1, 2, 3)], [1, 2, 3, 4])
    first, second = {"x": 0.5, "y": 3, "on": True}, {"x": 7.0, "y": 3, "on": False}
    assert proposed == [first, second, first, second]
    assert list(proposed[0]) == ["x", "y", "on"]
    assert searcher.propose(Space((Fixed("a", 1.5),)), [history(4)], [1]) == [{"a": 1.5}]


@pytest.mark.parametrize(
    ("configurations", "message"),
    [
        ((), "has no configuration that gives just on, x; give one in searcher.configurations, or values instead"),
        (({"x": 0.5},), "no configuration that gives just on, x"),
        (({"x": "large", "on": True},), r"configurations: x is 'large', expected a number"),
        (({"x": 0.5, "on": 2},), r"configurations: on is 2, expected \[False, True\]"),
    ],
)
def test_what_is_missing_or_wrong_is_said_when_the_study_file_is_read(configurations, message):
    with pytest.raises(ValueError, match=message):
        FixedConfigurations(configurations).check(OPEN)


def test_a_comparison_of_given_configurations(own_study):
    study = own_study(
        study=STUDY.replace("{trials}", "2").replace("{searcher}", "configurations = [{{ x = 0.3 }}, {{ x = 12 }}]")
    )
    trials = load_tables(run_to_end(study)).trials
    assert trials[trials["method"] == "wide"]["x"].tolist() == [0.3, 12.0] * 3
    assert trials[trials["method"] == "narrow"]["x"].tolist() == [0.25] * 6
    assert trials["seed"].nunique() == 12  # a configuration that is tried again has a seed of its own


def test_a_range_without_a_configuration_names_its_method(own_study):
    study = own_study(study=STUDY.replace("{trials}", "2").replace("{searcher}", ""))
    with pytest.raises(SpecError, match=r"own\.toml: methods\.wide: the searcher fixed has no configuration"):
        run_to_end(study)


TABLE = """
name = "t"
trials = 1
repeats = 2
seed = 1
task = {{ name = "cifar_task", training = 50_000, validation = 0 }}
searcher = "{searcher}"

[methods.filter]
space = {{ alpha = 1e-3, gamma = 0.1 }}
"""


def test_test_data_is_no_searchers():
    assert parse_spec(TABLE.format(searcher="fixed"), "t.toml").trials == 1
    for searcher in ("botorch", "random", "sobol", "ax"):
        with pytest.raises(SpecError, match=r"searcher: the task measures its test accuracy, by which nothing may be"):
            parse_spec(TABLE.format(searcher=searcher), "t.toml")
