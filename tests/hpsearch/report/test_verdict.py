"""What is said in words, from objectives made by hand: the sentences, the targets behind them, the LaTeX tables."""

import re
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from hpsearch.contracts.objective import Objective
from hpsearch.contracts.space import Choice, Float, Space
from hpsearch.report.search import curves, findings
from hpsearch.report.search.findings import compute_findings
from hpsearch.report.search.latex import write_latex
from hpsearch.report.search.page import _targets, _wins, without_tuner
from hpsearch.report.search.verdict import ONE_SPLIT, _sooner, p_text, sentences
from hpsearch.statistics.bootstrap import bootstrap_mean
from hpsearch.statistics.extra_trials import extra_trials
from hpsearch.store.rows import Comparison
from hpsearch.store.tables import Tables
from hpsearch.study.schema import MethodSpec, Named, Spec

X = Space((Float("x", 0.0, 1.0),))


def tables(objectives, direction="maximise", planned=None, searcher="botorch", test=None, x=0.5, chance=0.0):
    """Tables of (studies, trials) of each method; a trial whose objective is NaN has diverged."""
    rows = [
        {
            "method": label, "repeat": repeat, "trial": trial, "objective": value, "x": x,
            "state": "complete" if value == value else "diverged",
            "reason": "", "seconds": 1.0, "seed": 1, **({"test_score": value - test} if test else {}),
        }
        for label, studies in objectives.items()
        for repeat, study in enumerate(studies, 1)
        for trial, value in enumerate(study, 1)
    ]  # fmt: skip
    measured, repeats = Objective("score", chance, direction), max(map(len, objectives.values()))
    trials = (planned or len(rows)) // len(objectives) // repeats
    spec = Spec(
        name="n", trials=trials, repeats=repeats, seed=1, task=Named(name="t"), searcher=Named(name=searcher),
        methods=dict.fromkeys(objectives, MethodSpec()),
    )  # fmt: skip
    resolved = {"task": {}, "searcher": {}, "methods": {label: {"schedules": {}} for label in objectives}}
    comparison = Comparison("n", spec, "n.toml", trials, repeats, 1, 1, measured, {}, "", resolved)
    return Tables(
        (comparison,), measured, dict.fromkeys(objectives, X), ("test_score",) if test else (),
        pd.DataFrame(rows), pd.Series(np.nan, range(len(rows))), pd.DataFrame({"epoch": []}), pd.DataFrame(), [], 0,
    )  # fmt: skip


def said(objectives, **named):
    return sentences(compute_findings(tables(objectives, **named)))


def studies(seed, n=20, trials=25, shift=0.0, top=1.0):
    drawn = np.random.default_rng(seed).beta(5, 2, size=(n, trials)) + shift
    return np.minimum(drawn, top)


FAST = np.array([[0.5, 0.8, 0.9, 0.9, 0.9]] * 6) + 0.001 * np.arange(6)[:, None]
SLOW = np.array([[0.1, 0.2, 0.5, 0.6, 0.7]] * 6) + 0.001 * np.arange(6)[:, None]


@pytest.mark.parametrize(("direction", "sign"), [("maximise", 1), ("minimise", -1)])
def test_who_is_ahead_and_by_how_much(direction, sign):
    found = said({"slow": sign * SLOW, "fast": sign * FAST}, direction=direction)
    assert found[0].startswith(f"After 5 trials fast has a mean best score of {'' if sign > 0 else '-'}0.903 (")
    assert found[0].endswith("n = 6, the best mean of 2 methods.")
    # After 2 trials fast has 0.8025, which slow never has in the 3 that were left.
    assert "To reach what fast has after 2 trials, slow needs more than the 3 that were left" in found[1]
    assert "fast reaches what slow ends with after 2 (2 to 2) trials." in found[1]
    assert "A study of fast ends better than one of slow with probability 1.00" in found[1]
    assert re.search(r"fast is sooner than slow at \d+ \(\d+ significantly\), later at 0 \(0 significantly\)", found[2])
    assert found[-1] == ONE_SPLIT


def test_the_slower_one_needs_more_and_the_faster_one_fewer():
    # By mean: what SLOW has after 2 trials, 0.2, FAST had after 1: it needs 1 fewer.
    ahead = np.array([[0.5, 0.6, 0.65, 0.66, 0.69]] * 6)
    found = said({"slow": SLOW, "early": ahead})
    assert "After 5 trials slow has a mean best score" in found[0]
    assert "To reach what slow has after 2 trials, early needs 1 fewer (95% interval -1 to -1)." in found[1]
    assert "slow reaches what early ends with after 5 (5 to 5) trials." in found[1]


def test_one_study_gives_no_interval_in_any_sentence():
    found = said({"slow": SLOW[:1], "fast": FAST[:1]})
    assert "(too few studies for an interval), n = 1" in found[0]
    assert "slow needs more than 3 more (too few studies for an interval)." in found[1]
    assert "fast reaches what slow ends with after 2 (too few studies for an interval) trials." in found[1]
    assert found[1].endswith("with probability 1.00 (0.21 to 1.00; p = 1).")  # Newcombe's interval of 1 of 1


def test_a_p_value_that_cannot_be_smaller_reads_as_a_bound():
    found = said({"slow": SLOW[:5], "fast": FAST[:5]})
    assert found[1].endswith("with probability 1.00 (0.64 to 1.00; p <= 0.0079).")  # 2 of 252
    assert [p_text(p, True) for p in (0.0079, 1.0, 1e-9, None)] == [
        "p <= 0.0079", "p = 1", "p < 0.0001", "cannot be tested"
    ]  # fmt: skip


def test_harder_test_data_and_flattery_are_told_apart():
    random = np.random.default_rng(0)
    objectives = {"a": 0.9 + 0.01 * random.normal(size=(20, 25))}
    found = tables(objectives, test=0.05)
    found.trials["test_score"] = 0.85 + 0.0 * found.trials["objective"]  # all luck: nothing of it is on test data
    (caution,) = [text for text in sentences(compute_findings(found)) if "worse on test data" in text]
    numbers = [float(number) for number in re.findall(r"0\.\d+", caution)]
    gap, harder, choosing = numbers[0], numbers[3], numbers[6]
    assert harder == pytest.approx(0.05, abs=0.002)
    assert choosing == pytest.approx(0.0197, abs=0.003)  # the best of 25 is 1.97 deviations above
    assert gap == pytest.approx(harder + choosing, abs=0.0002)
    assert "is due to the test data and" in caution


def test_equal_methods_are_told_apart_by_nothing():
    found = said({"a": FAST, "b": FAST})
    assert "as good as any of 2 methods" in found[0]
    assert "b needs 0 more (95% interval" in found[1]
    assert "a is sooner than b at 0 (0 significantly), later at 0 (0 significantly)" in found[2]


def test_means_that_only_their_rounding_tells_apart_are_equal():
    found = said({"a": [[0.3], [0.0]], "b": [[0.1], [0.2]]})  # 0.15 and 0.15000000000000002
    assert "After 1 trial a has a mean best score of 0 (" in found[0]
    assert "as good as any of 2 methods" in found[0]


def test_a_lost_trial_is_worth_no_more_than_any_complete_one():
    nan = np.nan
    objectives = {"a": [[nan, -0.9], [-1.2, -1.0]], "b": [[-1.5, -0.8], [nan, nan]]}
    findings = compute_findings(tables(objectives, chance=0.0))
    assert findings.curves.methods["a"].incumbents.tolist() == [[-1.5, -0.9], [-1.2, -1.0]]
    assert findings.curves.methods["b"].incumbents.tolist() == [[-1.5, -0.8], [-1.5, -1.5]]
    assert (
        "Trials that diverged or failed count as spent, at the worst score of a complete trial (-1.5000), because the "
        "chance level that the task states (0.0000) is better than that: a 1, b 2." in sentences(findings)
    )
    worse = compute_findings(tables(objectives, chance=-2.0))
    assert worse.curves.methods["a"].incumbents.tolist() == [[-2.0, -0.9], [-1.2, -1.0]]
    assert "Trials that diverged or failed count as spent, at chance (-2.0000): a 1, b 2." in sentences(worse)
    losses = {label: -np.array(studies) for label, studies in objectives.items()}
    turned = compute_findings(tables(losses, "minimise", chance=0.0))
    assert turned.curves.methods["a"].incumbents.tolist() == [[1.5, 0.9], [1.2, 1.0]]


def test_values_of_a_choice_are_no_numbers_unless_they_are_ordered():
    kinds = Choice("x", tuple("abcdefgh"))
    drawn = np.random.default_rng(0).integers(8, size=(10, 20))
    found = tables({"m": np.where(drawn % 2, 0.5, 0.9)})
    found.trials["x"] = [kinds.values[i] for i in drawn.ravel()]
    shares = {}
    for ordered in (False, True):
        found.methods["m"] = Space((replace(kinds, ordered=ordered),))
        shares[ordered] = compute_findings(found).importances["m"].share[0]
    assert shares[False] > 0.9
    assert shares[True] < 0.1


def test_equal_methods_are_rarely_told_apart_at_any_of_the_targets(monkeypatch):
    """Of 60 pairs of equal methods at n = 20: with 11 targets each adjusted alone, about 18 were told apart at one."""
    # These draw samples, and the tests at the targets do not.
    monkeypatch.setattr(findings, "bootstrap_mean", partial(bootstrap_mean, resamples=100))
    monkeypatch.setattr(findings, "extra_trials", partial(extra_trials, resamples=100))
    monkeypatch.setattr(curves, "bootstrap_mean", partial(bootstrap_mean, resamples=100))
    apart = sum(
        "(0 significantly), later" not in text or not text.split("later")[1].count("(0 significantly)")
        for text in (said({"a": studies(i), "b": studies(1000 + i)})[2] for i in range(60))
    )
    assert apart <= 7  # 60 x 5% = 3; more than 7 has a chance of 1%


def test_targets_that_fall_together_are_one():
    coarse = compute_findings(tables({"a": studies(0, top=0.8), "b": studies(1, top=0.8)}))
    values = [target.value for target in coarse.targets]
    assert len(set(values)) == len(values) < 11
    assert values[-1] == 0.8
    assert coarse.targets[-1].share == 0.99
    assert coarse.shown().value == 0.8
    same = compute_findings(tables({"a": np.full((5, 4), 0.5), "b": np.full((5, 4), 0.5)}))
    assert [target.value for target in same.targets] == [0.5]
    assert "Of 1 target, at least as good as 99% of all results a is sooner than b at 0" in sentences(same)[2]


def test_each_target_is_at_least_as_good_as_its_share_of_all_results():
    found = compute_findings(tables({"a": studies(0), "b": studies(1)}), [0.5])
    results = np.concatenate([studies(0), studies(1)])
    for target in found.targets:
        if target.share is not None:
            assert (results <= target.value).mean() >= target.share
            assert (results < target.value).mean() < target.share
    assert [target.value for target in found.targets if target.share is None] == [0.5]


def test_many_methods_in_two_sentences_more():
    methods = {f"m{i}": studies(i, n=8, trials=10, shift=-0.04 * i) for i in range(7)}
    found = said(methods, test=0.05)
    assert found[0].startswith("After 10 trials m0 has a mean best score of")
    assert re.match(
        r"To reach what m0 has after 4 trials, the others need from \d+ more \(m\d\) to (\d+ \(m\d\)|"
        r"more than the 6 that were left \(\d of them: m\d.*\)); with intervals under Extra trials\.$", found[1],
    )  # fmt: skip
    assert re.match(r"At the end m0 differs from \d of the 6 others", found[2])
    assert re.match(r"At more than half of 11 targets, .* m0 is sooner than \d of the 6 other methods, and ", found[3])
    (gap,) = [text for text in found if "worse on test data" in text]
    assert len(re.findall(r"m\d by 0\.05", gap)) == 5
    assert "and 2 more by less" in gap


def test_an_unfinished_comparison_says_so_first():
    found = said({"slow": SLOW, "fast": FAST}, planned=96)
    assert found[0] == (
        "Not finished: 60 of 96 trials. What follows is so far: up to trial 5, of the 6 studies per method that have "
        "begun; only trials to a target count all that each study has had. Nothing is tested before the end."
    )
    assert found[3].endswith("This counts trials spent so far.")


def test_an_unfinished_study_counts_to_a_target_with_all_that_it_has_had():
    ahead = [[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]] * 5
    found = compute_findings(tables({"a": [*ahead, [0.1, 0.2]], "b": [*ahead, [0.1, 0.2, 0.3, 0.95]]}, planned=120))
    assert found.curves.trials == 2
    assert not found.curves.is_finished
    reach = next(target for target in found.targets if target.value == 0.9).units["trials"]
    assert reach.times["a"].times.tolist() == [9] * 5 + [2]
    assert reach.times["a"].reached.tolist() == [True] * 5 + [False]
    assert reach.times["b"].times.tolist() == [9] * 5 + [4]
    assert reach.times["b"].reached.all()
    assert (reach.survival["a"].median, reach.spent) == (9, 10)


def test_a_method_that_has_come_less_far_is_not_sooner():
    whole = [[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]] * 6
    found = said({"a": [study[:4] for study in whole], "b": whole}, planned=120)
    assert "so far a is sooner than b at 0, later at 0." in found[3]


def test_mean_costs_that_only_their_rounding_tells_apart_are_equal():
    seconds = {"a": [0.1, 0.2], "b": [0.05, 0.25]}  # 0.15 and 0.15000000000000002 until the same target
    found = tables({label: [[0.5]] * 2 for label in seconds})
    found.trials["seconds"] = [second for of in seconds.values() for second in of]
    assert np.mean(seconds["a"]) != np.mean(seconds["b"])
    targets = compute_findings(found).targets
    assert _sooner(targets, "seconds", "a", "b") == (0, 0, 0, 0)
    found.trials["seconds"] = [0.1, 0.2, 0.05, 0.2501]
    assert _sooner(compute_findings(found).targets, "seconds", "a", "b") == (1, 0, 0, 0)


@pytest.mark.parametrize("methods", [2, 6])
def test_an_unfinished_comparison_is_described_and_not_tested(methods, tmp_path):
    objectives = {f"m{i}": FAST - 0.1 * i for i in range(methods)}
    unfinished = compute_findings(tables(objectives, planned=300 * methods))
    told = sentences(unfinished)
    write_latex(unfinished, tmp_path / "tables.tex")
    page = "\n".join([*told, _targets(unfinished), _wins(unfinished), (tmp_path / "tables.tex").read_text()])
    assert not re.search(r"significant|differs|\bp [=<]|\d\\\*|log-rank|Holm|a star", page)
    assert all("so far" in sentence.lower() for sentence in told[1:4])
    finished = compute_findings(tables(objectives))
    page = "\n".join([*sentences(finished), _targets(finished), _wins(finished)])
    assert re.search(r"significant.*Holm", page)  # the same numbers, when nothing is left
    assert "so far" not in page


def test_a_narrow_range_is_a_caution():
    found = tables({"slow": SLOW, "fast": FAST})
    found.trials["x"] = [0.5, 0.5, 0.5, 0.5, 0.5] * 6 + [0.5, 0.5, 1.0, 0.5, 0.5] * 6  # the first best one of FAST
    (caution,) = [text for text in sentences(compute_findings(found)) if "A range may be too narrow" in text]
    assert caution.endswith(
        ": x of fast (6 of 6 studies chose its upper end, where 20% of their trials were and did no worse)."
    )
    found.trials["x"] = 1.0  # where the searcher proposes nothing else, choices say nothing
    assert not any("A range may be too narrow" in text for text in sentences(compute_findings(found)))


def test_one_method_alone():
    found = said({"fast": FAST})
    assert found[0].endswith("n = 6.")
    assert found[1:] == [ONE_SPLIT]


def test_random_configurations_are_described_for_the_methods_that_drew_some():
    random, sobol = tables({"a": FAST}, searcher="random"), tables({"b": SLOW}, searcher="sobol")
    (head, row), (note,) = without_tuner(compute_findings(random))
    assert (head[0], row[0], row[1]) == ("method", "a", "30")
    assert "expected best of n random trials" in note
    rows, (refused,) = without_tuner(compute_findings(sobol))
    assert len(rows) == 1
    assert refused.startswith(
        "Quantiles over the space and the expected best of n are not given for b, searched by the "
    )
    assert "searcher sobol" in refused
    assert "Sobol points keep apart" in refused


def test_the_latex_tables(tmp_path):
    write_latex(compute_findings(tables({"slow": SLOW, "fast_one": FAST}), [0.85]), tmp_path / "tables.tex")
    text = (tmp_path / "tables.tex").read_text()
    assert text.count(r"\begin{tabular}") == text.count(r"\bottomrule") == 3
    rows = [line for line in text.splitlines() if line.startswith(("slow", r"fast\_one"))]
    assert rows[0] == r"slow & 0.7025 (0.7004--0.7046) & 0.4225 (0.4204--0.4246) \\"
    assert rows[2:4] == [r"slow & $>5$ ($>5$--$>5$) & 0/6 \\", r"fast\_one & 3 (3--3) & 6/6 \\"]
    # 0.5025, which fast has after one trial, slow has after 3; 0.8025 never.
    assert re.match(r"slow & fast\\_one & \$2\$ \(\$\d\$ to \$\d\$\) & \$>3\$ \(\$>3\$ to \$>3\$\) & ", rows[5])
