import pytest

from hpsearch.contracts.errors import SpecError
from hpsearch.contracts.searcher import History
from hpsearch.contracts.space import Choice, Fixed, Float, Space
from hpsearch.searchers.fixed import FixedConfigurations
from hpsearch.store.tables import load_tables
from hpsearch.study.plan import resolve
from hpsearch.study.registry import Registry
from hpsearch.study.schema import parse
from tests.tools.editing import edited
from tests.tools.studies import run_to_end

OPEN = Space((Float("x", 0.0, 1.0), Fixed("y", 3), Choice("on", (False, True))))
CONFIGURATIONS = ({"x": 0.5, "on": True}, {"x": 0.75, "on": False}, {"z": 1.0})

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
    first, second = {"x": 0.5, "y": 3, "on": True}, {"x": 0.75, "y": 3, "on": False}
    assert proposed == [first, second, first, second]
    assert list(proposed[0]) == ["x", "y", "on"]
    assert searcher.propose(Space((Fixed("a", 1.5),)), [history(4)], [1]) == [{"a": 1.5}]


@pytest.mark.parametrize(
    ("configurations", "message"),
    [
        ((), "methods.a: the searcher fixed has no configuration of exactly x, on; give one in searcher.conf"),
        (({"x": 0.5},), "no configuration of exactly x, on"),
        (({"x": "large", "on": True},), "configurations: x = 'large' is not in the space of methods.a; widen that"),
        (({"x": 0.5, "on": 2},), "configurations: on = 2 is not in the space of methods.a"),
        (({"x": 1.5, "on": True},), "configurations: x = 1.5 is not in the space of methods.a"),
        (({"x": float("nan"), "on": True},), "configurations: x = nan is not in the space"),
        (({"x": 0.5, "on": True}, {"x": 0.5, "no": True}), "'no': True} has exactly the open hyperparameters of no"),
    ],
)
def test_what_is_missing_or_wrong_is_said_when_the_study_file_is_read(configurations, message):
    with pytest.raises(ValueError, match=message):
        FixedConfigurations(configurations).check({"a": OPEN})


def test_a_comparison_of_given_configurations(own_study):
    study = own_study(
        study=edited(edited(STUDY, "{trials}", "2"), "{searcher}", "configurations = [{{ x = 0.3 }}, {{ x = 9 }}]")
    )
    trials = load_tables(run_to_end(study)).trials
    assert trials[trials["method"] == "wide"]["x"].tolist() == [0.3, 9.0] * 3
    assert trials[trials["method"] == "narrow"]["x"].tolist() == [0.25] * 6
    assert trials["seed"].nunique() == 12  # a configuration that is tried again has a seed of its own


def test_a_range_without_a_configuration_names_its_method(own_study):
    study = own_study(study=edited(edited(STUDY, "{trials}", "2"), "{searcher}", ""))
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
    assert resolve(parse(TABLE.format(searcher="fixed"), "t.toml"), Registry()).spec.trials == 1
    for searcher in ("botorch", "random", "sobol", "ax"):
        with pytest.raises(SpecError, match=r"searcher: the task measures its test accuracy, by which nothing may be"):
            resolve(parse(TABLE.format(searcher=searcher), "t.toml"), Registry())
