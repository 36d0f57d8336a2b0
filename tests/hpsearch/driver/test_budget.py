"""Studies that end by epochs or seconds: where they end, what goes on, and what reports make of their lengths."""

import contextlib
import sqlite3

import pytest

from hpsearch.contracts.errors import DatabaseError, SpecError, TaskError
from hpsearch.contracts.progress import silent
from hpsearch.driver.check import check
from hpsearch.driver.estimate import estimate
from hpsearch.report import write_report
from hpsearch.report.search.findings import compute_findings
from hpsearch.report.search.verdict import sentences
from hpsearch.store.spent import Cost, has_ended, spent
from hpsearch.store.tables import load_tables
from hpsearch.study.plan import read_plan
from hpsearch.study.schema import Spec
from tests.tools.commands import cli
from tests.tools.editing import edited
from tests.tools.studies import OWN_STUDY, OWN_TASK, going_on, run_to_end, table

# As many epochs as the integer part of x, which is below 10, and one more.
TASK = edited(OWN_TASK, "[1.0, value]", '[1.0] * int(configuration["x"]) + [value]')
STUDY = edited(OWN_STUDY, "trials = 6", "budget = {{ epochs = 30 }}")


def lengths(file):
    """(method, repeat) -> epochs of each trial."""
    found = {}
    for trial in table(file):
        found.setdefault(trial[:2], []).append(len(trial.curves["loss"]))
    return found


def test_a_study_ends_with_the_trial_that_reaches_its_budget(own_study):
    file = run_to_end(own_study(TASK, STUDY))
    found = lengths(file)
    assert len(found) == 6
    for epochs in found.values():
        assert sum(epochs[:-1]) < 30 <= sum(epochs)
    assert {len(epochs) for (method, _), epochs in found.items() if method == "narrow"} == {30}
    assert check(file, proposals=True, progress=silent, trust=True).faults == ()


def test_a_stopped_study_goes_on_to_the_same_end(own_study):
    study = own_study(TASK, edited(STUDY, "repeats = 3", "repeats = 3\npack = 2"))
    whole = table(run_to_end(study, "whole.db"))
    for _ in range(3):
        with going_on(study) as records:
            next(records)
            next(records)
    assert table(run_to_end(study)) == whole


@pytest.mark.parametrize("parallel", [1, 4])
def test_a_larger_budget_goes_on_and_equals_a_fresh_run(own_study, parallel):
    study = own_study(TASK, edited(STUDY, "repeats = 3", f"repeats = 3\npack = 3\nparallel = {parallel}"))
    before = table(run_to_end(study))
    study.write_text(edited(study.read_text(), "epochs = 30", "epochs = 60"))
    after = table(run_to_end(study))
    assert after == table(run_to_end(study, "fresh.db"))
    assert all(trial in after for trial in before)
    study.write_text(edited(study.read_text(), "epochs = 60", "epochs = 50"))
    with pytest.raises(DatabaseError, match=r"budget\.epochs is 50 here and 60 there"):
        run_to_end(study)


def test_a_round_is_not_cut_by_its_budget(own_study):
    found = lengths(run_to_end(own_study(TASK, edited(STUDY, "repeats = 3", "repeats = 3\nparallel = 4"))))
    for epochs in found.values():
        assert len(epochs) % 4 == 0
        assert sum(epochs[:-4]) < 30 <= sum(epochs)


def test_whichever_comes_first_ends_a_study(own_study):
    both = edited(STUDY, "budget", "trials = 7\nbudget")
    assert all(sum(e) >= 30 or len(e) == 7 for e in lengths(run_to_end(own_study(TASK, both))).values())
    seconds = edited(STUDY, "epochs = 30", "seconds = 1e-9")
    assert all(len(e) == 1 for e in lengths(run_to_end(own_study(TASK, seconds), "seconds.db")).values())


def test_costs_and_ends():
    trials = [Cost(2.0, 5), Cost(None, None), Cost(1.0, 7)]
    assert spent(trials) == (3, 18, 3.0)  # what has no curve took as long as the others
    assert spent([Cost(0.5, None)] * 4) == (4, 4, 2.0)
    plain = {"name": "n", "repeats": 1, "seed": 1, "task": {"name": "t"}, "methods": {"a": {}}}
    assert has_ended(trials, Spec.model_validate({**plain, "budget": {"epochs": 18}}))
    assert not has_ended(trials, Spec.model_validate({**plain, "budget": {"epochs": 19}}))
    assert has_ended(trials, Spec.model_validate({**plain, "budget": {"epochs": 19, "seconds": 3}}))
    assert has_ended(trials, Spec.model_validate({**plain, "trials": 3}))
    within_a_round = Spec.model_validate({**plain, "parallel": 2, "budget": {"epochs": 1}})
    assert (has_ended(trials, within_a_round), has_ended(trials[:2], within_a_round)) == (False, True)


@pytest.mark.parametrize("curves", ["{}", '{"loss": []}'])
def test_epochs_that_cannot_be_counted_are_a_sentence(own_study, curves):
    study = own_study(edited(OWN_TASK, 'curves={"loss": [1.0, value]}', f"curves={curves}"), STUDY)
    with pytest.raises(TaskError, match="a training has no curve, so that the epochs of the study file's budget"):
        run_to_end(study)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "trials: this key is needed and missing"),
        ("budget = {{}}", "budget: value error, a budget needs epochs or seconds"),
        ("budget = {{ epochs = 0 }}", "budget.epochs: input should be greater than or equal to 1"),
        ("budget = {{ hours = 2 }}", "budget.hours: unknown key"),
    ],
)
def test_a_budget_that_cannot_be_meant_is_a_fault(own_study, line, said):
    with pytest.raises(SpecError, match=said):
        read_plan(own_study(TASK, edited(STUDY, "budget = {{ epochs = 30 }}", line)))


def test_reports_count_what_the_budget_counts(own_study, tmp_path):
    file = run_to_end(own_study(TASK, STUDY))
    tables = load_tables(file)
    found, most = compute_findings(tables), max(len(e) for e in lengths(file).values())
    curves = found.curves
    assert (curves.trials, curves.planned) == (most, (len(tables.trials),) * 2)
    assert found.unit == "epochs"
    assert sentences(found)[0].startswith("After 30 epochs ")
    assert not [said for said in sentences(found) if "Not finished" in said]
    for (label, repeat), epochs in lengths(file).items():
        incumbents = curves.methods[label].incumbents[repeat - 1]
        own = tables.trials[(tables.trials["method"] == label) & (tables.trials["repeat"] == repeat)]
        assert incumbents[: len(epochs)].tolist() == own["objective"].cummin().tolist()
        assert set(incumbents[len(epochs) :]) <= {own["objective"].min()}
    reach = found.targets[-1].units["epochs"]
    for label in ("wide", "narrow"):  # a study that never reached it counts with all that it spent
        all_spent = [sum(epochs) for (method, _), epochs in lengths(file).items() if method == label]
        missed = ~reach.times[label].reached
        assert reach.times[label].times[missed].tolist() == [e for e, m in zip(all_spent, missed, strict=True) if m]
    write_report(file, tmp_path / "report")
    page = (tmp_path / "report" / "README.md").read_text()
    assert "30 epochs, 3" in page
    assert "Median number of epochs to the target" in page
    assert "after 30 epochs, and" in (tmp_path / "report" / "tables.tex").read_text()


def test_a_study_that_trials_or_a_budget_may_end_is_said_to_be_so_long(own_study):
    file = run_to_end(own_study(TASK, edited(STUDY, "budget", "trials = 100\nbudget")))
    assert sentences(compute_findings(load_tables(file)))[0].startswith("After 100 trials or 30 epochs ")


def test_an_unfinished_one_says_how_much_is_left_at_least(own_study):
    study = own_study(TASK, STUDY)
    with going_on(study) as records:
        for _ in range(12):
            next(records)
    file = study.parent / "run.db"
    said = sentences(compute_findings(load_tables(file)))[0]
    assert said.startswith("Not finished: 12 of at least 1")
    assert "3 studies of 30 epochs per method" in cli("status", str(file)).stdout
    assert "stopped" in cli("status", str(file)).stdout
    run_to_end(study)
    assert "finished" in cli("status", str(file)).stdout


def test_an_estimate_counts_the_trials_that_a_budget_allows(own_study):
    plan = read_plan(own_study(OWN_TASK, edited(STUDY, "epochs = 30", "epochs = 15")))  # two epochs a trial
    found = estimate(plan, plan.found_in.folders[0] / "none.db", 1, silent)
    assert found.trials == 8 * 6


def test_a_round_in_training_is_not_finished(own_study):
    """Of each study trial 5 of the second round has ended, and trials 4 and 6 have not."""
    rounds = edited(edited(STUDY, "epochs = 30", "epochs = 12"), "repeats = 3", "repeats = 3\nparallel = 3")
    file = run_to_end(own_study(OWN_TASK, rounds))
    with contextlib.closing(sqlite3.connect(file)) as changed, changed:
        changed.execute("UPDATE trials SET state = 'proposed', objective = NULL WHERE trial IN (4, 6)")
    found = compute_findings(load_tables(file))
    assert found.curves.planned == (24, 30)
    assert sentences(found)[0].startswith("Not finished: 24 of at least 30 trials")


def test_a_seed_that_is_lost_without_a_curve_is_not_free(own_study):
    lost = 'Result(None, outcome="diverged", reason="as asked", curves={"loss": []})'
    task = edited(OWN_TASK, "    value =", f"    if seed % 3 == 0: return {lost}\n    value =")
    file = run_to_end(own_study(task, edited(STUDY, "repeats = 3", "repeats = 3\nseeds = 3")))
    tables = load_tables(file)
    assert set(tables.seeds["state"]) == {"complete", "diverged"}
    assert set(tables.epochs[tables.trials["state"] == "complete"]) == {6}  # three seeds of two epochs
    assert set(tables.trials.groupby(["method", "repeat"])["trial"].max()) <= {5, 6}
