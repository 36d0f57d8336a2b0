"""Exports, opened by the tools they are for: nothing lost, nothing turned round, nothing half written."""

import io
import json
import logging
import math
import subprocess
import sys
import warnings
from datetime import datetime
from urllib.parse import quote

import pandas as pd
import pytest

from hpsearch.contracts.errors import DatabaseError, ExportError, SpecError
from hpsearch.contracts.progress import silent
from hpsearch.contracts.space import Choice, Fixed, Float, Int
from hpsearch.driver.layout import prepare
from hpsearch.driver.loop import run as run_loop
from hpsearch.executors.inline import Inline
from hpsearch.store.database import Database
from hpsearch.study import kinds
from hpsearch.study.plan import read_plan
from hpsearch.study.registry import Registry
from tests.tools.editing import edited

FORMATS = Registry().names(kinds.EXPORT)


def load_format(name):
    return Registry().find(kinds.EXPORT, name)


pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Ax's use of pandas

TASK = """
import math
from hpsearch import FunctionTask, Objective, Result


def objective(configuration, seed):
    if configuration.get("kind") == "b":
        return math.nan
    if configuration.get("depth") == 5:
        raise RuntimeError("five is too deep")
    value = (math.log(configuration["rate"]) + 3) ** 2 / 7 + 1e-3 * (seed % 97) / 97
    curves = {"validation_loss": [2.0, math.nan, value], "train_loss": [1.0, 0.5, value / 3]}
    return Result(value, metrics={"test_loss": 2 * value, "E": value / 3}, curves=curves)


TASK = FunctionTask(objective, Objective("validation loss", chance=5.0, direction="minimise", unit="nats"))
"""

STUDY = """
name = "losses"
trials = 8
repeats = 2
seed = 7
task = "export_losses"
searcher = "sobol"

[methods.all]
[methods.all.space]  # host is also a column of the database
rate = { low = 1e-4, high = 1.0, log = true }
depth = [1, 8]
kind = { choices = ["a", "b", "c"] }
mixed = { choices = [1, "one"] }
host = { choices = [false, true] }
held = 3

[methods."rate/only"]
space = { rate = [1e-3, 1.0], held = 0.1 }
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run a comparison until `stop` transactions are recorded; its last study is left with a trial proposed."""

    def run(module, task, study, stop=None):
        folder = tmp_path_factory.mktemp("strange?#%20")  # as a URL this path would be another one
        (folder / f"{module}.py").write_text(task)
        (folder / "study.toml").write_text(study)
        plan, file = read_plan(folder / "study.toml"), folder / f"{module}.db"
        with Database(file, write=True) as database, warnings.catch_warnings():
            prepare(database, plan, "study.toml", silent)
            records = run_loop(database, plan, Inline(), {})
            for n, _ in enumerate(records, 1):
                if n == stop:
                    break
            records.close()
            last = database.studies()[-1]
            trials = database.trials(last.id)
            if stop:
                now = "2026-01-01T00:00:00.000+00:00"
                proposal = (last.id, len(trials) + 1, 1, {"rate": 0.5, "held": 0.1})
                database.propose(database.start_run(now, {}), now, [proposal])
        return file

    paths = list(sys.path)
    yield run
    sys.path[:] = paths


@pytest.fixture(scope="module")
def losses(run):
    """Minimised; complete, diverged and failed trials of two methods."""
    file = run("export_losses", TASK, STUDY)
    with Database(file) as database:
        assert all(database.counts()["all"].get(state, 0) >= 1 for state in ("complete", "diverged", "failed"))
    return file


@pytest.fixture(scope="module")
def scores(run):
    """Maximised, an objective that Ax cannot have in an expression, and unfinished with a trial proposed."""
    task = edited(edited(TASK, '"validation loss"', '"E"'), 'direction="minimise"', 'direction="maximise"')
    return run("export_scores", task, edited(STUDY, "export_losses", "export_scores"), stop=12)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Export a database once; returns where."""
    done = {}

    def exported(file, name):
        if (file, name) not in done:
            out = load_format(name).default_out(tmp_path_factory.mktemp("100% out?") / file.name)
            load_format(name)(file, out, lambda *_: None)
            done[file, name] = out
        return done[file, name]

    return exported


def recorded(file):
    """(method, repeat) -> space and finished trials, as the database has them."""
    with Database(file) as database:
        rows = [row for row in database.all_trials() if row.state != "proposed"]
        return {
            (s.method, s.repeat): (
                database.methods()[s.method].space,
                [row for row in rows if (row.method, row.repeat) == (s.method, s.repeat)],
            )
            for s in database.studies()
        }


def all_rows(file):
    with Database(file) as database:
        return database.all_trials()


class TestEveryFormat:
    @pytest.mark.parametrize("name", FORMATS)
    def test_says_where_it_goes_by_default_and_what_it_wrote(self, name, losses, exported):
        export = load_format(name)
        assert export.default_out(losses).parent == losses.parent
        assert export.default_out(losses).name.startswith(f"export_losses-{name}")
        out = exported(losses, name)
        assert [path.name for path in out.parent.iterdir()] == [out.name]

    @pytest.mark.parametrize("name", FORMATS)
    def test_overwrites_nothing(self, name, losses, tmp_path):
        out = tmp_path / "there"
        out.write_text("mine")
        with pytest.raises(ExportError, match=r"there: exists already; .* --out"):
            load_format(name)(losses, out, lambda *_: None)
        assert out.read_text() == "mine"
        assert ExportError.exit_code == 2

    @pytest.mark.parametrize("name", FORMATS)
    def test_leaves_nothing_behind_when_it_is_stopped(self, name, losses, tmp_path):
        def stop(what, done, total):
            assert 0 <= done <= total
            if done:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            load_format(name)(losses, tmp_path / "new" / "out", stop)
        assert list((tmp_path / "new").iterdir()) == []

    @pytest.mark.parametrize("name", FORMATS)
    def test_says_nothing_and_leaves_logging_and_warnings_as_they_were(self, name, losses, tmp_path, capfd):
        before = logging.root.manager.disable, list(warnings.filters)
        (load_format(name))(losses, tmp_path / "out", lambda *_: None)
        assert (logging.root.manager.disable, list(warnings.filters)) == before
        assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize("name", FORMATS)
    def test_refuses_what_is_no_database(self, name, tmp_path):
        with pytest.raises(DatabaseError, match="no such file"):
            load_format(name)(tmp_path / "missing.db", tmp_path / "out", lambda *_: None)
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize(("name", "package"), [
            ("parquet", "pyarrow"), ("optuna", "optuna"), ("mlflow", "mlflow.entities"), ("mlflow", "sqlalchemy"),
            ("tensorboard", "tensorboard.summary.writer.record_writer"),
        ],
    )  # fmt: skip
    def test_names_the_package_to_install(self, name, package, losses, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(ExportError, match=rf"needs {package.partition('.')[0]}: pip install 'hpsearch\[export\]'"):
            load_format(name)(losses, tmp_path / "out", lambda *_: None)

    def test_an_unknown_one_is_told_the_valid_ones(self):
        with pytest.raises(SpecError, match=r"'excel'.*ax, csv, mlflow, optuna, parquet, tensorboard"):
            load_format("excel")

    def test_looking_for_one_imports_none_of_the_packages(self):
        program = (
            "import sys; from hpsearch.study import kinds, registry\n"
            "for name in ('csv', 'parquet', 'optuna', 'ax', 'mlflow', 'tensorboard'):\n"
            "    registry.Registry().find(kinds.EXPORT, name)\n"
            "heavy = {'ax', 'mlflow', 'optuna', 'pandas', 'pyarrow', 'sympy', 'tensorboard', 'torch'}\n"
            "print(sorted(heavy & set(sys.modules)))"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]"


class TestTables:
    def read(self, out, table):
        if out.name.endswith("parquet"):
            return pd.read_parquet(out / f"{table}.parquet", dtype_backend="numpy_nullable")
        return pd.read_csv(out / f"{table}.csv", dtype_backend="numpy_nullable")

    @pytest.mark.parametrize("name", ["csv", "parquet"])
    @pytest.mark.parametrize("unfinished", [False, True])
    def test_every_trial_comes_back_to_the_last_bit_and_with_its_type(self, name, unfinished, losses, scores, exported):
        file = scores if unfinished else losses
        frame, rows = self.read(exported(file, name), "trials"), all_rows(file)
        assert len(frame) == len(rows)
        assert (unfinished, frame["state"].eq("proposed").sum()) in ((False, 0), (True, 1))
        for trial, row in zip(frame.to_dict("records"), rows, strict=True):
            values = {**row.configuration, **row.metrics}
            for column in ("method", "repeat", "trial", "objective", "state", "reason", "seconds", "seed", *values):
                want = {**row._asdict(), **values}[column]
                got = trial[column]
                if pd.isna(got):  # csv knows no empty text
                    assert want is None or want == ""
                else:
                    # Where methods differ in a hyperparameter's type, the column has the type that holds both.
                    want = {"held": float, "mixed": str}.get(column, type(want))(want)
                    assert got == want
                    assert isinstance(got, type(want))
            others = {"depth", "kind", "mixed", "host"} - set(values)
            assert all(pd.isna(trial[column]) for column in others & set(trial))

    def test_parquet_has_types_that_need_no_guessing(self, losses, exported):
        import pyarrow.parquet

        out = exported(losses, "parquet")
        trials = pyarrow.parquet.read_schema(out / "trials.parquet")
        assert {n: str(trials.field(n).type) for n in ("host", "depth", "rate", "kind", "mixed", "held", "seed")} == {
            "host": "bool", "depth": "int64", "rate": "double", "kind": "string", "mixed": "string",
            "held": "double", "seed": "int64",
        }  # fmt: skip
        training = pyarrow.parquet.read_table(out / "training.parquet")
        assert str(training.schema.field("ended").type) == "timestamp[ms, tz=UTC]"
        assert training["ended"].to_pylist() == [datetime.fromisoformat(row.ended) for row in all_rows(losses)]

    @pytest.mark.parametrize("name", ["csv", "parquet"])
    def test_curves_have_a_row_an_epoch(self, name, losses, exported):
        frame = self.read(exported(losses, name), "curves")
        want = [
            (row.method, row.repeat, row.trial, epoch, *values)
            for row in all_rows(losses)
            for epoch, values in enumerate(zip(*row.curves.values(), strict=True), 1)
        ]
        columns = ["method", "repeat", "trial", "epoch", "validation_loss", "train_loss"]
        got = list(frame[columns].astype(object).where(frame[columns].notna(), None).itertuples(index=False, name=None))
        assert got == want
        assert len(want) == 3 * sum(row.state == "complete" for row in all_rows(losses))
        assert want[1][4] is None  # what was not finite

    @pytest.mark.parametrize("name", ["csv", "parquet"])
    def test_studies_and_hyperparameters_say_what_was_compared(self, name, losses, exported):
        studies = self.read(exported(losses, name), "studies")
        with Database(losses) as database:
            assert studies["seed"].tolist() == [study.seed for study in database.studies()]
        assert set(studies["objective"] + ", " + studies["direction"]) == {"validation loss, minimise"}
        parameters = self.read(exported(losses, name), "hyperparameters").set_index(["method", "name"])
        assert parameters.loc[("all", "rate"), ["kind", "low", "high", "log"]].tolist() == ["float", 1e-4, 1.0, True]
        assert json.loads(parameters.loc[("all", "mixed"), "values"]) == [1, "one"]
        assert json.loads(str(parameters.loc[("rate/only", "held"), "value"])) == 0.1


def distribution(optuna, p):
    if isinstance(p, Float):
        return optuna.distributions.FloatDistribution(p.low, p.high, log=p.log)
    if isinstance(p, Int):
        return optuna.distributions.IntDistribution(p.low, p.high, log=p.log)
    return optuna.distributions.CategoricalDistribution(p.values)


@pytest.fixture(scope="module")
def storage():
    """The storage of an exported file, closed at the end."""
    import optuna
    import sqlalchemy

    opened = []

    def storage(out):
        opened.append(optuna.storages.RDBStorage(sqlalchemy.URL.create("sqlite", database=str(out)).render_as_string()))
        return opened[-1]

    yield storage
    for one in opened:
        one.engine.dispose()


class TestOptuna:
    @pytest.mark.parametrize("unfinished", [False, True])
    def test_every_study_is_the_databases(self, unfinished, losses, scores, exported, storage):
        import optuna

        file = scores if unfinished else losses
        opened, studies = storage(exported(file, "optuna")), recorded(file)
        title, goal = ("E", "MAXIMIZE") if unfinished else ("validation loss", "MINIMIZE")
        names = {f"losses/{method}/{repeat}": key for key in studies for method, repeat in [key]}
        assert set(optuna.get_all_study_names(opened)) == set(names)
        for name, key in names.items():
            space, rows = studies[key]
            study = optuna.load_study(study_name=name, storage=opened)
            assert study.direction.name == goal
            assert study.metric_names == [title]
            assert len(study.trials) == len(rows)
            for trial, row in zip(study.trials, rows, strict=True):
                assert trial.number == row.trial - 1
                assert trial.params == {p.name: row.configuration[p.name] for p in space.searched}
                assert trial.distributions == {p.name: distribution(optuna, p) for p in space.searched}
                assert trial.state.name == ("COMPLETE" if row.state == "complete" else "FAIL")
                assert trial.value == row.objective
                kept = {**row.metrics, **{n: getattr(row, n) for n in ("seed", "state", "reason", "seconds")}}
                fixed = {p.name: p.value for p in space if isinstance(p, Fixed)}
                assert trial.user_attrs == {**kept, **fixed}
                for time, text in ((trial.datetime_start, "started"), (trial.datetime_complete, "ended")):
                    assert time.astimezone() == datetime.fromisoformat(getattr(row, text))
            if values := [row.objective for row in rows if row.state == "complete"]:
                assert study.best_value == (max(values) if unfinished else min(values))

    def test_the_objectives_curve_is_there_epoch_by_epoch(self, losses, exported, storage):
        import optuna

        study = optuna.load_study(study_name="losses/rate/only/2", storage=storage(exported(losses, "optuna")))
        for trial, row in zip(study.trials, recorded(losses)["rate/only", 2][1], strict=True):
            curve = trial.intermediate_values
            assert list(curve) == [1, 2, 3]
            assert math.isnan(curve[2])
            assert [curve[1], curve[3]] == row.curves["validation_loss"][::2]

    def test_a_loaded_study_goes_on(self, losses, exported, storage, tmp_path):
        import optuna

        copy = tmp_path / "copy.db"
        copy.write_bytes(exported(losses, "optuna").read_bytes())
        study = optuna.load_study(study_name="losses/all/1", storage=storage(copy))
        space, rows = recorded(losses)["all", 1]
        trial = study.ask({p.name: distribution(optuna, p) for p in space.searched})
        study.tell(trial, -1.0)
        assert (study.best_value, trial.number) == (-1.0, len(rows))

    def test_the_dashboard_lists_and_shows_the_studies(self, losses, exported, storage):
        import optuna_dashboard

        application = optuna_dashboard.wsgi(storage(exported(losses, "optuna")))

        def get(path, query=""):
            status = []
            environment = {
                "REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": query, "SERVER_NAME": "here",
                "SERVER_PORT": "80", "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr,
            }  # fmt: skip
            body = b"".join(application(environment, lambda line, headers, exc_info=None: status.append(line)))
            assert status == ["200 OK"]
            return json.loads(body)

        listed = {study["study_name"]: study["study_id"] for study in get("/api/studies")["study_summaries"]}
        assert set(listed) == {f"losses/{method}/{repeat}" for method, repeat in recorded(losses)}
        shown = get(f"/api/studies/{listed['losses/all/1']}", "after=0")
        rows = recorded(losses)["all", 1][1]
        assert len(shown["trials"]) == len(rows)
        best = min(row.objective for row in rows if row.objective is not None)
        assert shown["best_trials"][0]["values"] == [best]


@pytest.fixture(scope="module")
def client(exported):
    """The Ax client of one exported study."""
    from ax.api.client import Client

    def client(file, method, repeat):
        return Client.load_from_json_file(str(exported(file, "ax") / f"{quote(method, safe='')}-{repeat}.json"))

    return client


def in_ax(space, configuration):
    """A configuration as Ax shows it: the choice of several types as text."""
    mixed = {p.name for p in space if isinstance(p, Choice) and len({type(v) for v in p.values}) > 1}
    return {name: repr(value) if name in mixed else value for name, value in configuration.items()}


class TestAx:
    def test_there_is_a_file_a_study(self, losses, exported):
        names = {path.name for path in exported(losses, "ax").iterdir()}
        assert names == {"all-1.json", "all-2.json", "rate%2Fonly-1.json", "rate%2Fonly-2.json"}

    def test_every_trial_is_there(self, losses, client):
        for (method, repeat), (space, rows) in recorded(losses).items():
            summary = client(losses, method, repeat).summarize().to_dict("records")
            assert len(summary) == len(rows)
            for trial, row in zip(summary, rows, strict=True):
                assert {name: trial[name] for name in space.names} == in_ax(space, row.configuration)
                if row.state == "complete":
                    assert trial["trial_status"] == "COMPLETED"
                    assert trial["validation_loss"] == pytest.approx(row.objective, abs=1e-10)
                    assert trial["test_loss"] == pytest.approx(row.metrics["test_loss"], abs=1e-10)
                else:
                    assert trial["trial_status"] == "FAILED"
                    assert trial["status_reason"] == f"{row.state}: {row.reason}"

    def test_it_is_minimised_as_the_comparison_was_and_goes_on(self, losses, client):
        space, rows = recorded(losses)["all", 1]
        loaded = client(losses, "all", 1)
        best = min((row for row in rows if row.state == "complete"), key=lambda row: row.objective)
        configuration, values, index, _ = loaded.get_best_parameterization(use_model_predictions=False)
        assert (index, configuration) == (best.trial - 1, in_ax(space, best.configuration))
        assert values["validation_loss"][0] == pytest.approx(best.objective, abs=1e-10)
        ((index, proposed),) = loaded.get_next_trials(max_trials=1).items()
        assert index == len(rows)
        assert set(proposed) == set(space.names)
        assert proposed["held"] == 3
        assert space["rate"].contains(proposed["rate"])
        loaded.complete_trial(index, raw_data={"validation_loss": -1.0})
        assert loaded.get_best_parameterization(use_model_predictions=False)[2] == index

    def test_it_is_maximised_under_a_name_that_ax_can_have(self, scores, client):
        rows = recorded(scores)["rate/only", 1][1]
        loaded = client(scores, "rate/only", 1)
        best = max(rows, key=lambda row: row.objective)
        _, values, index, _ = loaded.get_best_parameterization(use_model_predictions=False)
        assert index == best.trial - 1
        assert values["objective_E"][0] == pytest.approx(best.objective, abs=1e-10)
        assert values["E"][0] == pytest.approx(best.metrics["E"], abs=1e-10)
        assert len(loaded.get_next_trials(max_trials=1)) == 1

    def test_a_study_that_has_hardly_begun_goes_on_too(self, scores, client):
        rows = recorded(scores)["rate/only", 2][1]
        assert len(rows) < 5
        assert list(client(scores, "rate/only", 2).get_next_trials(max_trials=1)) == [len(rows)]
