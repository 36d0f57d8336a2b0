"""A space with conditions, from the study file through a run to everything that reads its database."""

import pandas as pd
import pytest

from hpsearch.contracts.progress import silent
from hpsearch.driver.check import check
from hpsearch.driver.confirm import confirmation
from hpsearch.export import csv
from hpsearch.report import write_report
from hpsearch.store.chosen import chosen, chosen_as_settings
from hpsearch.store.tables import load_tables
from hpsearch.study import kinds
from hpsearch.study.registry import Registry
from tests.tools.studies import run_to_end

TASK = """
from hpsearch import FunctionTask, Objective


def objective(configuration, seed):
    if configuration["optimizer"] == "sgd":
        assert set(configuration) == {"optimizer", "rate", "momentum", "steps"}
        return configuration["rate"] * (1.1 - configuration["momentum"])
    assert set(configuration) == {"optimizer", "rate"}
    return 0.5 + configuration["rate"]


TASK = FunctionTask(objective, Objective("loss", chance=9.0, direction="minimise"))
"""
STUDY = """
name = "conditional"
trials = 12
repeats = 3
seed = 7
task = "{module}"
searcher = "random"

[methods.net.space]
optimizer = {{ choices = ["sgd", "adam"] }}
rate = [0.1, 1.0]
momentum = {{ low = 0.0, high = 0.99, when = {{ optimizer = "sgd" }} }}
steps = {{ low = 1, high = 9, integer = true, when = {{ optimizer = "sgd" }} }}

[methods.adam.space]
optimizer = {{ choices = ["adam", "adamw"] }}
rate = [0.1, 1.0]
"""


@pytest.fixture
def file(own_study):
    study = own_study(task=TASK, study=STUDY.replace(', "adamw"', ', "adamax"'))
    return run_to_end(study)


def test_a_database_holds_what_is_active_and_checks(file):
    trials = load_tables(file).trials
    of_net = trials[trials["method"] == "net"]
    sgd = of_net["optimizer"] == "sgd"
    assert 0 < sgd.sum() < len(of_net)
    assert of_net["momentum"].notna().equals(sgd)
    found = check(file, proposals=True, progress=silent)
    assert (found.faults, found.proposals) == ((), 72)


def test_what_was_chosen_has_what_is_active(file):
    tables = load_tables(file)
    rows = chosen_as_settings(tables, chosen(tables))["methods"]["net"]["chosen"]
    assert {row["configuration"]["optimizer"] for row in rows} == {"sgd"}
    assert all(type(row["configuration"]["steps"]) is int for row in rows)
    plan = confirmation(tables, Registry.here(file.parent), 2, False, {})
    assert plan.methods["net / study 1"].space.names == ("optimizer", "rate", "momentum", "steps")
    assert plan.methods["adam / study 1"].space.names == ("optimizer", "rate")


def test_every_format_takes_it(file, tmp_path):
    for name in ("optuna", "ax"):
        Registry().find(kinds.EXPORT, name).write(file, tmp_path / name, silent)
    optuna = pytest.importorskip("optuna")
    study = optuna.load_study(study_name="conditional/net/1", storage=f"sqlite:///{tmp_path / 'optuna'}")
    assert {frozenset(trial.params) for trial in study.trials} == {
        frozenset(("optimizer", "rate")), frozenset(("optimizer", "rate", "momentum", "steps")),
    }  # fmt: skip
    whens = csv.tables(file)["hyperparameters"]["when"]
    assert whens == [None, None, '{"optimizer": "sgd"}', '{"optimizer": "sgd"}', None, None]


def test_the_report_says_when_it_is_active(file, tmp_path):
    write_report(file, tmp_path / "report")
    page = (tmp_path / "report" / "README.md").read_text()
    assert "0 to 0.99, if optimizer = sgd" in page
    assert pd.read_csv(tmp_path / "report" / "trials.csv")["momentum"].isna().any()


METHOD = """
from hpsearch import Choice, Float, Method, Space

METHOD = Method(Space((Choice("optimizer", ("sgd", "adam")), Float("momentum", 0.0, 1.0{when}))))
"""
OTHER_CONDITIONS = """
name = "conditions"
trials = 3
repeats = 6
seed = 7
task = "{module}"
searcher = "random"

[methods.always.space]
momentum = {{ when = {{ optimizer = "sgd" }} }}

[methods.sometimes.space]
momentum = {{ when = {{}} }}
"""
OF_METHODS = """
from hpsearch import FunctionTask, Objective


class Mine(FunctionTask):
    methods = "methods_with_conditions"


TASK = Mine(lambda configuration, seed: configuration.get("momentum", 0.5), Objective("loss", chance=9.0))
"""


def test_a_confirmation_trains_what_was_chosen_whatever_conditions_the_study_file_had(own_study, tmp_path):
    """One method's condition is the study file's, and the study file takes away that of the other."""
    folder = tmp_path / "methods_with_conditions"
    folder.mkdir()
    (folder / "always.py").write_text(METHOD.format(when=""))
    (folder / "sometimes.py").write_text(METHOD.format(when=', when={"optimizer": "sgd"}'))
    tables = load_tables(run_to_end(own_study(OF_METHODS, OTHER_CONDITIONS)))
    plan = confirmation(tables, Registry.here(tmp_path), 2, False, {})
    rows = chosen_as_settings(tables, chosen(tables))["methods"]
    seen = set()
    for label, method in rows.items():
        for row in method["chosen"]:
            space = plan.methods[f"{label} / study {row['repeat']}"].space
            assert {parameter.name: parameter.value for parameter in space} == row["configuration"]
            assert not space.conditional
            seen.add((label, row["configuration"]["optimizer"], len(space.names)))
    assert {("always", "adam", 1), ("sometimes", "adam", 2)} <= seen
