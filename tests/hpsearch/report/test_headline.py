"""The first screen's words and numbers: true of two methods, of one, of many, of equal, failing and unfinished ones."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hpsearch.contracts.objective import Objective
from hpsearch.report.amounts import Amounts, decimals
from hpsearch.report.context import ReportContext
from hpsearch.report.search.findings import compute_findings
from hpsearch.report.search.headline import FLATTERED, headline
from hpsearch.report.search.values import FRESH, RECORDED, Incumbents, Measured
from hpsearch.report.search.verdict import few_of, sentences
from hpsearch.statistics.difference import difference_of_means
from tests.hpsearch.report.test_verdict import FAST, SLOW, studies, tables

NAN = np.nan
CHANCE = "chance to end better"


def briefly(found):
    """What limits a headline beside its caution, in a few words each."""
    return [limit.brief for limit in found.limits]


def first_screen(objectives, **named):
    """That of recorded values: the configurations of these tables are made up, and a model finds nothing in them."""
    return screen_of(tables(objectives, **named))


def screen_of(measured):
    found = compute_findings(measured)
    recorded = Incumbents({RECORDED: found.incumbents.values[RECORDED]}, {}, {})
    return headline(replace(found, incumbents=recorded), ReportContext(measured, (Path("n.db"),)))


@pytest.mark.parametrize(("direction", "sign"), [("maximise", 1), ("minimise", -1)])
def test_two_methods_have_the_trials_that_the_better_one_needs(direction, sign):
    found = first_screen({"slow": sign * SLOW, "fast": sign * FAST}, direction=direction)
    assert found.sentence == "fast needs 2 trials (2 to 2) to match what slow reaches in 5."
    assert (found.best, found.other, found.trial) == ("fast", "slow", 2)
    assert found.level == pytest.approx(sign * 0.7025)
    assert found.caution.sentence == FLATTERED
    reach, ends, chance = found.tiles
    assert (ends.title, ends.value) == ("ends better by", "0.200")
    assert (reach.title, reach.value, reach.interval) == ("trials to match (primary)", "2 of 5", "95% interval 2 to 2")
    assert chance.value == "100%"
    assert "task t" in found.facts
    assert "6 studies × 5 trials" in found.facts
    assert "searcher botorch" in found.facts


def test_the_difference_and_its_interval_are_those_of_the_statistic():
    a, b = studies(1, shift=0.02), studies(2)
    found = first_screen({"a": a, "b": b})
    by_hand = difference_of_means(*(np.maximum.accumulate(of, axis=1)[:, -1] for of in (a, b)))
    assert by_hand.low < 0 < by_hand.high
    digits = 3  # with the two that the interval's width carries, its lower end would be "-0.00"
    assert found.tiles[1].value == f"{by_hand.estimate:.{digits}f}"
    assert found.tiles[1].interval == f"95% interval {by_hand.low:.{digits}f} to {by_hand.high:.{digits}f}"


def test_methods_that_are_hardly_apart_are_said_not_to_be_told_apart():
    found = first_screen({"a": studies(1), "b": studies(2)})
    assert found.sentence.startswith("b and a are not told apart after 25 trials: b ends better by ")


def test_what_may_need_more_than_all_trials_says_so():
    a, b = studies(1, n=5, trials=4), studies(2, n=5, trials=4)
    assert first_screen({"a": a, "b": b}).tiles[0].interval.endswith(" to more than 4")


def test_equal_methods_end_equally_well():
    found = first_screen({"a": FAST, "b": FAST})
    assert found.sentence == "a and b end equally well, at 0.9025 on average after 5 trials."
    assert found.tiles[2].value == "50%"


def test_one_method_has_its_level():
    found = first_screen({"only": FAST})
    assert found.sentence.startswith("only reaches a mean best score of 0.903 (95% interval 0.900 to 0.905)")
    assert found.sentence.endswith(" after 5 trials.")
    assert (found.other, found.level, found.trial) == (None, None, None)
    assert [tile.title for tile in found.tiles] == ["final best", "trials lost"]


def test_of_many_methods_the_best_is_compared_with_the_next_best():
    found = first_screen(
        {"slow": SLOW, "fast": FAST, "middle": SLOW + 0.1, "slowest": SLOW - 0.05, "last": SLOW - 0.06}
    )
    assert found.sentence == (
        "fast needs 2 trials (2 to 3) to match what middle, the next best of 5 methods, reaches in 5."
    )
    assert "5 methods" in found.facts
    assert "not adjusted for picking this pair" in found.tiles[1].note


def test_an_unfinished_comparison_says_so_far():
    found = first_screen({"slow": SLOW, "fast": FAST}, planned=120)
    assert found.sentence.startswith("So far: fast needs 2 trials")
    assert found.caution.sentence == "Not finished: 60 of 120 trials; this is what trials 1 to 5 say."


def test_few_studies_are_the_main_caution():
    found = first_screen({"slow": SLOW[:2], "fast": FAST[:2]})
    assert found.caution.sentence.startswith("Only 2 studies per method: ")
    assert "Recorded values, flattered by their seeds." in briefly(found)
    alone = first_screen({"slow": SLOW[:1], "fast": FAST[:1]})
    assert alone.sentence == (
        "fast and slow are not told apart after 5 trials: fast ends better by 0.2 (too few studies for an interval)."
    )
    assert alone.tiles[0].interval == "too few studies for an interval"


def test_a_method_that_loses_its_trials_is_the_main_caution():
    some = SLOW.copy()
    some[:, 1:4] = NAN
    found = first_screen({"breaks": some, "fast": FAST})
    assert found.caution.sentence.startswith("Diverged or failed: 18 of 30 trials of breaks;")
    few = SLOW.copy()
    few[0, 1] = NAN
    assert "1 trial lost." in briefly(first_screen({"slow": few, "fast": FAST}))


def test_a_method_without_a_complete_trial_is_not_matched():
    found = first_screen({"breaks": np.full_like(SLOW, NAN), "fast": FAST})
    assert found.sentence == "No trial of breaks was complete; fast reaches a mean best score of 0.903 after 5 trials."
    none = first_screen({"breaks": np.full_like(SLOW, NAN), "too": np.full_like(SLOW, NAN)})
    assert none.sentence == "No trial of breaks and too was complete, so that there is nothing to compare."
    assert (none.best, none.tiles, none.trial) == (None, (), None)


def test_what_limits_it_is_counted_in_a_few_words():
    measured = tables({"slow": SLOW, "fast": FAST}, test=0.02)
    measured.trials["x"] = [0.5, 0.5, 0.5, 0.5, 1.0] * 6 + [0.5, 0.5, 1.0, 0.5, 0.5] * 6  # the first best ones
    found = screen_of(measured)
    assert "2 ranges may be too narrow: x of slow, x of fast." in briefly(found)
    assert any(text.startswith("Worse on test data: ") and "0.02" in text for text in briefly(found))


def test_of_many_narrow_ranges_the_first_few_are_named():
    assert few_of(["a", "b"], 3) == "a, b"
    assert few_of(["a", "b", "c", "d", "e"], 3) == "a, b, c and 2 more"


@pytest.mark.parametrize(
    ("levels", "interval", "texts"),
    [
        ((0.9127, 0.8996), (0.0112, 0.0153), ("91.3%", "90.0%")),
        ((0.91304, 0.9066), (-0.021, 0.029), ("91.3%", "90.7%")),  # "91%" and "91%" for "1 point"
        ((0.913, 0.8996), (np.nan, np.nan), ("91.3%", "90.0%")),
    ],
)
def test_levels_have_decimals_in_which_their_difference_is_seen(levels, interval, texts):
    assert Amounts.of(Objective("accuracy", chance=0.1, bounds=(0, 1))).levels(*levels, *interval) == texts


def test_the_tiles_have_the_same_level():
    measured = tables({"slow": studies(1), "fast": studies(2, shift=0.05)})
    found = screen_of(replace(measured, objective=Objective("accuracy", chance=0.1, bounds=(0, 1))))
    first, second = re.findall(r"([\d.]+)%", found.tiles[1].note)
    assert float(first) - float(second) == pytest.approx(float(found.tiles[1].value.removesuffix(" points")), abs=0.1)
    assert f"stays at {second}%" in found.tiles[0].note


def test_a_share_is_said_in_percent_and_a_difference_of_shares_in_points():
    measured = tables({"slow": SLOW, "fast": FAST})
    measured = replace(measured, objective=Objective("accuracy", chance=0.1, bounds=(0, 1)))
    found = screen_of(measured)
    assert found.tiles[1].value == "20.0 points"
    assert "fast 90.25% against slow 70.25% (n = 6)" in found.tiles[1].note


def test_the_endpoint_that_the_study_names_comes_first():
    measured = tables({"slow": SLOW, "fast": FAST})
    spec = measured.comparison.spec.model_copy(update={"primary": "difference"})
    found = screen_of(replace(measured, parts=(replace(measured.comparison, spec=spec),)))
    assert found.sentence == "fast ends better than slow by 0.200 (0.198 to 0.203) after 5 trials."
    assert [tile.title for tile in found.tiles] == [
        "ends better by (primary)",
        "trials to match",
        "chance to end better",
    ]


def test_true_values_decide_who_is_best_and_what_it_takes():
    """As recorded "lucky" ends better; with fresh seeds "steady" does."""
    measured = tables({"lucky": FAST, "steady": SLOW})
    found = compute_findings(measured)
    recorded = found.incumbents.values[RECORDED]
    fresh = {"lucky": recorded.methods["steady"], "steady": recorded.methods["lucky"]}
    values = {RECORDED: recorded, FRESH: Measured(FRESH, "score", True, fresh)}
    found = replace(found, incumbents=Incumbents(values, {}, {}))
    screen = headline(found, ReportContext(measured, (Path("n.db"),)))
    assert screen.sentence == (
        "steady needs 2 trials (2 to 2) to match what lucky reaches in 5, with fresh seeds "
        "(recorded values say more than 5 trials (more than 5 to more than 5))."
    )
    assert (screen.best, screen.other, screen.trial) == ("steady", "lucky", 2)
    assert FLATTERED not in [limit.sentence for limit in (screen.caution, *screen.limits)]
    assert [tile.title for tile in screen.tiles] == ["trials to match (primary)", "ends better by", CHANCE]
    assert all(tile.note.endswith("with fresh seeds") for tile in screen.tiles)
    assert screen.tiles[2].value == "100%"  # by recorded values it is 0%
    said = sentences(found)
    assert said[0].startswith("With fresh seeds steady ends at 0.903 (")
    assert "steady is there after 2 (2 to 2) trials, and a study of it ends better with probability 1.00 (" in said[1]
    assert said[2].startswith("As recorded: After 5 trials lucky has a mean best score of 0.903 (")
    assert all(sentence.startswith("As recorded: ") for sentence in said[2:5])


@pytest.mark.parametrize(
    ("objective", "value", "difference"),
    [
        (Objective("accuracy", chance=0.1, bounds=(0, 1)), "91.4%", "1.5 points"),
        (Objective("accuracy", chance=10, unit="%"), "0.914%", "0.015 points"),
        (Objective("loss", chance=1.0, direction="minimise"), "0.914", "0.015"),
        (Objective("time", chance=1.0, direction="minimise", unit="s"), "0.914 s", "0.015 s"),
    ],
)
def test_a_number_has_the_decimals_of_its_interval(objective, value, difference):
    amounts = Amounts.of(objective)
    assert amounts.value(0.91412, 0.9127, 0.9157) == value
    assert amounts.difference(0.0151, 0.0112, 0.0183) == difference


@pytest.mark.parametrize(("width", "digits"), [(0.4, 1), (0.04, 2), (1.0, 0), (12.0, 0), (0.0999, 2), (1e-30, 8)])
def test_decimals_show_the_first_digit_of_a_width(width, digits):
    assert decimals(width) == digits
