"""Samplers of Optuna against Optuna itself: a study of its own that goes on trial by trial proposes the same."""

import builtins
import importlib.util
import warnings
from dataclasses import replace

import numpy as np
import optuna
import pytest
from optuna.exceptions import ExperimentalWarning

from hpsearch.contracts.errors import SpecError
from hpsearch.contracts.searcher import History, StandIn
from hpsearch.contracts.seeds import derived_seed
from hpsearch.contracts.space import Choice, Float, Int, Space
from hpsearch.searchers import optuna as searcher_module
from hpsearch.searchers.optuna import SAMPLERS, Optuna
from hpsearch.store.database import Database
from hpsearch.study.plan import read_plan
from hpsearch.study.settings import with_settings
from tests.tools.editing import edited
from tests.tools.spec_texts import HEAD, fault, plan_of
from tests.tools.studies import OWN_STUDY, run_to_end, table

NUMBERS = Space((Float("rate", 1e-4, 1.0, log=True), Int("depth", 1, 9), Float("share", 0.0, 1.0)))
MIXED = Space((*NUMBERS, Choice("kind", ("a", "b", "c")), Choice("size", (16, 64, 256), ordered=True)))
NESTED = Space(
    (
        Float("rate", 1e-4, 1.0, log=True),
        Choice("optimizer", ("sgd", "adam", "adamw")),
        Float("momentum", 0.0, 0.99, when={"optimizer": "sgd"}),
    )
)
SEED = 2**62 + 5


@pytest.fixture(autouse=True)
def _no_stand_ins():
    """A sampler that raises is replaced by Sobol, and must not be in these tests."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", StandIn)
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield


def value(configuration):
    return -((np.log10(configuration["rate"]) + 2) ** 2) - configuration.get("share", 0.5)


def searched(searcher, space, trials, objective=value, seed=SEED):
    """The configurations of a study that the searcher proposes one after the other."""
    history = History()
    for _ in range(trials):
        (proposed,) = searcher.propose(space, [history], [seed])
        history = History((*history.configurations, proposed), (*history.objectives, objective(proposed)))
    return list(history.configurations)


def seed_of(*numbers):
    return derived_seed(SEED, "optuna", *numbers) % 2**32


def suggested(trial):
    return {
        "rate": trial.suggest_float("rate", 1e-4, 1.0, log=True),
        "depth": trial.suggest_int("depth", 1, 9),
        "share": trial.suggest_float("share", 0.0, 1.0),
    }


def with_choices(trial):
    numbers, kind = suggested(trial), trial.suggest_categorical("kind", ("a", "b", "c"))
    return {**numbers, "kind": kind, "size": (16, 64, 256)[trial.suggest_int("size", 0, 2)]}


def going_on(sampler_of, suggest, trials):
    """What a study of Optuna proposes that is never made anew; `sampler_of` gives the sampler of each trial."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study, found = optuna.create_study(direction="maximize"), []
    for number in range(trials):
        study.sampler = sampler_of(number)
        trial = study.ask()
        found.append(suggest(trial))
        study.tell(trial, value(found[-1]))
    return found


class TestAgainstOptunaItself:
    @pytest.mark.parametrize("options", [{}, {"multivariate": False, "n_startup_trials": 3}], ids=str)
    def test_tpe_knows_all_that_it_would_know(self, options):
        same = going_on(lambda n: optuna.samplers.TPESampler(seed=seed_of(n), **options), with_choices, 25)
        assert searched(Optuna("TPESampler", options), MIXED, 25) == same

    @pytest.mark.parametrize(("sampler", "options"), [("CmaEsSampler", {}), ("CmaEsSampler", {"with_margin": True}),
                                                      ("QMCSampler", {"scramble": True})])  # fmt: skip
    def test_what_keeps_notes_is_where_it_would_be(self, sampler, options):
        of_first_trial = optuna.samplers.RandomSampler(seed=seed_of(0))
        sampler_class = vars(optuna.samplers)[sampler]
        one = sampler_class(seed=seed_of(), independent_sampler=of_first_trial, **options)
        assert searched(Optuna(sampler, options), NUMBERS, 40) == going_on(lambda _: one, suggested, 40)

    def test_random_draws_are_uniform_on_each_scale(self):
        drawn = searched(Optuna("RandomSampler"), MIXED, 100)
        below = sum(c["rate"] < 1e-2 for c in drawn)
        assert 35 < below < 65  # 50 expected, sd 5
        assert {c["depth"] for c in drawn} == set(range(1, 10))
        assert {c["size"] for c in drawn} == {16, 64, 256}


class TestLearning:
    @pytest.mark.parametrize("sampler", ["TPESampler", "GPSampler", "CmaEsSampler"])
    def test_other_objectives_lead_elsewhere(self, sampler):
        """The same configurations, and what came of them was the opposite."""
        searcher, before = Optuna(sampler), searched(Optuna("RandomSampler"), NUMBERS, 12)
        history = History(tuple(before), tuple(map(value, before)))
        other = replace(history, objectives=tuple(-v for v in history.objectives))
        assert searcher.propose(NUMBERS, [history], [SEED]) != searcher.propose(NUMBERS, [other], [SEED])

    @pytest.mark.parametrize(("sampler", "studies", "trials"), [
        ("TPESampler", 8, 30), ("GPSampler", 3, 16), ("CmaEsSampler", 8, 30),
    ])  # fmt: skip
    def test_it_beats_random_search(self, sampler, studies, trials):
        """In the median of some studies of a smooth function."""
        medians = [
            np.median([max(map(value, searched(Optuna(name), NUMBERS, trials, seed=seed))) for seed in range(studies)])
            for name in (sampler, "RandomSampler")
        ]
        assert medians[0] > medians[1]


def test_qmc_goes_through_its_sequence_whatever_came_of_it():
    searcher = Optuna("QMCSampler")
    first = searched(searcher, NUMBERS, 33)
    assert first == searched(searcher, NUMBERS, 33, objective=lambda configuration: -value(configuration))
    # The first is drawn at random; 32 consecutive points of Sobol have one in each 32nd part of each range.
    assert sorted(int(32 * c["share"]) for c in first[1:]) == list(range(32))
    assert first[1:] != searched(searcher, NUMBERS, 33, seed=1)[1:]


class TestChoicesBesideANumber:
    @pytest.mark.parametrize("sampler", ["CmaEsSampler", "QMCSampler"])
    def test_they_do_not_stay_the_same(self, sampler):
        """What a sampler that is led through its study draws at random needs another seed in every trial."""
        assert {c["kind"] for c in searched(Optuna(sampler), MIXED, 20)} == {"a", "b", "c"}


class TestPending:
    @pytest.mark.parametrize("sampler", SAMPLERS)
    def test_what_is_pending_counts(self, sampler):
        """A round of five: all differ, and a trial more in training changes what comes next."""
        before = searched(Optuna("RandomSampler"), MIXED, 12)
        history = History(tuple(before), tuple(map(value, before)))
        for _ in range(5):
            (proposed,) = Optuna(sampler).propose(MIXED, [history], [SEED])
            assert proposed not in (*history.configurations, *history.pending)
            history = replace(history, pending=(*history.pending, proposed))

    def test_tpe_keeps_away_from_it(self):
        """Many trials in training at the best place so far repel the next one."""
        space = Space((Float("rate", 1e-4, 1.0, log=True),))
        before = searched(Optuna("RandomSampler"), space, 20)
        history = History(tuple(before), tuple(map(value, before)))
        near = [{"rate": 10 ** (-2 + 0.01 * i)} for i in range(-10, 11)]
        (free, crowded) = (
            np.mean([abs(np.log10(p["rate"]) + 2) for p in Optuna().propose(space, [h] * 20, range(20))])
            for h in (history, replace(history, pending=tuple(near)))
        )
        assert crowded > free

    @pytest.mark.parametrize("sampler", SAMPLERS)
    def test_a_space_all_of_which_is_pending_has_a_stand_in(self, sampler):
        space = Space((Int("depth", 1, 2),))
        pending = ({"depth": 1}, {"depth": 2})
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            (proposed,) = Optuna(sampler).propose(space, [History((), (), pending)], [SEED])
        assert proposed in pending
        assert "what it proposed 10 times is in training already" in str(caught[-1].message)


class TestConditions:
    @pytest.mark.parametrize("sampler", SAMPLERS)
    def test_only_what_is_active_is_proposed(self, sampler):
        proposed = searched(Optuna(sampler), NESTED, 25)
        assert all(NESTED.contains(configuration) for configuration in proposed)
        assert {c["optimizer"] for c in proposed} == {"sgd", "adam", "adamw"}
        assert len({c["momentum"] for c in proposed if c["optimizer"] == "sgd"}) > 1

    def test_cma_es_learns_there_too(self):
        """It would draw at random for ever if what it searched were another space after the first trial."""
        rates = [c["rate"] for c in searched(Optuna("CmaEsSampler"), NESTED, 40)]
        late = np.abs(np.log10(rates[-10:]) + 2)
        assert np.median(late) < 0.3  # 1 at random


class TestOddSpaces:
    @pytest.mark.parametrize("sampler", SAMPLERS)
    @pytest.mark.parametrize(
        "parameter",
        [
            Float("x", 1.0, np.nextafter(1.0, 2.0)),
            Float("x", 1e-300, 1e300, log=True),
            Float("x", -8e307, 8e307),
            Float("x", 5e-324, 1e-310),
            Int("x", 0, 1),
            Int("x", 2**52, 2**53 - 1),
            Int("x", 1, 10**15, log=True),
            Choice("x", (0.1, "a", True), ordered=True),
        ],
        ids=str,
    )
    def test_every_range_can_be_searched(self, sampler, parameter):
        space = Space((parameter, Float("y", 0.0, 1.0)))
        for configuration in searched(Optuna(sampler), space, 12, objective=lambda c: c["y"]):
            assert space.contains(configuration)


class TestSettings:
    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            ('sampler = "TPE"', "one of TPESampler, GPSampler, CmaEsSampler, QMCSampler, RandomSampler, got 'TPE'"),
            ("sampler = 3", "searcher.sampler: "),
            ("options = { multivariat = true }", "TPESampler has no setting 'multivariat' that a study file may give"),
            ("options = { multivariate = 1 }", "options.multivariate must be true or false, got 1"),
            ("options = { n_startup_trials = 0 }", "options.n_startup_trials must be a whole number from 1, got 0"),
            ("options = { n_startup_trials = true }", "options.n_startup_trials must be a whole number from 1, got T"),
            ("options = { group = true, multivariate = false }", "searcher.options: ``group`` option can only be"),
            ('sampler = "QMCSampler"\noptions = { qmc_type = "x" }', "options.qmc_type must be one of sobol, halton"),
            ('sampler = "RandomSampler"\noptions = { seed = 3 }', "there are: none"),
        ],
    )  # fmt: skip
    def test_a_wrong_one_is_a_sentence_of_the_study_file(self, settings, said):
        head = edited(HEAD, 'searcher = "sobol"\n', "")
        assert said in fault(f'{head}[methods.filter]\n[searcher]\nname = "optuna"\n{settings}')

    def test_cma_es_refuses_a_space_without_numbers(self, own_study):
        study = edited(edited(OWN_STUDY, '"sobol"', '{{ name = "optuna", sampler = "CmaEsSampler" }}'),
                       "space.x = [0.0, 10.0]", "space.x = {{ choices = [1.0, 2.0] }}")  # fmt: skip
        with pytest.raises(
            SpecError, match=r"methods\.wide\.space: the sampler CmaEsSampler learns about numbers only"
        ):
            read_plan(own_study(study=study))

    def test_every_option_reaches_the_sampler(self):
        for name, sampler in SAMPLERS.items():
            for option, takes in sampler.options.items():
                value = takes[-1] if isinstance(takes, tuple) else True if takes is bool else takes + 1
                made = with_settings(Optuna(), {"sampler": name, "options": {option: value}}, "searcher")._made(1, 1)
                assert isinstance(made, vars(optuna.samplers)[name])

    def test_without_optuna_it_says_how_to_install_it(self, monkeypatch):
        there = importlib.util.find_spec
        monkeypatch.setattr(searcher_module, "find_spec", lambda name: None if name == "cmaes" else there(name))
        text = edited(HEAD, '"sobol"', '{ name = "optuna", sampler = "CmaEsSampler" }') + "[methods.filter]"
        assert "CmaEsSampler needs cmaes, not installed here; install it with: pip install 'hpsearch[optuna]'" in fault(
            text
        )

    def test_a_study_file_is_read_without_importing_optuna(self, monkeypatch):
        imported = builtins.__import__

        def refusing(name, *rest):
            assert name.partition(".")[0] != "optuna"
            return imported(name, *rest)

        monkeypatch.setattr(builtins, "__import__", refusing)
        assert plan_of(edited(HEAD, '"sobol"', '"optuna"') + "[methods.filter]").searchers["filter"] == Optuna()


def test_a_comparison_of_two_tuners_resumes_with_the_same_trials(own_study):
    tuners = edited(
        edited(OWN_STUDY, '"sobol"', '{{ name = "optuna", sampler = "CmaEsSampler" }}'),
        "[methods.wide]\n", '[methods.wide]\nsearcher = {{ name = "optuna", options = {{ n_startup_trials = 2 }} }}\n',
    )  # fmt: skip
    study = own_study(study=tuners)
    shorter = study.read_text()
    study.write_text(edited(shorter, "trials = 6", "trials = 9"))
    whole = table(run_to_end(study, "whole.db"))
    study.write_text(shorter)
    file = run_to_end(study)
    study.write_text(edited(shorter, "trials = 6", "trials = 9"))
    assert table(run_to_end(study)) == whole
    assert table(file) == whole
    with Database(file) as database:
        assert all(run.provenance["versions"]["optuna"] == optuna.__version__ for run in database.runs())
