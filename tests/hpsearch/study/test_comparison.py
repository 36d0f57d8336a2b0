"""A comparison that Python code describes: what it records, by which names, and what is said of a wrong one."""

import sys
from dataclasses import replace

import pytest

from audio_task.task import AudioTask
from hpsearch import Choice, Comparison, Float, FunctionTask, Int, Objective, Space
from hpsearch.contracts.errors import SpecError
from hpsearch.contracts.space import Fixed
from hpsearch.searchers.botorch import SEARCHER as BOTORCH
from hpsearch.searchers.grid import SEARCHER as GRID
from hpsearch.study import kinds
from hpsearch.study.registry import Registry
from hpsearch.study.schema import MethodSpec, Named, parse
from tests.tools.methods import method_of
from tests.tools.notebook import Notebook
from tests.tools.spec_texts import HEAD

KEYS = {"name": "one", "trials": 4, "repeats": 3, "seed": 1, "searcher": "sobol"}
SPACE = Space(
    (
        Choice("kind", ("a", "b"), ordered=True),
        Float("rate", 1e-4, 1.0, log=True),
        Int("depth", 1, 5, when={"kind": "a"}),
        Fixed("held", 3),
    )
)
UNWRITTEN = Space((Choice("k", (1, 2)), Fixed("f", 1, when={"k": 1})))
OWN = """
from dataclasses import dataclass
from hpsearch import FunctionMethod, FunctionTask, Objective, Searcher, Space

def train(provided, configuration, seed): ...
TASK = FunctionTask(lambda configuration, seed: 0.0, Objective("loss", 1.0))
OTHER = FunctionTask(lambda configuration, seed: 1.0, Objective("loss", 1.0))
METHOD = FunctionMethod(train, Space(()))

@dataclass(frozen=True)
class Mine(Searcher):
    first: int = 1
    widths: tuple[int, ...] = (1, 2)
    def propose(self, space, histories, seeds): ...

SEARCHER = Mine()
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A module that can be imported, with a task, a method and a searcher."""
    (tmp_path / "own_beside.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    import own_beside

    yield own_beside
    del sys.modules["own_beside"]


def spec(**keys):
    return Comparison(**{**KEYS, "task": "audio_task", "methods": {"filter": {}}, **keys}).spec


def test_it_says_what_a_study_file_says():
    text = f"""{HEAD}
        pack = 2
        [methods.filter]
        space.alpha = [1e-4, 1e-2]
        [methods.plain]
        method = "latent"
        schedules.learning_rate = "constant"
    """
    described = spec(
        pack=2,
        methods={
            "filter": {"space": {"alpha": (1e-4, 1e-2)}},
            "plain": {"method": method_of("latent"), "schedules": {"learning_rate": "constant"}},
        },
    )
    assert described == parse(text, "one.toml")


def test_a_space_is_written_as_the_lines_that_make_it():
    task = FunctionTask(lambda configuration, seed: 0.0, Objective("loss", 1.0))
    for method in (SPACE, {"space": SPACE}):
        plan = Comparison(**KEYS, task=task, methods={"all": method}).plan()
        assert plan.spaces == {"all": SPACE}


def test_what_ships_is_recorded_by_its_short_name_and_with_its_settings():
    assert spec(searcher=BOTORCH).searcher == Named(name="botorch")
    assert spec(searcher=replace(GRID, points=3)).searcher == Named(name="grid", points=3)
    assert spec(task=AudioTask(width=32)).task == Named(name="audio_task", width=32)
    assert spec(methods={"a": method_of("latent")}).methods["a"] == MethodSpec(method="latent")
    two_step = replace(method_of("latent"), two_step=0.5)
    assert spec(methods={"a": two_step}).methods["a"] == MethodSpec(method="latent", settings={"two_step": 0.5})
    other = replace(method_of("latent"), schedules={"learning_rate": "linear"})
    described = Comparison(**KEYS, task="audio_task", methods={"a": other})  # which no settings tell
    assert described.spec.methods["a"].method == "__main__:a"
    assert described.plan().methods["a"].schedules == {"learning_rate": "linear"}


def test_what_a_module_holds_is_recorded_by_its_name_there(own):
    assert spec(task=own.TASK).task == Named(name="own_beside")
    assert spec(task=own.OTHER).task == Named(name="own_beside:OTHER")
    assert spec(methods={"a": own.METHOD}).methods["a"].method == "own_beside"
    assert spec(searcher=own.Mine(3, (4,))).searcher == Named(name="own_beside", first=3, widths=[4])
    plan = Comparison(**KEYS, task=own.TASK, methods={"a": SPACE}).plan()
    assert plan.task is own.TASK
    assert plan.by_name.carried == b""


def test_what_a_notebook_holds_is_recorded_by_its_variable_or_its_place(monkeypatch):
    notebook = Notebook(monkeypatch)
    notebook.run(f"{OWN}\n_1 = TASK\nBOTH = TASK")
    assert spec(task=notebook["TASK"]).task == Named(name="__main__:TASK")
    assert spec(task=replace(notebook["TASK"])).task == Named(name="__main__:task")
    methods = {"a": notebook["METHOD"], "b": replace(notebook["METHOD"])}
    assert [method.method for method in spec(methods=methods).methods.values()] == ["__main__:METHOD", "__main__:b"]
    assert spec(searcher=notebook["Mine"](3)).searcher == Named(name="__main__:searcher")


def test_a_method_may_have_a_searcher_of_its_own_as_an_object(monkeypatch):
    notebook = Notebook(monkeypatch)
    notebook.run(OWN)
    methods = {"a": {"space": SPACE}, "b": {"space": SPACE, "searcher": replace(notebook["SEARCHER"], first=2)}}
    methods["c"] = {"method": "a", "searcher": {"name": notebook["SEARCHER"], "first": 3}}
    plan = Comparison(**KEYS, task=notebook["TASK"], methods=methods).plan()
    names = {label: method.searcher for label, method in plan.spec.methods.items()}
    own = {"b": Named(name="__main__:b.searcher"), "c": Named(name="__main__:SEARCHER", first=3)}
    assert names == {"a": None, **own}
    assert [plan.searchers[label].first for label in ("b", "c")] == [2, 3]


def test_a_budget_may_take_the_place_of_trials():
    assert spec(trials=None, budget={"epochs": 30}).length == "30 epochs"
    with pytest.raises(SpecError, match=r"^trials: this key is needed and missing$"):
        spec(trials=None)


@pytest.mark.parametrize("kind", [kinds.TASK, kinds.METHOD, kinds.SEARCHER], ids=lambda kind: kind.key)
def test_such_a_name_means_nothing_elsewhere(kind):
    with pytest.raises(
        SpecError, match=f"^{kind.key}: __main__:IT was defined in a notebook or a script, which nothing"
    ):
        Registry().find(kind, "__main__:IT")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"trials": 0}, "^trials: input should be greater than or equal to 1, got 0$"),
        ({"time_limt": 3}, "^time_limt: unknown key; did you mean 'time_limit'"),
        ({"methods": {"filter": {"space": {"alpha": {"lo": 3}}}}}, r"alpha\.lo: unknown key; did you mean"),
        ({"methods": {"filter": {"space": Space((Float("alfa", 0, 1),))}}}, r"filter\.space\.alfa: unknown key; did"),
        ({"methods": {"a": len}}, r"^methods\.a\.method: builtins.len is no method: wrap a function in hpsearch\.Func"),
        ({"task": lambda configuration, seed: 0.0}, "^task: __main__:task is no task: derive .* or hpsearch.DataTask$"),
        ({"task": AudioTask}, r"^task: audio_task\.task\.AudioTask is a class: give an instance"),
        ({"task": {"name": AudioTask(width=8), "epoch": 3}}, "^task.epoch: unknown key; did you mean 'epochs'"),
        ({"methods": {"a": UNWRITTEN}}, "^f: a fixed value cannot be conditional here"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_sentence(keys, said):
    with pytest.raises(SpecError, match=said) as caught:
        Comparison(**{**KEYS, "task": "audio_task", "methods": {"filter": {}}, **keys}).plan()
    assert len(str(caught.value).splitlines()) == 1


def test_what_cannot_be_sent_to_workers_is_said_before_anything_runs(monkeypatch):
    notebook = Notebook(monkeypatch)
    notebook.run("import threading\nLOCK = threading.Lock()\n" + OWN.replace(": 0.0", ": LOCK"))
    plan = Comparison(**KEYS, task=notebook["TASK"], methods={"a": SPACE}).plan()
    with pytest.raises(
        SpecError, match=r"^task: __main__:TASK cannot be sent to workers \(TypeError: .*lock.*\): move"
    ):
        _ = plan.by_name
