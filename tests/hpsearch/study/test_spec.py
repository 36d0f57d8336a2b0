import re
from pathlib import Path

import pytest

from hpsearch.contracts.errors import SpecError
from hpsearch.contracts.space import Choice, Fixed, Float, Int, Space
from hpsearch.study.plan import read_plan
from hpsearch.study.schema import parse
from hpsearch.study.shipped import find_study, recorded_name, shipped_studies
from hpsearch.study.spaces import changed, described
from tests.tools.editing import edited
from tests.tools.spec_texts import HEAD, fault, plan_of
from tests.tools.studies import OWN_STUDY, OWN_TASK


def read_spaces(text):
    """The parameters of a study file's only method, whose task has none of its own."""
    (method,) = parse(text.format(module="none"), "study").methods.values()
    return changed(Space(()), method.space, "methods.net", open_space=True)


def space_of(text, label):
    return plan_of(HEAD + text).spaces[label]


def test_a_method_keeps_its_own_space_unless_a_line_changes_it():
    default = space_of("[methods.filter]", "filter")
    changed = space_of("[methods.filter]\nspace.alpha = [1e-3, 1e-2]", "filter")
    assert changed["alpha"] == Float("alpha", 1e-3, 1e-2, log=True)
    assert changed["gamma"] == default["gamma"]


def test_a_value_fixes_a_hyperparameter_and_a_list_narrows_a_choice():
    space = space_of("[methods.latent]\nspace.init = 0\nspace.scaling = true\nspace.momentum = {low = 0.05}", "latent")
    assert space["init"] == Fixed("init", 0)
    assert space["scaling"] == Fixed("scaling", True)
    assert space["momentum"] == Float("momentum", 0.05, 1.0, log=True)
    assert isinstance(space["clipping"], Choice)


SGD = """
name = "conditional"
trials = 2
repeats = 2
seed = 1
task = "{module}"
searcher = "random"
[methods.net.space]
optimizer = {{ choices = ["sgd", "adam"] }}
x = [0.1, 1.0]
nesterov = {{ choices = [true, false], when = {{ optimizer = "sgd" }} }}
momentum = {{ low = 0.0, high = 0.99, when = {{ optimizer = ["sgd"], nesterov = true }} }}
"""


def test_a_hyperparameter_may_be_conditional(own_study):
    space = read_plan(own_study(study=SGD)).spaces["net"]
    assert space["nesterov"] == Choice("nesterov", (True, False), when={"optimizer": "sgd"})
    assert space["momentum"] == Float("momentum", 0.0, 0.99, when={"optimizer": ("sgd",), "nesterov": True})
    assert "momentum real (0 to 0.99) if optimizer = sgd, and nesterov = True" in described({"net": space})[1]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'optimizer = "sgd" }} }}',
            'optimizer = "sdg" }} }}',
            "space.nesterov: when = {optimizer = 'sdg'}: optimizer can",
        ),
        (
            'optimizer = ["sgd"],',
            'optimizer = ["sgd", "adm"],',
            "space.momentum: when = {optimizer = ['sgd', 'adm']}: optimizer can never be 'adm'",
        ),
        ('["sgd"], nesterov', '["sgd"], nestrov', "space.momentum: when = {nestrov = True}: no parameter of this name"),
        ("nesterov = true }} }}", "x = 0.5 }} }}", "space.momentum: when = {x = 0.5}: a condition is on a choice"),
        ("when = {{ optimizer = [", "if = {{ optimizer = [", "momentum.if: unknown key; did you mean 'when'?"),
    ],
)
def test_a_condition_that_cannot_hold_is_a_fault(own_study, old, new, said):
    with pytest.raises(SpecError, match=re.escape(said)):
        read_plan(own_study(study=edited(SGD, old, new)))


def test_a_method_keeps_its_condition_when_narrowed_and_loses_what_cannot_be_active_any_more():
    method = Space((*read_spaces(SGD),))
    narrowed = changed(method, {"momentum": [0.5, 0.9]}, "methods.net", open_space=False)
    assert narrowed["momentum"] == Float("momentum", 0.5, 0.9, when={"optimizer": ("sgd",), "nesterov": True})
    held = changed(method, {"momentum": 0.9}, "methods.net", open_space=False)
    assert held["momentum"] == Fixed("momentum", 0.9, when={"optimizer": ("sgd",), "nesterov": True})
    assert changed(method, {"optimizer": "adam"}, "methods.net", open_space=False).names == ("optimizer", "x")


def test_a_method_that_trains_in_packs_takes_no_condition():
    with pytest.raises(SpecError, match="takes no conditional hyperparameter"):
        space_of("[methods.latent]\nspace.clipping = {choices = [true, false], when = {scaling = true}}", "latent")


def test_a_label_may_differ_from_the_methods_name():
    space = space_of('[methods.no_scaling]\nmethod = "latent"\nspace.scaling = false', "no_scaling")
    assert space["scaling"] == Fixed("scaling", False)


def test_a_method_may_be_any_object_by_module_and_name():
    assert space_of('[methods.mine]\nmethod = "binarynet.methods.filter:METHOD"', "mine").names == ("alpha", "gamma")


def test_a_task_without_methods_takes_spaces(own_study):
    path = own_study(
        study="""
name = "spaces"
trials = 2
repeats = 2
seed = 1
task = "{module}"
searcher = "random"
[methods.forest.space]
x = [0.5, 2.0]
trees = [1, 500]
depth = {{ low = 1, high = 64, log = true, integer = true }}
kind = {{ choices = ["gini", "entropy"] }}
"""
    )
    assert tuple(read_plan(path).spaces["forest"]) == (
        Float("x", 0.5, 2.0),
        Int("trees", 1, 500),
        Int("depth", 1, 64, log=True),
        Choice("kind", ("gini", "entropy")),
    )


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (edited(HEAD, "trials", "trails") + "[methods.filter]", ["trails", "unknown key", "'trials'"]),
        (edited(HEAD, "trials = 4\n", "") + "[methods.filter]", ["trials", "needed and missing"]),
        (edited(HEAD, "trials = 4", "trials = 0") + "[methods.filter]", ["trials", "greater than or equal to 1", "0"]),
        (edited(HEAD, "trials = 4", 'trials = "many"') + "[methods.filter]", ["trials", "integer", "'many'"]),
        (edited(HEAD, "audio_task", "audio_tusk") + "[methods.filter]", ["task", "audio_tusk", "'audio_task'"]),
        (
            edited(HEAD, "sobol", "sobel") + "[methods.filter]",
            ["searcher", "'sobol'", "ax, botorch, fixed, grid, optuna, random, sobol"],
        ),
        (HEAD + "[methods.flter]", ["methods.flter.method", "'filter'"]),
        (HEAD + "[methods.filter]\nspce.alpha = 1.0", ["methods.filter.spce", "'space'"]),
        (HEAD + "[methods.filter]\nspace.alhpa = 1.0", ["methods.filter.space.alhpa", "'alpha'"]),
        (HEAD + "[methods.filter]\nspace.alpha = [1.0, 0.1]", ["methods.filter.space.alpha", "low must be below"]),
        (HEAD + "[methods.filter]\nspace.alpha = [0.0, 0.1]", ["methods.filter.space.alpha", "logarithmic"]),
        (HEAD + "[methods.filter]\nspace.alpha = [1.0]", ["methods.filter.space.alpha", "[low, high]"]),
        (HEAD + '[methods.filter]\nspace.alpha = "big"', ["methods.filter.space.alpha", "number", "'big'"]),
        (
            HEAD + "[methods.filter]\nspace.alpha = {low = true}",
            ["methods.filter.space.alpha", "{low, high, log, when}"],
        ),
        (
            HEAD + "[methods.filter]\nspace.alpha = {low = 1, lgo = true}",
            ["alpha.lgo: unknown key; did you mean 'log'?"],
        ),
        (HEAD + "[methods.filter]\nspace.alpha = {hi = 1.0}", ["alpha.hi: unknown key; did you mean 'high'?"]),
        (HEAD + "[methods.filter]\nspace.alpha = {min = 1}", ["alpha.min: unknown key; did you mean 'low'?"]),
        (HEAD + "[methods.filter]\nspace.alpha = {step = 1}", ["alpha.step: unknown key; did you mean 'integer'?"]),
        (
            HEAD + "[methods.filter]\nspace.alpha = {values = [1]}",
            ["alpha.values: unknown key; did you mean 'choices'?"],
        ),
        (
            HEAD + "[methods.filter]\nspace.alpha = {choices = [1, []]}",
            ["methods.filter.space.alpha: expected a value,"],
        ),
        (HEAD + "[methods.Range]\nspace.int = {lwo = 1}", ["methods.Range.space.int.lwo: ", "'low'"]),
        (HEAD + "[methods.latent]\nspace.scaling = 3", ["methods.latent.space.scaling", "[False, True]"]),
        (HEAD + '[methods.filter]\nschedules.alpa = "cosine"', ["methods.filter.schedules.alpa", "'alpha'"]),
        (HEAD + '[methods.filter]\nschedules.alpha = "cosin"', ["methods.filter", "'cosin'", "constant, cosine"]),
        (
            HEAD + '[methods.latent]\nschedules.scaling = "cosine"',
            ["latent.schedules.scaling", "a choice has no schedule"],
        ),
        (HEAD, ["methods", "needed and missing"]),
        (HEAD + "[methods]", ["methods", "at least 1"]),
        (edited(HEAD, "seed = 1", "seed = -1") + "[methods.filter]", ["seed", "greater than or equal to 0"]),
        (edited(HEAD, '"one"', '"../one"') + "[methods.filter]", ["name", "pattern"]),
        ("name = ", ["not valid TOML"]),
    ],
)
def test_a_fault_names_the_file_the_key_and_what_was_expected(text, parts):
    message = fault(text)
    assert message.startswith("one.toml: ")
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("widht = 64", ["task.widht", "'width'"]),
        ("width = 0", ["task", "width must be at least 1"]),
        ('width = "wide"', ["task.width", "integer", "'wide'"]),
        ('corpus = "fssd"', ["task.corpus", "'fsdd' or 'synthetic'"]),
    ],
)
def test_a_wrong_setting_of_the_task_is_a_fault_of_the_file(line, parts):
    head = edited(HEAD, 'task = "audio_task"\n', "")
    message = fault(f'{head}[methods.filter]\n[task]\nname = "audio_task"\n{line}')
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("task", "study", "message"),
    [
        ("TASK = 3", OWN_STUDY, "TASK is no task: derive its class from hpsearch.Task, or wrap a function"),
        ("TASK = print", OWN_STUDY, "TASK is no task: derive its class from hpsearch.Task, or wrap a function"),
        ("x = 1", OWN_STUDY, r"no such task .*own_task_\d+\.py has no TASK at its top"),
        ("from math import TASK", OWN_STUDY, "raised ImportError"),
        ("TASK = (", OWN_STUDY, "raised SyntaxError"),
        ("import sys; sys.exit(); TASK = 1", OWN_STUDY, "raised SystemExit"),
        (
            edited(OWN_TASK, 'Objective("loss", chance=1.0, direction="minimise")', "'loss'"),
            OWN_STUDY,
            "an .*Objective",
        ),
        (
            edited(OWN_TASK, "TASK = FunctionTask(", "class Odd(FunctionTask):\n    pack = 0\n\n\nTASK = Odd("),
            OWN_STUDY,
            "TASK has no pack: it must be a whole number from 1",
        ),
        (OWN_TASK, edited(OWN_STUDY, "[0.0, 1.0]", f"[0, 1{'0' * 400}]"), "narrow.space.x: x: bounds must be finite"),
        (OWN_TASK, edited(OWN_STUDY, "[0.0, 1.0]", "[-1e308, 1e308]"), "less than 1.8e308 apart"),
        (OWN_TASK, edited(OWN_STUDY, "seed = 7", f"seed = {'7' * 5000}"), "own.toml: "),
        (OWN_TASK, edited(OWN_STUDY, "seed = 7", f"seed = {'[' * 5000}"), "own.toml: "),
        (OWN_TASK, edited(OWN_STUDY, "seed = 7", "seed = 7\ntime_limit = 1e300"), "time_limit"),
        (
            OWN_TASK,
            edited(OWN_STUDY, '"sobol"', '{{ name = "botorch", samples = 1_000_000_000 }}'),
            "at most 1,000,000",
        ),
        (OWN_TASK, edited(OWN_STUDY, '"sobol"', '{{ name = "grid", points = 1_000_000_000 }}'), "at most 10,000"),
        (
            OWN_TASK,
            edited(OWN_STUDY, "x = [0.0, 1.0]", "seed = [0.0, 1.0]"),
            "narrow.space.seed: .* may not have this name",
        ),
        (OWN_TASK, OWN_STUDY + 'schedules.x = "cosine"', "narrow.schedules: this task has no methods"),
        (OWN_TASK, OWN_STUDY + 'method = "os:getcwd"', "narrow.method: this task has no methods"),
    ],
)
def test_a_wrong_task_of_ones_own_is_a_sentence(own_study, task, study, message):
    with pytest.raises(SpecError, match=message):
        read_plan(own_study(task, study))


def test_what_is_no_method_is_a_sentence():
    assert "os.getcwd is no method" in fault(HEAD + '[methods.mine]\nmethod = "os:getcwd"')


def test_every_fault_is_reported_at_once():
    message = fault(edited(edited(HEAD, "trials", "trails"), "seed", "sead") + "[methods.filter]")
    assert "trails" in message
    assert "sead" in message


def test_an_error_inside_a_users_module_says_so(own_study):
    path = own_study(task=f"import not_there_at_all\n{OWN_TASK}")
    with pytest.raises(SpecError, match="needs the module not_there_at_all"):
        read_plan(path)


@pytest.mark.parametrize(
    ("repeats", "pack", "size"), [(20, None, 10), (20, 16, 10), (20, 4, 4), (7, 4, 4), (3, None, 3)]
)
def test_the_pack_size_is_the_wish_evened_out(repeats, pack, size):
    head = edited(HEAD, "repeats = 3", f"repeats = {repeats}") + (f"pack = {pack}\n" if pack else "")
    assert plan_of(head + "[methods.filter]").pack_size == size


@pytest.mark.parametrize("name", sorted(shipped_studies()))
def test_every_shipped_study_is_valid_and_bears_its_files_name(name):
    assert read_plan(find_study(name)).spec.name == name


def test_an_unknown_study_lists_the_shipped_ones():
    with pytest.raises(SpecError, match=r"figure8-fsdd"):
        find_study("figure8-fsd")


def test_a_shipped_study_is_remembered_by_its_name_however_it_was_given(monkeypatch, tmp_path):
    shipped = find_study("demo")
    monkeypatch.chdir(shipped.parents[1])
    assert recorded_name(Path("studies/demo.toml")) == recorded_name(shipped) == "demo.toml"
    assert recorded_name(tmp_path / "demo.toml") == str((tmp_path / "demo.toml").resolve())


def test_spaces_are_described_with_their_types():
    spaces = {
        "m": Space(
            (
                Int("x", 0, 1),
                Float("y", 0.0, 1.0),
                Int("n", 1, 10_000_000, log=True),
                Choice("k", tuple("abcdefgh")),
                Fixed("held", 3),
            )
        ),
        "still": Space((Fixed("held", 3),)),
    }
    assert described(spaces) == [
        "search spaces:",
        "  m: x integer (0 to 1), y real (0 to 1), n integer (1 to 10,000,000, logarithmic), "
        "k one of a | b | c | d | e | f | and 2 more, held = 3",
    ]
    assert described({"still": spaces["still"]}) == []
    assert described({f"m{i}": spaces["m"] for i in range(15)})[-1] == "and 5 more"
