"""Whether a verdict holds under another tuner, from objectives made by hand."""

import re
from dataclasses import replace

import numpy as np
import pytest

from hpsearch.contracts.space import Float, Space
from hpsearch.report import write_report
from hpsearch.report.merge import merged
from hpsearch.report.search.findings import compute_findings
from hpsearch.report.search.tuners import pairs_across_tuners, tuner_section
from hpsearch.statistics.extra_trials import extra_trials
from hpsearch.statistics.superiority import probability_of_superiority
from hpsearch.store.tables import load_tables
from tests.hpsearch.report.test_verdict import FAST, SLOW, tables
from tests.tools.editing import edited
from tests.tools.studies import OWN_STUDY, run_to_end

BETTER, WORSE = FAST + 0.05, SLOW - 0.05
# By mean 0.2 after 2 trials, as SLOW has it, and as far at the end: nothing tells these apart.
LIKE_SLOW = SLOW[:, :] + np.array([0.002, -0.002, 0.001, -0.001, 0.003, -0.003])[:, None]
TUNERS = {"": ("botorch", {}), "tpe": ("optuna", {"sampler": "TPESampler"}), "gp": ("optuna", {"sampler": "GPSampler"})}


def found_of(objectives, **named):
    """Findings of labels "method" or "method-tuner": a method and one of TUNERS."""
    made = tables(objectives, **named)
    (part,) = made.parts
    specs, resolved = dict(part.spec.methods), dict(part.resolved["methods"])
    for label in objectives:
        method, _, tuner = label.partition("-")
        if tuner:
            name, settings = TUNERS[tuner]
            specs[label] = specs[label].model_copy(update={"method": method})
            resolved[label] = {**resolved[label], "searcher": {"name": name, "settings": settings}}
    spec = part.spec.model_copy(update={"methods": specs})
    part = replace(part, spec=spec, resolved={**part.resolved, "methods": resolved})
    return compute_findings(replace(made, parts=(part,)))


def sentence(objectives, **named):
    _, (said, _) = tuner_section(found_of(objectives, **named))
    return said


@pytest.mark.parametrize(("direction", "sign"), [("maximise", 1), ("minimise", -1)])
def test_a_verdict_that_holds(direction, sign):
    said = sentence(
        {"slow": sign * SLOW, "fast": sign * FAST, "slow-tpe": sign * WORSE, "fast-tpe": sign * BETTER},
        direction=direction,
    )
    assert said == (
        "fast against slow: who ends better after 5 trials holds (fast under botorch and optuna); who needs fewer "
        "trials to what fast has after 2 holds (fast under botorch and optuna)."
    )


def test_a_verdict_that_flips():
    said = sentence({"slow": SLOW, "fast": FAST, "slow-tpe": BETTER, "fast-tpe": WORSE})
    assert said == (
        "fast against slow: who ends better after 5 trials flips (fast under botorch, slow under optuna); who needs "
        "fewer trials to what fast has after 2 flips (fast under botorch, slow under optuna)."
    )


def test_a_verdict_that_is_not_decided_under_one():
    said = sentence({"slow": SLOW, "fast": FAST, "slow-tpe": SLOW, "fast-tpe": LIKE_SLOW})
    assert "who ends better after 5 trials is not decided under optuna (fast under botorch);" in said
    assert said.endswith(
        "who needs fewer trials to what fast has after 2 is not decided under optuna (fast under botorch)."
    )


def test_a_verdict_that_is_decided_under_none():
    said = sentence({"a": SLOW, "b": SLOW, "a-tpe": FAST, "b-tpe": FAST})
    assert said == (
        "a against b: who ends better after 5 trials is decided under none of botorch and optuna; who needs fewer "
        "trials to what a has after 2 is decided under none of botorch and optuna."
    )


def test_one_study_decides_nothing():
    said = sentence({"a": SLOW[:1], "b": FAST[:1], "a-tpe": SLOW[:1], "b-tpe": FAST[:1]})
    assert said.count("is decided under none of botorch and optuna") == 2


def test_three_tuners_of_which_two_have_one_name():
    said = sentence(
        {"slow": SLOW, "fast": FAST, "slow-tpe": WORSE, "fast-tpe": BETTER, "slow-gp": BETTER, "fast-gp": WORSE}
    )
    assert (
        "flips (fast under botorch and optuna (sampler = TPESampler), slow under optuna (sampler = GPSampler));" in said
    )


def test_the_numbers_are_those_of_the_statistics():
    found = found_of({"slow": SLOW, "fast": FAST, "slow-tpe": LIKE_SLOW, "fast-tpe": SLOW})
    (pair,) = pairs_across_tuners(found)
    assert (pair.a, pair.b) == ("fast", "slow")
    for under, fast, slow in zip(pair.under, (FAST, SLOW), (SLOW, LIKE_SLOW), strict=True):
        expected = probability_of_superiority(fast[:, -1], slow[:, -1])
        assert (under.chance.estimate, under.chance.low, under.chance.high) == pytest.approx(
            (expected.estimate, expected.low, expected.high)
        )
        assert under.chance.p >= expected.p
        extra = extra_trials(fast, slow)
        assert (under.extra.estimate == extra.estimate).all()
        assert (under.extra.low == extra.low).all()
    rows, _ = tuner_section(found)
    assert rows[1][:3] == ["fast, slow", "botorch", "6"]
    assert re.fullmatch(r"1\.00 \(0\.\d\d to 1\.00; p <= 0\.0\d+\)", rows[1][3])  # 6 that always win: a bound
    assert rows[1][4] == ">3 (>3 to >3)"


class TestWhichMethodsAreTheSame:
    def test_another_space_is_another_method(self):
        found = found_of({"slow": SLOW, "fast": FAST, "slow-tpe": SLOW, "fast-tpe": FAST})
        found.tables.methods["fast-tpe"] = Space((Float("x", 0.0, 0.5),))
        assert pairs_across_tuners(found) == []

    def test_another_schedule_is_another_method(self):
        found = found_of({"slow": SLOW, "fast": FAST, "slow-tpe": SLOW, "fast-tpe": FAST})
        found.tables.parts[0].resolved["methods"]["fast-tpe"]["schedules"] = {"x": "cosine"}
        assert pairs_across_tuners(found) == []

    def test_two_methods_without_a_common_second_tuner_are_no_pair(self):
        assert pairs_across_tuners(found_of({"slow": SLOW, "fast": FAST, "slow-tpe": SLOW, "fast-gp": FAST})) == []

    def test_one_method_under_two_tuners_has_no_section(self, tmp_path):
        assert tuner_section(found_of({"fast": FAST, "fast-tpe": SLOW})) == ([], [])

    def test_of_many_methods_only_the_best_is_compared(self):
        methods = {f"m{i}{t}": FAST - 0.05 * i for i in range(6) for t in ("", "-tpe")}
        pairs = pairs_across_tuners(found_of(methods))
        assert [(pair.a, pair.b) for pair in pairs] == [("m0", f"m{i}") for i in range(1, 6)]


UNDER_TWO = (
    OWN_STUDY
    + """
[methods.wide-random]
method = "wide"
searcher = "random"

[methods.narrow-random]
method = "narrow"
searcher = "random"
"""
)


def test_both_pages_have_the_section(own_study):
    file = run_to_end(own_study(study=UNDER_TWO))
    write_report(file, file.with_name("report"))
    page = file.with_name("report").joinpath("README.md").read_text()
    section = page.split("## Under another tuner")[1].split("\n## ")[0]
    assert "\n- narrow against wide: who ends better after 6 trials " in section
    assert section.count("| narrow, wide | ") == 2
    assert "narrow against wide: " in file.with_name("report").joinpath("index.html").read_text()


def test_a_page_without_other_tuners_has_no_section(own_study):
    file = run_to_end(own_study())
    write_report(file, file.with_name("report"))
    assert "Under another tuner" not in file.with_name("report").joinpath("README.md").read_text()
    assert "Under another tuner" not in file.with_name("report").joinpath("index.html").read_text()


def test_two_files_that_differ_in_their_tuner_alone_are_two_tuners(own_study):
    files = [run_to_end(own_study(), "sobol.db"),
             run_to_end(own_study(study=edited(OWN_STUDY, '"sobol"', '"random"')), "random.db")]  # fmt: skip
    context = merged(files, [load_tables(file) for file in files], force=True)
    (pair,) = pairs_across_tuners(compute_findings(context.tables))
    assert {pair.a, pair.b} == {"wide (sobol)", "narrow (sobol)"}
    assert [under.tuner for under in pair.under] == ["sobol", "random"]
