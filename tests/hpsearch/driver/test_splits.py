"""Repeats over splits of the data: which study is trained on which, however it is run, and what is recorded of it."""

import pytest

from hpsearch.contracts.errors import DatabaseError, SpecError
from hpsearch.contracts.progress import silent
from hpsearch.driver.check import check
from hpsearch.driver.confirm import confirmation
from hpsearch.driver.estimate import estimate
from hpsearch.driver.replay import replay
from hpsearch.report import write_report
from hpsearch.report.search.verdict import ONE_SPLIT
from hpsearch.store.database import Database
from hpsearch.store.tables import load_tables
from hpsearch.study.plan import read_plan
from hpsearch.study.registry import Registry
from tests.tools.commands import cli
from tests.tools.editing import edited
from tests.tools.studies import OWN_STUDY, going_on, run_to_end, table

FOLDED = """
import os
from dataclasses import dataclass

from hpsearch import Objective, Result, Task

LOADED = []


@dataclass(frozen=True)
class Folded(Task):
    fold: int = 0
    shift: float = 0.3
    objective = Objective("loss", chance=100.0, direction="minimise")
    pack = 4

    def split_of(self, repeat, seed):
        return {"fold": (repeat - 1) % 3}

    def prepare(self, progress):
        return {"images": "all of them", "held out": f"part {self.fold % int(os.environ.get('PARTS', 9))}"}

    def load(self, device):
        LOADED[:] = [self.fold]

    def train(self, method, configurations, seeds, device):
        assert LOADED == [self.fold]
        return [
            Result((c["x"] - self.shift) ** 2 + self.fold + s % 97 / 97, {"fold_used": self.fold})
            for c, s in zip(configurations, seeds)
        ]


TASK = Folded()
"""
OVER_FOLDS = edited(OWN_STUDY, "repeats = 3", 'repeats = 7\nrepeats_over = "fold"')


@pytest.fixture
def study(own_study):
    return own_study(FOLDED, OVER_FOLDS)


def folds(tables):
    """Study -> the folds that its trials say that they were trained on, in all methods together."""
    return tables.trials.groupby("repeat")["fold_used"].agg(set).to_dict()


ONE_AFTER_THE_OTHER = {1: {0}, 2: {1}, 3: {2}, 4: {0}, 5: {1}, 6: {2}, 7: {0}}


def test_all_trials_of_a_repeat_of_every_method_see_the_same_split(study):
    tables = load_tables(run_to_end(study))
    assert folds(tables) == ONE_AFTER_THE_OTHER
    assert len(tables.trials) == 2 * 7 * 6


def test_a_pack_has_one_split_and_results_do_not_depend_on_packs_or_workers(study):
    file = run_to_end(study)
    with Database(file) as database:
        packs: dict[tuple[str, int], set[int]] = {}
        for row in database.studies():
            packs.setdefault((row.method, row.pack), set()).add(row.repeat)
    assert sorted(sorted(pack) for (label, _), pack in packs.items() if label == "wide") == [[1, 4, 7], [2, 5], [3, 6]]
    alone = edited(study.read_text(), "seed = 7", "seed = 7\npack = 1")
    study.with_name("alone.toml").write_text(alone)
    assert table(run_to_end(study.with_name("alone.toml"), "alone.db", "processes", workers=2)) == table(file)


@pytest.mark.parametrize("records", [1, 7, 20])
def test_an_interrupted_run_goes_on_in_the_same_splits(study, records):
    with going_on(study, "again.db") as told:
        for _ in zip(range(records), told, strict=False):
            pass
    assert table(run_to_end(study, "again.db")) == table(run_to_end(study))


@pytest.mark.parametrize(("few", "many"), [(1, 7), (2, 4), (4, 7)])
def test_more_repeats_go_on_with_the_folds_and_equal_a_fresh_run(study, few, many):
    text = study.read_text()
    study.write_text(edited(text, "repeats = 7", f"repeats = {few}"))
    run_to_end(study, "grown.db")
    study.write_text(edited(text, "repeats = 7", f"repeats = {many}"))
    grown, fresh = run_to_end(study, "grown.db"), run_to_end(study, "fresh.db")
    assert sorted(table(grown), key=lambda row: row[:3]) == sorted(table(fresh), key=lambda row: row[:3])
    with Database(grown) as one, Database(fresh) as other:
        assert (one.existing().data, one.existing().resolved) == (other.existing().data, other.existing().resolved)


def test_the_database_says_which_study_has_which_split(study):
    with Database(run_to_end(study)) as database:
        comparison = database.existing()
    assert comparison.spec.repeats_over == "fold"
    assert comparison.resolved["splits"] == {str(r): {"fold": (r - 1) % 3} for r in range(1, 8)}
    assert comparison.resolved["task"] == {"shift": 0.3}
    assert comparison.data == {
        "images": "all of them",
        "held out": {f"fold = {fold}": f"part {fold}" for fold in range(3)},
    }


def test_other_data_in_one_split_is_another_comparison(study, monkeypatch):
    run_to_end(study)
    monkeypatch.setenv("PARTS", "2")  # so that the third fold is another one
    with pytest.raises(DatabaseError, match=r"was begun on other data \(held out differ\)"):
        run_to_end(study)


def test_a_replay_and_a_check_agree(study):
    file = run_to_end(study)
    for repeat in (2, 6):
        again = replay(file, "wide", repeat, 3, silent, trust=True)
        assert (again.differing, again.numbers) == ((), 4)
    assert check(file, proposals=True, progress=silent, trust=True).faults == ()


def test_a_confirmation_trains_each_choice_on_the_split_of_its_study(study):
    tables = load_tables(run_to_end(study))
    file = study.with_name("run.db")
    done = cli("confirm", file, "--seeds", "2", "--executor", "inline", "--trust", "--quiet")
    assert done.returncode == 0, done.stderr
    confirmed = load_tables(study.with_name("run-confirm.db"))
    found = confirmed.trials.groupby("method")["fold_used"].agg(set).to_dict()
    assert found == {f"{m} / study {r}": fold for m in tables.methods for r, fold in ONE_AFTER_THE_OTHER.items()}
    page = (study.with_name("run-confirm-report") / "README.md").read_text()
    assert "trained on the split of the data by which its study chose it" in page
    assert "one split" not in page
    with pytest.raises(SpecError, match=r"task\.fold: each repeat has its own split"):
        confirmation(tables, Registry.here(study.parent), 2, False, {"fold": 1})


def test_studies_that_had_the_same_incumbent_share_its_trainings_on_the_same_split_only(own_study):
    study = own_study(FOLDED, (
        'name = "own"\ntrials = 4\nrepeats = 7\nrepeats_over = "fold"\nseed = 7\ntask = "{module}"\nsearcher = "grid"\n'
        "[methods.few]\nspace.x = {{choices = [0.0, 0.25, 0.5, 1.0]}}\n"
    ))  # fmt: skip
    run_to_end(study)
    done = cli(
        "confirm", study.with_name("run.db"), "--along", "all", "--seeds", "2", "--executor", "inline", "--trust", "-q"
    )
    assert done.returncode == 0, done.stderr
    tables = load_tables(study.with_name("run-confirm-along.db"))
    confirm = tables.comparison.spec.confirm
    trained = tables.trials.groupby("method")
    by_studies = {name: {ONE_AFTER_THE_OTHER[held.study].copy().pop() for held in spans}
                  for name, spans in confirm.incumbents.items()}  # fmt: skip
    assert {name: {split["fold"]} for name, split in confirm.splits.items()} == by_studies
    assert trained["fold_used"].agg(set).to_dict() == by_studies
    # Each training, which is a configuration on a split, stands once: some for several studies, some on all splits.
    places = list(zip(trained["x"].first(), trained["fold_used"].first(), strict=True))
    assert len(set(places)) == len(places)
    assert len({x for x, _ in places}) < len(places)
    assert max(len({held.study for held in spans}) for spans in confirm.incumbents.values()) > 1


def test_a_dry_run_measures_one_split(study, tmp_path):
    found = estimate(read_plan(study), tmp_path / "none.db", 2, silent)
    assert (found.trials, found.lost) == (84, [])


def test_the_page_says_what_its_intervals_hold(study, own_study, tmp_path):
    write_report(run_to_end(study), tmp_path / "folds")
    page = (tmp_path / "folds" / "README.md").read_text()
    assert "its own seeds of search and training and its own split of the data" in page
    assert "There are 3 splits; studies on the same one share its luck" in page
    assert "1: fold = 0, 2: fold = 1, 3: fold = 2, 4: fold = 0" in page
    assert ONE_SPLIT not in page
    study.write_text(edited(edited(study.read_text(), 'repeats_over = "fold"', ""), '"own"', '"one"'))
    write_report(run_to_end(study, "one.db"), tmp_path / "one")
    assert ONE_SPLIT in (tmp_path / "one" / "README.md").read_text()


def test_without_it_all_repeats_have_the_tasks_own_split(study):
    study.write_text(edited(study.read_text(), 'repeats_over = "fold"', ""))
    file = run_to_end(study)
    assert set().union(*folds(load_tables(file)).values()) == {0}
    with Database(file) as database:
        assert "splits" not in database.existing().resolved
        assert database.existing().data == {"images": "all of them", "held out": "part 0"}


def test_it_cannot_be_added_to_a_comparison_that_is_there(study):
    text = study.read_text()
    study.write_text(edited(text, 'repeats_over = "fold"', ""))
    run_to_end(study)
    study.write_text(text)
    with pytest.raises(DatabaseError, match='repeats_over is "fold" here and absent there'):
        run_to_end(study)


def test_a_task_with_one_split_refuses(own_study):
    with pytest.raises(SpecError, match=r"repeats_over: own_task_.* has one split of its data with these settings"):
        read_plan(own_study(study=OVER_FOLDS))


def test_a_split_for_all_and_one_for_each_are_not_both_possible(study):
    module = study.read_text().split('task = "')[1].split('"')[0]
    study.write_text(edited(study.read_text(), f'task = "{module}"', f'task = {{ name = "{module}", fold = 2 }}'))
    with pytest.raises(SpecError, match=r"task\.fold: each repeat has its own split"):
        read_plan(study)


def test_a_seed_of_the_split_is_another_one_for_each_repeat_and_comparison(own_study):
    drawn = edited(FOLDED, '{"fold": (repeat - 1) % 3}', '{"fold": seed}')
    study = own_study(drawn, OVER_FOLDS)
    seeds = [split["fold"] for split in read_plan(study).splits.values()]
    assert len(set(seeds)) == 7
    assert max(seeds) < 2**31
    study.write_text(edited(study.read_text(), "seed = 7", "seed = 8"))
    assert not set(seeds) & {split["fold"] for split in read_plan(study).splits.values()}
