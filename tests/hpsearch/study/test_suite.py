"""Suite files: what varies, in which order, under which names, and what is wrong with one."""

import pytest

from hpsearch.contracts.errors import SpecError
from hpsearch.study.shipped import shipped_studies, shipped_suites
from hpsearch.study.suite import find_suite, read_suite
from tests.tools.studies import OWN_STUDY, OWN_TASK


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with an own study."""
    folder = tmp_path_factory.mktemp("suites")
    (folder / "suite_task.py").write_text(OWN_TASK)
    (folder / "own.toml").write_text(OWN_STUDY.format(module="suite_task"))
    return folder


@pytest.fixture
def suite(folder):
    """Writes a suite file beside an own study, and reads it."""

    def read(text):
        (folder / "suite.toml").write_text(f'name = "varied"\nstudy = "own.toml"\n{text}')
        return read_suite(folder / "suite.toml")

    return read


def test_a_grid_has_every_combination_in_order_and_says_where_each_stands(suite):
    found = suite('[vary]\ntrials = [2, 6]\nsearcher = ["random", {name = "sobol"}]').settings
    assert [s.label for s in found] == [
        "trials = 2, searcher = random",
        "trials = 2, searcher = sobol",
        "trials = 6, searcher = random",
        "trials = 6, searcher = sobol",
    ]
    assert found[1].at == {"trials": 2, "searcher": "sobol"}
    assert (found[2].plan.spec.trials, found[2].plan.spec.searcher.name) == (6, "random")
    assert found[0].stem == "trials-2-searcher-random"


def test_axes_have_the_shortest_names_that_tell_them_apart(suite):
    text = "[vary]\nmethods.wide.space.x = [[0.0, 1.0], [0.0, 5.0]]\nmethods.narrow.space.x = [[0.0, 0.5]]"
    found = suite(text).settings
    assert list(found[0].at) == ["wide.space.x", "narrow.space.x"]
    assert found[1].plan.methods["wide"].space["x"].high == 5.0
    assert found[1].plan.methods["narrow"].space["x"].high == 0.5


def test_a_change_is_merged_key_by_key_and_leaves_the_rest(suite):
    (only,) = suite("[settings.deep]\nmethods.narrow.space.depth = 4").settings
    assert only.plan.spec.methods["narrow"].space == {"x": [0.0, 1.0], "depth": 4}
    assert only.plan.spec.methods["wide"].space == {"x": [0.0, 10.0]}
    assert (only.plan.spec.trials, only.plan.spec.description) == (6, "(deep)")


def test_what_names_another_thing_takes_the_place_of_the_whole_table(suite):
    text = '[settings.other]\nsearcher = "random"\n[settings.ax.searcher]\nname = "ax"\ninitial = 2\n[settings.plain]\n'
    other, ax, plain = suite(text).settings
    assert [s.plan.spec.searcher.name for s in (other, ax, plain)] == ["random", "ax", "sobol"]
    assert ax.plan.spec.searcher.settings == {"initial": 2}


def test_a_list_may_follow_a_grid(suite):
    found = suite("[vary]\ntrials = [1, 2]\n[settings.long]\ntrials = 9").settings
    assert [(s.label, dict(s.at)) for s in found] == [
        ("trials = 1", {"trials": 1}), ("trials = 2", {"trials": 2}), ("long", {})
    ]  # fmt: skip


def test_a_method_may_be_left_out(suite):
    (only,) = suite("[settings.alone]\nmethods.wide = false").settings
    assert list(only.plan.methods) == ["narrow"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "needs [vary], with lists of values, or [settings.LABEL]"),
        ("[vary]\ntrials = 5", "vary.trials: expected a list of values to try, got 5"),
        ("[vary]\ntrials = []", "vary.trials: expected a list of values"),
        ("[vary]\ntrails = [1]", "setting 'trails = 1': trails: unknown key; did you mean 'trials'?"),
        ("[vary]\ntrials = [0, 1]", "setting 'trials = 0': trials: "),
        ("[settings.a]\ntrials = 1\n[settings.b]\nrepeats = 0", "setting 'b': repeats: "),
        ('[settings."a b"]\n[settings."a  b"]', "its database would have another setting's name, a-b.db"),
        ("[settings.a]\ntime_limit = 1\n[settings.b]\ntime_limit = 2", "settings share the workers"),
        ("[varry]\ntrials = [1]", "varry: unknown key; did you mean 'vary'?"),
        (f"[vary]\nseed = {list(range(1001))}", "asks for 1,001 settings"),
    ],
)
def test_a_wrong_suite_is_refused_with_the_place(suite, text, said):
    with pytest.raises(SpecError) as error:
        suite(text)
    assert said in str(error.value)


def test_a_study_that_is_not_there_is_named(tmp_path):
    (tmp_path / "s.toml").write_text('name = "s"\nstudy = "figure8-fsd"\n[vary]\nseed = [1]')
    with pytest.raises(SpecError, match=r"s\.toml: study: .*did you mean 'figure8-fsdd'"):
        read_suite(tmp_path / "s.toml")


def test_a_suite_is_told_from_a_study(folder, suite):
    suite("[vary]\nseed = [1]")
    assert find_suite(str(folder / "suite")) == folder / "suite.toml"
    assert find_suite(str(folder / "own.toml")) is None
    assert find_suite("figure8-fsdd") is None


@pytest.mark.parametrize("name", shipped_suites())
def test_every_shipped_suite_resolves_and_says_what_it_asks(name):
    found = read_suite(find_suite(name))
    assert (found.name, found.description[-1]) == (name, "?")
    assert len(found.settings) > 1


def test_no_suite_has_the_name_of_a_study():
    assert not set(shipped_suites()) & set(shipped_studies())
