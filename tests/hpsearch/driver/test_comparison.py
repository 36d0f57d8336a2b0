"""The loop: the same trials table however it is run, and every trial accounted for."""

import json
import math
import platform
from dataclasses import replace

import numpy as np
import pytest

import hpsearch
from hpsearch.contracts.errors import DatabaseError, SpecError, TaskError
from hpsearch.contracts.objective import Result
from hpsearch.contracts.progress import silent
from hpsearch.contracts.searcher import History, Searcher
from hpsearch.contracts.task import ReturnError
from hpsearch.driver.layout import prepare
from hpsearch.driver.loop import differs_from_last_run
from hpsearch.driver.returned import checked_results
from hpsearch.store.database import Database
from hpsearch.study.plan import Plan, read_plan
from hpsearch.system.provenance import differences
from tests.tools.editing import edited
from tests.tools.studies import OWN_STUDY, OWN_TASK, going_on, table
from tests.tools.studies import run_to_end as run


def in_direction(direction: str, sign: int) -> str:
    """The task of one's own, its objective negated where larger is to be better."""
    task = edited(OWN_TASK, 'direction="minimise"', f'direction="{direction}"')
    return edited(task, "value, metrics", f"{sign} * value, metrics")


SPEECH_STUDY = """
name = "speech"
trials = 3
repeats = 5
seed = 3
pack = {pack}
searcher = "sobol"
[task]
name = "audio_task"
corpus = "synthetic"
voices = 6
takes = 1
width = 50
precision = "{precision}"
epochs = 2
batch_size = 16
[methods.latent]
[methods.filter]
"""


def stopped_again(study, database):
    """Go on with a comparison in packs of 2, inline, until seven records after, and stop; its database."""
    with going_on(study, database) as records:
        for _ in zip(range(7), records, strict=False):
            pass
    return study.with_name(database)


class TestTheTableIsTheSame:
    @pytest.mark.parametrize("precision", ["fp32", "bf16"])
    def test_inline_or_in_processes_with_one_worker_or_two_whatever_the_pack_and_resumed(self, tmp_path, precision):
        tables = []
        for pack, executor, workers in (
            (5, "inline", None),
            (1, "inline", None),
            (4, "processes", 1),
            (2, "processes", 2),
        ):
            folder = tmp_path / f"{pack}{executor}{workers}"
            folder.mkdir()
            study = folder / "speech.toml"
            study.write_text(SPEECH_STUDY.format(pack=pack, precision=precision))
            tables.append(table(run(study, executor=executor, workers=workers)))
        while len(table(stopped := stopped_again(study, "stopped.db"))) < len(tables[0]):
            pass
        tables.append(table(stopped))
        assert len(tables[0]) == 2 * 5 * 3
        assert all(other == tables[0] for other in tables[1:])

    @pytest.mark.parametrize("width", [64, 256])
    @pytest.mark.parametrize("precision", ["fp32", "bf16"])
    def test_in_packs_of_1_4_and_20_end_to_end(self, tmp_path, precision, width):
        tables = []
        for pack, executor in ((20, "inline"), (4, "processes"), (1, "processes")):
            study = tmp_path / f"speech{pack}.toml"
            text = edited(SPEECH_STUDY.format(pack=pack, precision=precision), "width = 50", f"width = {width}")
            study.write_text(edited(edited(text, "repeats = 5", "repeats = 20"), "trials = 3", "trials = 1"))
            tables.append(table(run(study, f"{pack}.db", executor)))
        assert len(tables[0]) == 40
        assert tables[1] == tables[0]
        assert tables[2] == tables[0]

    def test_whatever_the_order_of_methods_and_when_one_is_added(self, own_study, tmp_path):
        first = table(run(own_study()))
        (tmp_path / "other").mkdir()
        study = edited(OWN_STUDY, "[methods.wide]", "[methods.third]\nspace.x = [2.0, 3.0]\n[methods.wide]")
        _, _, tail = study.partition("[methods.narrow]")
        study = edited(
            edited(study, "[methods.narrow]" + tail, ""),
            "[methods.third]",
            "[methods.narrow]" + tail + "[methods.third]",
        )
        second = table(run(own_study(study=study), name="second.db"))
        assert [row.method for row in second[:18]] == ["narrow"] * 18
        key = lambda row: (row.method, row.repeat, row.trial)  # noqa: E731
        assert sorted(first, key=key) == sorted((r for r in second if r.method != "third"), key=key)

    def test_with_ax_after_stopping_at_every_record(self, own_study):
        study = own_study(
            study=edited(edited(OWN_STUDY, '"sobol"', '{{ name = "ax", initial = 3 }}'), "repeats = 3", "repeats = 1")
        )
        whole = table(run(study, "whole.db"))
        for _ in range(2 * 6 + 1):
            with going_on(study, "stopped.db") as records:
                next(records, None)
        assert table(study.with_name("stopped.db")) == whole
        assert len(whole) == 12


class TestNoSearcherSeesATestMetric:
    @pytest.mark.parametrize("searcher", ["random", "ax"])
    def test_proposals_are_the_same_whatever_the_test_metric_is(self, own_study, searcher):
        study = edited(
            edited(edited(OWN_STUDY, '"sobol"', f'"{searcher}"'), "repeats = 3", "repeats = 1"),
            "trials = 6",
            "trials = 7",
        )
        tables = []
        for number, metric in enumerate(("2 * value", "-5 * value + 3")):
            task = edited(OWN_TASK, "2 * value", metric)
            tables.append(table(run(own_study(task, study, module=f"metric{number}"), f"{number}.db")))
        assert [row.configuration for row in tables[0]] == [row.configuration for row in tables[1]]
        assert [row.metrics for row in tables[0]] != [row.metrics for row in tables[1]]

    def test_and_nothing_handed_to_it_holds_one(self, own_study):
        handed = []

        class Spy(Searcher):
            def propose(self, space, histories, seeds):
                handed.extend([space, histories, seeds])
                return [space.decode([0.5] * len(space.searched)) for _ in histories]

        task = edited(edited(OWN_TASK, "2 * value", "0.987654321"), "[1.0, value]", "[0.987654321]")
        file = run(own_study(task), searcher=Spy())
        assert "0.987654321" in json.dumps(table(file))
        assert "objectives=(" in repr(handed)
        assert "0.98765" not in repr(handed)

    def test_a_history_has_room_for_nothing_else(self):
        assert list(History.__dataclass_fields__) == ["configurations", "objectives", "pending"]


class Dependent(Searcher):
    """Proposes by the whole history, so that a proposal from a wrong one would show."""

    def propose(self, space, histories, seeds):
        points = [
            abs(math.sin(seed + len(h) + 1e3 * sum(h.objectives))) for h, seed in zip(histories, seeds, strict=True)
        ]
        return [space.decode([point] * len(space.searched)) for point in points]


class TestASearcherThatIsCheaperInCompany:
    """Proposes for all packs that wait, and no proposal, seed or result is another."""

    STUDY = edited(OWN_STUDY, "repeats = 3", "repeats = 8\npack = 1")

    @pytest.mark.parametrize("parallel", [1, 2])
    def test_it_is_asked_for_all_packs_of_a_method_that_wait(self, own_study, parallel):
        sizes = []

        class Batched(Dependent):
            batched = True

            def propose(self, space, histories, seeds):
                sizes.append(len(histories))
                return super().propose(space, histories, seeds)

        study = own_study(study=edited(self.STUDY, "pack = 1", f"pack = 1\nparallel = {parallel}"))
        alone = run(study, "alone.db", searcher=Dependent())
        together = run(study, "together.db", searcher=Batched())
        assert table(together) == table(alone)
        assert sizes == [8] * (2 * 6)  # two methods, six trials, eight studies at once
        assert sum(sizes) == 2 * 6 * 8
        with going_on(study, "stopped.db", searcher=Batched()) as records:
            for _ in range(4):
                next(records)
        assert table(run(study, "stopped.db", searcher=Batched())) == table(alone)


@pytest.mark.parametrize(("direction", "sign"), [("minimise", 1), ("maximise", -1)])
def test_a_searcher_is_told_that_larger_is_better_in_both_directions(own_study, direction, sign):
    seen = []

    class Spy(Searcher):
        def propose(self, space, histories, seeds):
            seen.append(histories[0].objectives)
            return [{"x": 0.1 * (len(h) + 1), **({"depth": 3} if "depth" in space.names else {})} for h in histories]

    file = run(own_study(in_direction(direction, sign)), searcher=Spy())
    last = max(seen, key=len)
    losses = [-objective for objective in last]
    assert all(loss >= 0 for loss in losses)
    assert np.argmax(last) == np.argmin(losses) == 2  # x = 0.3
    raw = [row.objective for row in table(file)[:5]]
    assert all(np.sign(value) == sign for value in raw)


def test_ax_finds_the_optimum_in_both_directions(own_study):
    study = edited(
        edited(edited(OWN_STUDY, '"sobol"', '"ax"'), "repeats = 3", "repeats = 1"), "trials = 6", "trials = 10"
    )
    study = edited(study, "[methods.wide]\nspace.x = [0.0, 10.0]\n", "")
    best = []
    for direction, sign in (("minimise", 1), ("maximise", -1)):
        rows = table(run(own_study(in_direction(direction, sign), study, module=direction), f"{direction}.db"))
        best.append(min(rows, key=lambda row: sign * row.objective).configuration["x"])
    assert best == pytest.approx([0.3, 0.3], abs=0.1)


class TestTrialsThatGoWrong:
    def test_a_diverged_trial_is_spent_and_counts_as_chance(self, own_study):
        seen = []
        task = edited(OWN_TASK, "    value =", '    if configuration["x"] > 5: return float("nan")\n    value =')
        study = own_study(task)
        searcher = read_plan(study).searchers["wide"]

        class Spy(Searcher):
            def propose(self, space, histories, seeds):
                seen.extend(history.objectives for history in histories)
                return searcher.propose(space, histories, seeds)

        rows = table(run(study, searcher=Spy()))
        diverged = [row for row in rows if row.state == "diverged"]
        assert diverged
        assert all(row.objective is None for row in diverged)
        assert len(rows) == 36
        assert any(-1.0 in objectives for objectives in seen)  # chance is 1, oriented -1

    def test_one_poisonous_trial_is_isolated_and_its_mates_complete(self, tmp_path):
        (tmp_path / "poison.py").write_text(POISON)
        study = tmp_path / "poison.toml"
        study.write_text(POISON_STUDY)
        for executor in ("inline", "processes"):
            file = run(study, f"{executor}.db", executor)
            with Database(file) as database:
                rows = database.all_trials()
            failed = [row for row in rows if row.state == "failed"]
            assert failed == [row for row in rows if row.configuration["x"] > 0.8]
            assert failed
            assert len({row.trial for row in failed}) == len(failed)  # no two share a pack: each has a mate
            assert len(rows) == 2 * 6
            together = {row.trained_together for row in rows if row.trial == failed[0].trial}
            assert together == {1}
            assert "died" in failed[0].reason or "RuntimeError: poison" in failed[0].reason
            assert failed[0].attempts == 2 + (5 if "died" in failed[0].reason else 1)

    def test_a_task_that_never_works_stops_the_run_with_its_reason(self, own_study):
        study = own_study(task=edited(OWN_TASK, "    value =", '    raise KeyError("no such column")\n    value ='))
        with pytest.raises(
            TaskError, match=r"3 trials in a row failed.*KeyError: 'no such column' \(own_task_\d+\.py:6\)"
        ):
            run(study)

    def test_the_place_of_a_failure_is_the_tasks_own_line_in_processes_too(self, own_study):
        study = own_study(task=edited(OWN_TASK, "    value =", '    raise KeyError("no such column")\n    value ='))
        with pytest.raises(TaskError, match=r"own_task_\d+\.py:6"):
            run(study, executor="processes")

    def test_a_cause_outside_of_the_trials_stops_the_run_and_costs_none_of_them(self, own_study, tmp_path):
        task = edited(
            OWN_TASK,
            "    value =",
            f'    if __import__("os").path.exists({str(tmp_path / "gone")!r}): raise OSError("disk")\n    value =',
        )
        study = own_study(task, edited(OWN_STUDY, "trials = 6", "trials = 20"))
        whole = table(run(study, "whole.db", searcher=Dependent()))
        with going_on(study, searcher=Dependent()) as records:
            for _ in range(10):
                next(records)
            (tmp_path / "gone").touch()
            with pytest.raises(TaskError, match="20 trials in a row failed, the last with OSError: disk"):
                list(records)
        (tmp_path / "gone").unlink()
        assert table(run(study, searcher=Dependent())) == whole

    def test_nonsense_from_a_task_stops_the_run_with_its_name(self, tmp_path):
        (tmp_path / "nonsense.py").write_text(edited(POISON, "        return [", "        return []\n        return ["))
        study = tmp_path / "nonsense.toml"
        study.write_text(edited(POISON_STUDY, 'task = "poison"', 'task = "nonsense"'))
        with pytest.raises(TaskError, match="returned 0 results for 1"):
            run(study)

    @pytest.mark.parametrize(
        "returned",
        [
            None,
            [0.5],
            (Result(0.5),),
            [Result(0.5), Result(0.5)],
            [Result("0.5")],
            [Result(0.5, {"test": "high"})],
            [Result(0.5, {"seconds": 1.0})],
            [Result(0.5, {"depth": 1.0})],
            [Result(0.5, curves={"loss": ["high"]})],
            [Result(0.5, curves={"epoch": [1.0]})],
            [Result(0.5, outcome="failed", reason=None)],
            [Result(0.5, outcome="fine")],
            [Result(0.5, curves={"a": [1.0], "b": [1.0, 2.0]})],
        ],
    )
    def test_nonsense_of_any_kind_is_refused(self, returned):
        with pytest.raises(ReturnError, match=r"task|result"):
            checked_results(returned, 1, ["depth"])


POISON = '''
import multiprocessing, os
from dataclasses import dataclass
from hpsearch import Objective, Result, Task


@dataclass(frozen=True)
class Poison(Task):
    """Dies of large x in a worker, raises in this process."""

    objective = Objective("score", chance=0.0)
    methods = None
    pack = 2

    def prepare(self, progress):
        return {}

    def train(self, method, configurations, seeds, device):
        if any(c["x"] > 0.8 for c in configurations):
            if multiprocessing.parent_process() is not None:
                os._exit(1)
            raise RuntimeError("poison")
        return [Result(c["x"]) for c in configurations]


TASK = Poison()
'''
POISON_STUDY = """
name = "poison"
trials = 6
repeats = 2
seed = 0
task = "poison"
searcher = "sobol"
[methods.only]
space.x = [0.0, 1.0]
"""


def test_another_study_file_is_refused_with_what_differs(own_study):
    study = own_study()
    file = run(study)
    before = table(file)
    study.write_text(edited(study.read_text(), "seed = 7", "seed = 8"))
    with pytest.raises(DatabaseError, match=r"seed is 8 here and 7 there"):
        run(study)
    assert table(file) == before


def test_a_changed_default_is_refused_and_a_changed_description_is_not(own_study, monkeypatch):
    study = own_study()
    run(study)
    study.write_text(edited(study.read_text(), "trials =", 'description = "now described"\ntrials ='))
    run(study)
    monkeypatch.setattr(Plan, "settings", lambda _: {"task": {"function": "another"}, "searcher": {}, "methods": {}})
    with pytest.raises(DatabaseError, match=r'settings: task.function is "another" now and was "objective"; task.obj'):
        run(study)


def test_another_chance_level_is_another_objective_and_no_other_version(own_study):
    study = own_study()
    file, plan = run(study), read_plan(study)
    task = replace(plan.task, objective=replace(plan.task.objective, chance=2.0))
    with Database(file, write=True) as database, pytest.raises(DatabaseError) as caught:
        prepare(database, replace(plan, task=task), str(study), silent)
    assert "another objective, loss (no unit, minimise, chance 1), and the task now has loss (no" in str(caught.value)
    assert "version" not in str(caught.value)


def test_running_a_finished_comparison_again_leaves_no_trace(own_study):
    file = run(own_study())
    run(file.parent / "own.toml")
    with Database(file) as database:
        assert len(database.runs()) == 1


def test_every_run_leaves_its_provenance(own_study):
    tables = hpsearch.load(run(own_study()))
    (row,) = tables.runs
    facts = row.provenance
    assert {"host", "processor", "cores", "python", "versions", "commit", "command", "workers"} <= set(facts)
    assert {"torch", "ax-platform", "botorch"} <= set(facts["versions"])
    assert tables.comparison.resolved["methods"]["narrow"]["space"][1] == {
        "kind": "fixed",
        "name": "depth",
        "value": 3,
    }
    assert tables.comparison.pack_size == 1
    assert row.started <= row.ended


def test_another_processor_or_version_is_noticed(own_study, monkeypatch):
    study = own_study()
    plan = read_plan(study)
    with Database(run(study)) as database:
        assert differs_from_last_run(database, plan) == []
        monkeypatch.setattr("hpsearch.system.provenance.processor", lambda: "another one")
        assert "another one now" in differs_from_last_run(database, plan)[0]


def test_a_package_that_is_no_longer_needed_is_no_difference():
    here = {"processor": "p", "versions": {"torch": "2", "numpy": "1"}}
    assert list(differences({"processor": "p", "versions": {"torch": "2", "filelock": "4"}}, here)) == []
    assert list(differences({"processor": "p", "versions": {"torch": "1"}}, here)) == ["torch: 1 before, 2 now"]


def test_trials_know_when_they_ran_and_how_long(tmp_path):
    study = tmp_path / "speech.toml"
    study.write_text(SPEECH_STUDY.format(pack=5, precision="fp32"))
    with Database(run(study)) as database:
        rows = database.all_trials()
    assert all(row.proposed <= row.started <= row.ended for row in rows)
    assert {(row.host, row.device) for row in rows} == {(platform.node(), "cpu")}
    together = [row for row in rows if row.trial == 1 and row.method == "latent"]
    assert {row.trained_together for row in together} == {5}
    assert len({row.seconds for row in together}) == 1  # its pack's over k


@pytest.mark.parametrize("metrics", ['{"m": 10**400}', '{"\\udcff": 1.0}'])
def test_a_metric_that_cannot_be_kept_is_the_tasks_fault(own_study, metrics):
    task = edited(OWN_TASK, '{"test_loss": 2 * value}', metrics)
    with pytest.raises(TaskError, match=r"own_task_\d+\.py:5\) .*: a (result's m is too large|metric or curve may)"):
        run(own_study(task))


@pytest.mark.parametrize(
    ("proposed", "said"), [({"x": "far"}, "has x = 'far'"), ({}, "has no x"), ({"x": 1.0, "y": 1.0}, "has 'y', which")]
)
def test_what_a_searcher_proposes_fits_the_space_or_is_never_recorded(own_study, proposed, said):
    class Careless(Searcher):
        def propose(self, space, histories, seeds):
            return [proposed for _ in histories]

    study = own_study()
    with pytest.raises(
        SpecError, match=rf"searcher: Careless.propose must return configurations of the space; \{{.*\}} {said}"
    ):
        run(study, searcher=Careless())
    assert table(study.with_name("run.db")) == []


def test_a_reason_is_kept_as_far_as_it_is_text(own_study):
    task = edited(
        OWN_TASK, "    value =", '    return Result(None, outcome="diverged", reason="\\udcff.wav")\n    value ='
    )
    file = run(own_study(task))
    with Database(file) as database:
        assert {row.reason for row in database.all_trials()} == {"\\udcff.wav"}


def test_a_metric_named_like_any_methods_hyperparameter_is_refused(own_study):
    # `depth` is searched by the method "narrow" only, and would share its column.
    with pytest.raises(TaskError, match="may not be named 'depth'"):
        run(own_study(edited(OWN_TASK, '"test_loss"', '"depth"')), "clash.db")
