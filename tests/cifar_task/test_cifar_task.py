from dataclasses import replace

import pytest
import torch

from binarynet.methods.filter import METHOD as FILTER
from binarynet.stacked import Stacked
from binarynet.training import Budget, Data, Labelled, Training
from cifar_task.images import Augmented
from cifar_task.networks import load
from cifar_task.task import CifarTask
from hpsearch.contracts.searcher import History
from hpsearch.contracts.space import Space
from hpsearch.store.database import Database
from hpsearch.store.tables import load_tables
from hpsearch.study.plan import read_plan
from hpsearch.study.settings import plain_settings
from hpsearch.study.shipped import find_study, shipped_studies
from tests.tools.studies import run_to_end

STUDY = """
name = "tiny"
trials = 2
repeats = 2
seed = 4
pack = {pack}
task = {{ name = "cifar_task", training = 48, validation = 20, test = 20, epochs = 1, batch_size = 16 }}
searcher = "sobol"

[methods.latent]
[methods.filter]
"""


def test_a_whole_comparison_is_the_same_in_any_pack_and_on_any_workers(cifar, tmp_path):
    tables = {}
    for pack, executor, workers in ((1, "inline", None), (2, "processes", 2)):
        study = tmp_path / f"{executor}.toml"
        study.write_text(STUDY.format(pack=pack))
        tables[executor] = load_tables(run_to_end(study, f"{executor}.db", executor, workers))
    one, other = (t.trials.drop(columns="seconds") for t in tables.values())
    assert len(one) == 8
    assert set(one["state"]) == {"complete"}
    assert other.equals(one)
    assert tables["inline"].curves.equals(tables["processes"].curves)
    with Database(tmp_path / "inline.db") as database:
        assert len(database.existing().data["images_sha256"]) == 64


def test_it_learns(cifar):
    task = CifarTask(training=480, validation=100, test=100, epochs=3, batch_size=16)
    (result,) = task.train(FILTER, [{"alpha": 1e-2, "gamma": 0.2}], [1], "cpu")
    assert result.objective > 0.4  # chance is 0.1, with a standard deviation of 0.02


def test_bf16_rounds_operands_only_on_a_cpu(cifar):
    results = {}
    for precision in ("fp32", "bf16"):
        task = CifarTask(training=64, validation=20, test=20, epochs=1, batch_size=32, precision=precision)
        (results[precision],) = task.train(FILTER, [{"alpha": 1e-2, "gamma": 0.2}], [1], "cpu")
    first, second = (results[precision].curves["train_loss"][0] for precision in results)
    assert first != second
    assert first == pytest.approx(second, rel=0.2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"network": "resnet"}, "network is one of binarynet, bireal20, resnet20, vgg_small; got 'resnet'"),
        ({"training": 45_001}, "at most 50,000 together, got 45,001 and 5,000"),
        ({"validation": -1}, "at most 50,000 together"),
        ({"test": 10_001}, "there are 10,000 test images, not 10,001"),
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
    ],
)
def test_settings_that_cannot_be_are_one_sentence(settings, message):
    with pytest.raises(ValueError, match=message):
        CifarTask(**settings)


def test_the_shipped_studies_say_what_they_are_for():
    tasks = {name: read_plan(find_study(name)).task for name in shipped_studies() if "cifar10" in name}
    assert {"cifar10-smoke", "figure8-cifar10", "table2-cifar10"} <= set(tasks)
    assert {f"figure{number}-cifar10" for number in range(3, 8)} <= set(tasks)
    assert (tasks["figure8-cifar10"].training, tasks["figure8-cifar10"].validation) == (45_000, 5_000)
    table2 = tasks["table2-cifar10"]
    assert (table2.training, table2.epochs, table2.objective.name) == (50_000, 400, "test accuracy")


RECIPES = ["bop-cifar10", "bop2ndorder-cifar10", "rbnn-cifar10", "recu-cifar10", "siman-cifar10", "table2-cifar10"]


@pytest.mark.parametrize("name", RECIPES)
def test_each_recipe_trains_for_a_few_steps(name):
    plan = read_plan(find_study(name))
    generator = torch.Generator().manual_seed(3)
    padded = torch.randint(0, 256, (16, 40, 40, 3), generator=generator, dtype=torch.uint8)
    labels = torch.arange(16) % 10
    held_out = Labelled(padded[:4, 4:36, 4:36].permute(0, 3, 1, 2), labels[:4])
    assert plan.task.epochs >= 400
    # Labels that differ in numbers only are one training.
    different = {
        (type(m), str(plain_settings(replace(m, space=Space(()), schedules={})))): m for m in plan.methods.values()
    }
    for method in different.values():
        (drawn,) = plan.searchers.default.propose(method.space, [History()], [1])
        run = Training(
            lambda k: Stacked(k, lambda: load(plan.task.network)(plan.task.activation_gradient)), method, [drawn], [1],
            Data(Augmented(padded, labels), held_out, held_out), Budget(2, 16, plan.task.recipe),
        )  # fmt: skip
        (result,) = run.run()
        assert result.outcome == "complete"
        assert result.curves["train_loss"][0] != result.curves["train_loss"][1]


def test_what_training_reads_can_be_sent(cifar):
    assert sorted(path.name for path in CifarTask().files()) == sorted(path.name for path in cifar.iterdir())


def test_importing_it_takes_little_along():
    import subprocess
    import sys

    heavy = "plotly", "pooch", "librosa", "ax", "pandas", "platformdirs", "pydantic", "ray", "matplotlib"
    code = (
        "import sys, cifar_task, cifar_task.images, cifar_task.networks.bireal20, binarynet.training, "
        "binarynet.methods.filter; "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
