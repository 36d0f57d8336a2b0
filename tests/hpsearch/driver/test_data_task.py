"""Methods with code of their own, on what a task provides: from a study file to trials, or to a sentence."""

import pytest

import hpsearch
from hpsearch.contracts.errors import SpecError
from hpsearch.contracts.space import Fixed, Float
from hpsearch.driver.confirm import confirmation
from hpsearch.driver.pack import PackError, train_pack
from hpsearch.study.plan import read_plan
from hpsearch.study.registry import Registry
from tests.tools.editing import edited
from tests.tools.studies import run_to_end, table

TASK = """
from functools import partial
from hpsearch import Choice, Context, DataTask, Float, FunctionMethod, Objective, Result, Space


def provide():
    with open("provided.txt", "a") as file:
        file.write("x")
    return {{"best": 0.3}}


def descend(start, provided, configuration, seed):
    x, velocity, curve = start, 0.0, []
    for _ in range(5):
        velocity = configuration.get("momentum", 0.0) * velocity - 2 * configuration["rate"] * (x - provided["best"])
        x += velocity
        curve.append((x - provided["best"]) ** 2)
    return Result(curve[-1], curves={{"loss": curve}})


def guess(provided, configuration, seed, context):
    assert isinstance(context, Context)
    return (configuration["x"] - provided["best"]) ** 2 + context.trial


TASK = DataTask(provide, Objective("loss", chance=5.0, direction="minimise"))
DESCENT = FunctionMethod(
    partial(descend, 1.0),
    Space(
        (
            Float("rate", 1e-3, 1.0, log=True),
            Choice("heavy", (False, True)),
            Float("momentum", 0.0, 0.9, when={{"heavy": True}}),
        )
    ),
)
GUESS = FunctionMethod(guess, Space((Float("x", 0.0, 1.0),)))
"""

STUDY = """
name = "own"
trials = 4
repeats = 2
seed = 7
task = "{module}"
searcher = "sobol"

[methods.descent]
method = "{module}:DESCENT"
space.rate = [1e-2, 0.5]

[methods.light]
method = "{module}:DESCENT"
space.heavy = false

[methods.guess]
method = "{module}:GUESS"
"""


@pytest.fixture
def data_study(own_study, monkeypatch):
    """Write TASK and STUDY, each with something replaced, and go into their folder; returns the study file."""

    def write(task=("", ""), study=("", "")):
        texts = (edited(text, *change) if change[0] else text for text, change in ((TASK, task), (STUDY, study)))
        task, study = texts
        path = own_study(task.replace("{{", "{").replace("}}", "}"), study)
        monkeypatch.chdir(path.parent)
        return path

    return write


def test_each_method_trains_with_its_own_function_in_its_own_space(data_study):
    study = data_study()
    plan = read_plan(study)
    assert plan.methods["descent"].space["rate"] == Float("rate", 1e-2, 0.5, log=True)
    assert plan.methods["light"].space.names == ("rate", "heavy")  # without what is never active
    assert plan.methods["light"].space["heavy"] == Fixed("heavy", False)
    trials = table(run_to_end(study))
    assert len(trials) == 24
    assert {trial.state for trial in trials} == {"complete"}
    for trial in trials:
        given = trial.configuration
        if trial.method == "guess":
            assert trial.objective == pytest.approx((given["x"] - 0.3) ** 2 + trial.trial)
            continue
        assert ("momentum" in given) == given["heavy"]
        assert trial.objective == trial.curves["loss"][-1]
        if not given["heavy"]:  # x moves towards the best by the factor 1 - 2 rate, five times
            assert trial.objective == pytest.approx((0.7 * (1 - 2 * given["rate"]) ** 5) ** 2)
    assert {trial.configuration["heavy"] for trial in trials if trial.method == "descent"} == {False, True}


def test_what_the_task_provides_is_made_once_in_a_process_and_is_no_part_of_the_result(data_study):
    study = data_study()
    here = table(run_to_end(study, "here.db"))
    assert study.with_name("provided.txt").read_text() == "x"
    assert table(run_to_end(study, "there.db", executor="processes", workers=1)) == here
    assert study.with_name("provided.txt").read_text() == "xx"


def test_a_label_alone_is_looked_for_as_a_method_beside_the_study_file(data_study):
    study = data_study(study=('[methods.guess]\nmethod = "{module}:GUESS"', "[methods.golden_guess]"))
    task = next(study.parent.glob("own_task_*.py")).stem
    study.with_name("golden_guess.py").write_text(f"from {task} import GUESS as METHOD\n")
    assert list(read_plan(study).methods) == ["descent", "light", "golden_guess"]
    assert list(read_plan(study).code["training"]) == ["golden_guess", task]


def test_a_method_of_another_module_can_be_added_to_what_is_finished(data_study):
    study = data_study()
    before = table(run_to_end(study))
    task = next(study.parent.glob("own_task_*.py")).stem
    study.with_name("added_guess.py").write_text(f"from {task} import GUESS as METHOD\n")
    study.write_text(f"{study.read_text()}\n[methods.added_guess]\n")
    now = table(run_to_end(study))
    assert [trial for trial in now if trial.method != "added_guess"] == before
    assert len(now) == len(before) + 8


def test_a_method_of_another_module_counts_as_ones_own_code(data_study):
    study = data_study(study=('method = "{module}:GUESS"', 'method = "other_guess:GUESS"'))
    task = next(study.parent.glob("own_task_*.py")).stem
    other = study.with_name("other_guess.py")
    other.write_text(f"from hpsearch import *\nfrom {task} import guess, GUESS\nX = 1\n")
    before = read_plan(study).code["training"]
    other.write_text(other.read_text().replace("X = 1", "X = 2"))
    now = read_plan(study).code["training"]
    assert sorted(name for name in now if now[name] != before[name]) == ["other_guess"]


@pytest.mark.parametrize(
    ("task", "study", "said"),
    [
        (
            None,
            ('method = "{module}:GUESS"', 'method = "{module}:GUES"'),
            r"^own\.toml: methods\.guess\.method: the module own_task_\d+ has no GUES$",
        ),
        (
            None,
            ('[methods.guess]\nmethod = "{module}:GUESS"', "[methods.gues]"),
            r"^own\.toml: methods\.gues\.method: no such method 'gues'",
        ),
        (
            None,
            ('[methods.guess]\nmethod = "{module}:GUESS"', "[methods.filter]"),
            r"^own\.toml: methods\.filter\.method: filter is no FunctionMethod, and this task takes no other",
        ),
        (
            ('GUESS = FunctionMethod(guess, Space((Float("x", 0.0, 1.0),)))', "GUESS = guess"),
            None,
            r"methods\.guess\.method: own_task_\d+\.GUESS is no method: wrap a function in hpsearch\.FunctionMethod",
        ),
        (
            ("def guess(provided, configuration, seed, context)", "def guess(configuration, seed)"),
            None,
            r"GUESS calls guess \(own_task_\d+\.py:\d+\) with \(provided, configuration, seed\), which takes "
            r"\(configuration, seed\)$",
        ),
        (
            ("def provide():", "def provide(path):"),
            None,
            r"task: own_task_\d+\.TASK calls provide \(own_task_\d+\.py:6\) with \(\), which takes \(path\)$",
        ),
        (
            None,
            ("space.heavy = false", 'schedules.rate = "cosine"'),
            r"methods\.light: a method that is a function takes no schedules",
        ),
        (None, ("space.heavy = false", "space.mass = 3"), r"methods\.light\.space\.mass: unknown key"),
    ],
)
def test_a_wrong_method_is_one_sentence(data_study, task, study, said):
    path = data_study(task or ("", ""), study or ("", ""))
    with pytest.raises(SpecError, match=said) as caught:
        read_plan(path.relative_to(path.parent))
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'return Result(curve[-1], curves={{"loss": curve}})',
            "return curve",
            r"descend \(own_task_\d+\.py:12\) must return a number or an hpsearch\.Result, got list",
        ),
        (
            'curves={{"loss": curve}}',
            'curves={{"epoch": curve}}',
            r"descend \(own_task_\d+\.py:12\) returned what cannot be recorded: .* named 'epoch'",
        ),
    ],
)
def test_what_a_method_returns_is_named_with_its_own_function(data_study, old, new, said):
    plan = read_plan(data_study((old, new)))
    with pytest.raises(PackError, match=said):
        train_pack(plan.by_name, "light", [{"rate": 0.1, "heavy": False}], [1])


def test_what_such_methods_chose_can_be_confirmed(data_study):
    study = data_study()
    tables = hpsearch.load(run_to_end(study))
    plan = confirmation(tables, Registry.here(study.parent), 2, False, {})
    recorded = plan.spec.confirm.recorded
    assert len(recorded) == 6
    for label, method in plan.methods.items():
        if "guess" not in label:  # which counts its trials
            chosen = {parameter.name: parameter.value for parameter in method.space}
            (again,) = train_pack(plan.by_name, label, [chosen], [1]).results
            assert again.objective == recorded[label]
