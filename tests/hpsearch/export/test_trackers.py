"""Experiment trackers read with their own code what is exported for them."""

import math
import os
import subprocess
import sys
import time

import pytest

from hpsearch.contracts.progress import silent
from hpsearch.store.database import Database
from hpsearch.study import kinds
from hpsearch.study.registry import Registry
from tests.tools.studies import run_to_end

TASK = """
import math
from hpsearch import FunctionTask, Objective, Result


def objective(configuration, seed):
    if configuration.get("kind") == "b":
        raise RuntimeError("b always fails")
    value = (math.log(configuration["rate"]) + 3) ** 2 / 7 + 1e-3 * (seed % 97) / 97
    curves = {"validation_loss": [2.0, math.nan, value]}
    return Result(value, metrics={"test_loss": 2 * value, "norm": math.inf}, curves=curves)


TASK = FunctionTask(objective, Objective("validation loss", chance=5.0, direction="minimise", unit="nats"))
"""
STUDY = """
name = "losses"
trials = 6
repeats = 2
seed = 7
task = "tracked_losses"
searcher = "sobol"

[methods."all/of them"]
[methods."all/of them".space]
rate = { low = 1e-4, high = 1.0, log = true }
depth = [1, 8]
kind = { choices = ["a", "b", "c"] }
flat = { choices = [false, true] }

[methods.rate]
space = { rate = [1e-3, 1.0], flat = true }
"""


@pytest.fixture(scope="module")
def losses(tmp_path_factory):
    folder = tmp_path_factory.mktemp("strange?#%20")  # as a URL this path would be another one
    (folder / "tracked_losses.py").write_text(TASK)
    (folder / "losses.toml").write_text(STUDY)
    file = run_to_end(folder / "losses.toml")
    assert {row.state for row in recorded(file)} == {"complete", "failed"}
    return file


def recorded(file):
    with Database(file) as database:
        return database.all_trials()


def export(file, name):
    export_as = Registry().find(kinds.EXPORT, name)
    out = export_as.default_out(file)
    export_as(file, out, silent)
    return out


def same(got, want):
    return math.isnan(got) if want is None else got == want


@pytest.fixture(scope="module")
def client(losses, tmp_path_factory):
    """MLflow's own client of the exported store."""
    pytest.importorskip("mlflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hpsearch.export.mlflow.MOST", 2)  # curves are longer than it takes at once
        out = export(losses, "mlflow")
    copy = tmp_path_factory.mktemp("plain") / "mlflow.db"
    copy.write_bytes(out.read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        patch.chdir(copy.parent)  # where MLflow keeps files of runs by default
        from mlflow import MlflowClient

        yield MlflowClient(f"sqlite:///{copy}")


@pytest.fixture(scope="module")
def runs(client):
    """Name -> run."""
    experiment = client.get_experiment_by_name("losses")
    return {run.info.run_name: run for run in client.search_runs([experiment.experiment_id], max_results=1000)}


class TestMLflow:
    def test_the_experiment_says_what_is_measured(self, client):
        tags = client.get_experiment_by_name("losses").tags
        assert (tags["objective"], tags["unit"], tags["direction"]) == ("validation loss", "nats", "minimise")
        assert float(tags["chance"]) == 5.0

    def test_every_trial_is_a_run_below_its_study(self, client, runs, losses):
        rows = recorded(losses)
        studies = {f"{row.method}/{row.repeat}" for row in rows}
        assert set(runs) == studies | {f"{row.method}/{row.repeat}/{row.trial}" for row in rows}
        for row in rows:
            run = runs[f"{row.method}/{row.repeat}/{row.trial}"]
            assert run.data.tags["mlflow.parentRunId"] == runs[f"{row.method}/{row.repeat}"].info.run_id
            assert run.data.params == {name: str(value) for name, value in row.configuration.items()}
            assert run.info.status == ("FINISHED" if row.state == "complete" else "FAILED")
            assert run.data.tags["state"] == row.state
            assert run.data.tags["reason"] == row.reason
            assert run.data.metrics.get("objective") == row.result
            assert all(same(run.data.metrics[name], value) for name, value in row.metrics.items())
            assert 0 < run.info.start_time <= run.info.end_time <= 1000 * time.time()

    def test_curves_have_an_epoch_a_step(self, client, runs, losses):
        row = next(row for row in recorded(losses) if row.state == "complete")
        run = runs[f"{row.method}/{row.repeat}/{row.trial}"]
        points = client.get_metric_history(run.info.run_id, "curves/validation_loss")
        assert [point.step for point in points] == [1, 2, 3]
        assert all(map(same, [point.value for point in points], row.curves["validation_loss"]))

    def test_a_study_has_the_objectives_of_its_complete_trials(self, client, runs, losses):
        points = client.get_metric_history(runs["all/of them/2"].info.run_id, "objective")
        rows = [row for row in recorded(losses) if (row.method, row.repeat) == ("all/of them", 2)]
        assert [(p.step, p.value) for p in points] == [(r.trial, r.objective) for r in rows if r.state == "complete"]

    def test_nothing_is_told_to_its_makers(self, losses, tmp_path):
        pytest.importorskip("mlflow")
        program = (
            "import sys; from pathlib import Path; from hpsearch.contracts.progress import silent\n"
            "from hpsearch.study import kinds, registry\n"
            "registry.Registry().find(kinds.EXPORT, 'mlflow')(Path(sys.argv[1]), Path(sys.argv[2]), silent)\n"
            "from mlflow.telemetry import get_telemetry_client\n"
            "import os; print(get_telemetry_client(), os.environ.get('MLFLOW_DISABLE_TELEMETRY'))"
        )
        words = [sys.executable, "-c", program, str(losses), str(tmp_path / "out.db")]
        told = {name: value for name, value in os.environ.items() if name not in ("CI", "MLFLOW_DISABLE_TELEMETRY")}
        done = subprocess.run(words, capture_output=True, text=True, check=True, env=told)
        assert done.stdout.split() == ["None", "None"]


@pytest.fixture(scope="module")
def logs(losses):
    pytest.importorskip("tensorboard")
    return export(losses, "tensorboard")


@pytest.fixture(scope="module")
def provider(logs):
    """TensorBoard's own reader of a folder."""
    from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
    from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer

    multiplexer = EventMultiplexer().AddRunsFromDirectory(str(logs))
    multiplexer.Reload()
    return MultiplexerDataProvider(multiplexer, str(logs))


@pytest.fixture(scope="module")
def sessions(provider):
    """What the page HParams shows: name of a run -> its group of sessions."""
    from tensorboard.context import RequestContext
    from tensorboard.plugins.base_plugin import TBContext
    from tensorboard.plugins.hparams import api_pb2, backend_context, get_experiment, list_session_groups

    asked, context = RequestContext(), backend_context.Context(TBContext(data_provider=provider))
    request = api_pb2.GetExperimentRequest(include_metrics=True)
    experiment = get_experiment.Handler(asked, context, "", request).run()
    columns = [api_pb2.ColParams(hparam=info.name) for info in experiment.hparam_infos]
    columns += [api_pb2.ColParams(metric=info.name) for info in experiment.metric_infos]
    request = api_pb2.ListSessionGroupsRequest(
        allowed_statuses=[api_pb2.STATUS_SUCCESS, api_pb2.STATUS_FAILURE],
        col_params=columns, slice_size=1000, include_metrics=True,
    )  # fmt: skip
    groups = list_session_groups.Handler(asked, context, "", request).run().session_groups
    return {group.sessions[0].name: group for group in groups}


class TestTensorBoard:
    def test_every_trial_is_a_session_with_its_hyperparameters(self, sessions, losses):
        from tensorboard.plugins.hparams import api_pb2

        rows = recorded(losses)
        names = {"all/of them": "all%2Fof%20them", "rate": "rate"}
        assert set(sessions) == {f"{names[row.method]}/{row.repeat}/{row.trial}" for row in rows}
        for row in rows:
            group = sessions[f"{names[row.method]}/{row.repeat}/{row.trial}"]
            want = {"method": row.method, "repeat": row.repeat, "trial": row.trial, **row.configuration}
            got = {name: getattr(value, value.WhichOneof("kind")) for name, value in group.hparams.items()}
            assert {name: got[name] for name in want} == want
            status = api_pb2.STATUS_SUCCESS if row.state == "complete" else api_pb2.STATUS_FAILURE
            (session,) = group.sessions
            assert session.status == status
            assert 0 < session.start_time_secs <= session.end_time_secs <= time.time()

    def test_sessions_have_the_objective_and_the_metrics(self, sessions, losses):
        for row in recorded(losses):
            name = f"{row.method.replace('/', '%2F').replace(' ', '%20')}/{row.repeat}/{row.trial}"
            (session,) = sessions[name].sessions
            got = {metric.name.tag: metric.value for metric in session.metric_values}
            assert ("objective" in got) == (row.state == "complete")
            if row.state == "complete":
                assert got["objective"] == pytest.approx(row.objective, rel=1e-7)
                assert got["test_loss"] == pytest.approx(row.metrics["test_loss"], rel=1e-7)
                assert math.isnan(got["norm"])

    def test_curves_have_an_epoch_a_step(self, provider, losses):
        from tensorboard.context import RequestContext

        row = next(row for row in recorded(losses) if row.method == "rate" and row.state == "complete")
        run, tag = f"rate/{row.repeat}/{row.trial}", "curves/validation_loss"
        asked = {"experiment_id": "", "plugin_name": "scalars", "downsample": 1000}
        points = provider.read_scalars(RequestContext(), **asked)[run][tag]
        assert [point.step for point in points] == [1, 2, 3]
        want = [math.nan if value is None else value for value in row.curves["validation_loss"]]
        assert [point.value for point in points] == pytest.approx(want, rel=1e-7, nan_ok=True)
