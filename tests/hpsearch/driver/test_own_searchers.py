"""A method may name a searcher of its own; the others are searched by the comparison's."""

import json
import sqlite3
from contextlib import closing

import pytest

from hpsearch.contracts.errors import DatabaseError, DifferentError, SpecError
from hpsearch.contracts.progress import silent
from hpsearch.driver.check import check
from hpsearch.report import write_report
from hpsearch.report.merge import merged
from hpsearch.searchers.random import Random
from hpsearch.store.database import Database
from hpsearch.store.tables import load_tables
from hpsearch.study.plan import read_plan
from hpsearch.system.provenance import differences
from tests.tools.commands import cli
from tests.tools.editing import edited
from tests.tools.spec_texts import HEAD, plan_of
from tests.tools.studies import OWN_STUDY, run_to_end, table

BY_RANDOM = edited(OWN_STUDY, '"sobol"', '"random"')
OWN = OWN_STUDY + '\n[methods.wide-random]\nmethod = "wide"\nsearcher = "random"\n'
ALL_OWN = edited(
    edited(OWN_STUDY, "[methods.wide]\n", '[methods.wide]\nsearcher = "random"\n'),
    "[methods.narrow]\n", '[methods.narrow]\nsearcher = "random"\n',
)  # fmt: skip


@pytest.fixture
def ran(own_study):
    """The database of a comparison of which one method has a searcher of its own."""
    return run_to_end(own_study(study=OWN))


def of(rows, label):
    return [row for row in rows if row.method == label]


def test_each_method_is_searched_by_its_own(own_study, ran):
    rows = table(ran)
    assert len(of(rows, "wide-random")) == 18
    default = table(run_to_end(own_study(), "default.db"))
    assert of(rows, "wide") == of(default, "wide")
    labels = edited(BY_RANDOM, "[methods.wide]", "[methods.wide-random]")
    assert of(rows, "wide-random") == of(table(run_to_end(own_study(study=labels), "random.db")), "wide-random")


def test_check_proposes_again_by_each_methods_own(ran):
    found = check(ran, proposals=True, progress=silent)
    assert (found.proposals, found.faults, found.incomparable) == (54, (), ())
    with closing(sqlite3.connect(ran)) as connection, connection:
        connection.execute(
            "UPDATE trials SET configuration = json_set(configuration, '$.x', 0.5) WHERE trial = 3 AND "
            "study_id = (SELECT id FROM studies WHERE repeat = 2 AND method_id = "
            "(SELECT id FROM methods WHERE label = 'wide-random'))"
        )
    said = "wide-random, study 2, trial 3: the searcher proposes another x"
    assert check(ran, proposals=True, progress=silent).faults[0] == said


def test_settings_record_a_searcher_only_for_methods_that_name_one(own_study):
    settings = read_plan(own_study(study=OWN)).settings()
    assert settings["methods"].pop("wide-random")["searcher"] == {"name": "random", "settings": {}}
    assert settings == read_plan(own_study()).settings()


def test_a_searcher_of_its_own_takes_settings(own_study):
    study = edited(OWN, 'searcher = "random"', 'searcher = {{ name = "botorch", initial = 3 }}')
    plan = read_plan(own_study(study=study))
    assert plan.settings()["methods"]["wide-random"]["searcher"]["settings"]["initial"] == 3
    assert plan.by_name.plan() == plan


def test_one_method_of_a_task_may_have_a_label_for_each_searcher():
    plan = plan_of(HEAD + '[methods.filter]\n[methods.filter-random]\nmethod = "filter"\nsearcher = "random"')
    assert plan.methods["filter"] == plan.methods["filter-random"]
    assert plan.searchers["filter-random"] == Random()
    assert plan.searchers["filter"] != Random()


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ('"rondom"', r"methods\.wide-random\.searcher: no such searcher 'rondom'; did you mean 'random'"),
        ("3", r"methods\.wide-random\.searcher: .* got 3"),
        ('{{ name = "botorch", intial = 3 }}', r"methods\.wide-random\.searcher\.intial: unknown .* 'initial'"),
        ('"grid"', r"methods\.wide-random\.searcher: a comparison searches with all of its methods or with none, but "
         r"searcher looks for the best and methods\.wide-random\.searcher tries given configurations; write two"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_one_is_a_sentence_at_its_key(own_study, own, said):
    with pytest.raises(SpecError, match=said):
        read_plan(own_study(study=edited(OWN, '"random"', own)))


def test_fixed_configurations_of_one_method_are_its_own(own_study):
    fixed = '{{ name = "fixed", configurations = [{{ x = 0.25 }}] }}'
    study = edited(edited(OWN, '"sobol"', '"grid"'), '"random"', fixed)
    rows = table(run_to_end(own_study(study=study), "fixed.db"))
    assert {row.configuration["x"] for row in of(rows, "wide-random")} == {0.25}
    with pytest.raises(SpecError, match=r"methods\.wide-random\.searcher\.configurations: x = 11 is not in the space"):
        read_plan(own_study(study=edited(study, "0.25", "11")))


class TestAnotherLabelOfAMethod:
    def test_it_has_the_space_of_that_label_and_its_own_changes(self, own_study):
        study = OWN + "space = {{ x = [0.0, 5.0] }}\n"
        spaces = read_plan(own_study(study=study)).spaces
        assert (spaces["wide"]["x"].high, spaces["wide-random"]["x"].high) == (10.0, 5.0)
        assert read_plan(own_study(study=OWN)).spaces["wide-random"] == spaces["wide"]

    @pytest.mark.parametrize("name", ["wide-random", "else"])
    def test_that_label_must_be_another_one_with_a_space(self, own_study, name):
        with pytest.raises(SpecError, match=r"methods\.wide-random\.method: this task has no methods to choose from"):
            read_plan(own_study(study=edited(OWN, '"wide"', f'"{name}"')))

    def test_it_is_confirmed_like_any_other(self, ran):
        done = cli("confirm", ran.name, "--trust", "--seeds", "1", "--executor", "inline", cwd=ran.parent)
        assert done.returncode == 0, done.stderr
        assert len(load_tables(ran.with_name("run-confirm.db")).trials) == 9


class TestExtending:
    def test_a_method_may_be_added_with_its_own(self, own_study, ran):
        extended = run_to_end(own_study(), "extended.db")
        run_to_end(own_study(study=OWN), "extended.db")
        assert table(extended) == table(ran)

    def test_another_searcher_is_another_comparison(self, own_study, ran):
        with pytest.raises(DatabaseError, match=r"methods\.wide-random\.searcher\.name is \"ax\" here and \"random\""):
            run_to_end(own_study(study=edited(OWN, '"random"', '"ax"')))


class TestVersions:
    def test_one_that_every_method_has_records_a_number_alone(self, own_study):
        with Database(run_to_end(own_study(), "alone.db")) as database:
            assert not database.runs()[0].provenance.keys() & {"searcher_versions"}

    def test_a_changed_one_is_named(self, ran, monkeypatch):
        monkeypatch.setattr(Random, "version", 7)
        assert check(ran, proposals=True, progress=silent).incomparable == (
            "proposals of the searcher random: version 1 before, 7 now",
        )

    def test_a_default_that_nothing_uses_is_not_compared(self, own_study):
        plan = read_plan(own_study(study=ALL_OWN))
        assert plan.searchers.versions(plan.methods) == {"searcher_versions": {"random": 1}}

    @pytest.mark.parametrize(
        ("old", "new", "differing"),
        [
            ({}, {"searcher_version": 2}, 1),  # from before versions were recorded
            ({}, {}, 0),
            ({"searcher_version": 2}, {"searcher_version": 2, "searcher_versions": {"ax": 3}}, 0),
            ({"searcher_version": 2}, {"searcher_version": 3, "searcher_versions": {"ax": 3}}, 1),
            ({"searcher_versions": {"ax": 2}}, {"searcher_version": 3, "searcher_versions": {"ax": 2}}, 0),
            ({"searcher_versions": {"ax": 2}}, {"searcher_version": 3, "searcher_versions": {"ax": 3}}, 1),
        ],
    )
    def test_only_what_both_runs_used_can_differ(self, old, new, differing):
        assert len(list(differences(old, new))) == differing


def test_code_of_ones_own_that_searches_one_method_is_recorded(own_study, tmp_path):
    (tmp_path / "walks.py").write_text("from hpsearch.searchers.random import Random\n\n\nSEARCHER = Random()\n")
    plan = read_plan(own_study(study=edited(OWN, '"random"', '"walks"')))
    assert list(plan.code["proposing"]) == ["walks"]


def test_a_report_names_each_methods_searcher(ran):
    write_report(ran, ran.with_name("report"))
    page = ran.with_name("report").joinpath("README.md").read_text()
    assert "| searcher | sobol for wide, narrow; random for wide-random |" in page.replace("\\", "")


def test_files_with_other_searchers_of_methods_differ(own_study, ran):
    other = run_to_end(own_study(study=edited(OWN_STUDY, "seed = 7", "seed = 8")), "other.db")
    with pytest.raises(DifferentError, match=r"searcher \(random, sobol against sobol\)"):
        merged([ran, other], [load_tables(ran), load_tables(other)], force=False)


def test_settings_that_name_another_searcher_than_the_study_file_are_damage(ran):
    with closing(sqlite3.connect(ran)) as connection, connection:
        (text,) = connection.execute("SELECT resolved FROM comparison").fetchone()
        resolved = json.loads(text)
        resolved["methods"]["wide-random"]["searcher"]["name"] = "sobol"
        connection.execute("UPDATE comparison SET resolved = ?", (json.dumps(resolved),))
    with pytest.raises(DatabaseError, match="damaged: the searcher of wide-random is another one in its settings"):
        load_tables(ran)
