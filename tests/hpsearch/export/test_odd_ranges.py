"""Ranges of odd widths arrive in Ax and Optuna as they are, or in a form that says what it is, and go on there."""

import math
from urllib.parse import quote

import pytest

from hpsearch.contracts.progress import silent
from hpsearch.study import kinds
from hpsearch.study.registry import Registry
from tests.tools.studies import run_to_end, table

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Ax's use of pandas

TASK = """
from hpsearch import FunctionTask, Objective

TASK = FunctionTask(lambda configuration, seed: float(seed % 97), Objective("loss", chance=97.0, direction="minimise"))
"""
RANGES = {
    "rates": "{{ low = 1e-7, high = 1e-5, log = true }}",
    "tiny": "{{ low = 1e-300, high = 2e-300 }}",
    "least": "{{ low = 5e-324, high = 1.0, log = true }}",
    "wide": "{{ low = 1e-300, high = 1e300 }}",
    "many": "{{ low = 1, high = 1_000_000_000, log = true, integer = true }}",
    "whole": "[0, 9_007_199_254_740_992]",
    "few": "[1, 1000]",
}
STUDY = """
name = "odd"
trials = 6
repeats = 1
seed = 7
task = "{module}"
searcher = "sobol"
""" + "".join(f"[methods.{name}]\nspace.x = {text}\n" for name, text in RANGES.items())


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("odd")
    (folder / "task_of_odd_ranges.py").write_text(TASK)
    path = folder / "odd.toml"
    path.write_text(STUDY.format(module="task_of_odd_ranges"))
    return run_to_end(path)


def values(file, method):
    return [row.configuration["x"] for row in table(file) if row.method == method]


@pytest.fixture(scope="module")
def in_ax(study, tmp_path_factory):
    """Method -> a client that Ax loaded."""
    from ax.api.client import Client

    out = tmp_path_factory.mktemp("exported") / "ax"
    Registry().find(kinds.EXPORT, "ax")(study, out, silent)
    return lambda method: Client.load_from_json_file(str(out / f"{quote(method)}-1.json"))


def seen(client, name):
    return client.summarize()[name].tolist()


def test_a_range_that_ax_takes_for_too_narrow_is_a_position_on_its_own_scale(study, in_ax):
    for method, value_at in (
        ("rates", lambda u: 1e-7 * 100**u),
        ("tiny", lambda u: 1e-300 + u * 1e-300),
    ):
        client = in_ax(method)
        positions = seen(client, "position of x")
        assert [value_at(u) for u in positions] == pytest.approx(values(study, method), rel=1e-9, abs=0)
        ((_, proposed),) = client.get_next_trials(max_trials=1).items()
        assert 0 <= proposed["position of x"] <= 1


def test_more_integers_than_ax_enumerates_are_real_numbers_there(study, in_ax):
    for method in ("many", "whole"):
        client = in_ax(method)
        assert seen(client, "x") == values(study, method)
        ((_, proposed),) = client.get_next_trials(max_trials=1).items()
        assert isinstance(proposed["x"], float)
    ((_, proposed),) = in_ax("few").get_next_trials(max_trials=1).items()
    assert isinstance(proposed["x"], int)


@pytest.mark.parametrize("method", ["least", "wide"])
def test_what_ax_takes_has_its_own_values(study, in_ax, method):
    assert seen(in_ax(method), "x") == pytest.approx(values(study, method), rel=1e-12, abs=0)


def test_optuna_has_every_range_as_it_is(study, tmp_path):
    import optuna

    out = tmp_path / "odd-optuna.db"
    Registry().find(kinds.EXPORT, "optuna")(study, out, silent)
    storage = optuna.storages.RDBStorage(f"sqlite:///{out}")
    for method in RANGES:
        loaded = optuna.load_study(study_name=f"odd/{method}/1", storage=storage)
        assert [trial.params["x"] for trial in loaded.trials] == values(study, method)
        proposed = loaded.ask(loaded.trials[0].distributions).params["x"]
        assert math.isfinite(proposed)
    storage.engine.dispose()
