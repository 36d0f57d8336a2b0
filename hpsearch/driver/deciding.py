"""Run until the methods are told apart: repeats are added in rounds, and after each the final values are tested.

The test is group-sequential, so that equal methods are told apart in 5% of comparisons, however often it looks. Every
look is recorded before the next round begins: a run that is stopped and goes on decides as if it had not been.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from hpsearch.contracts.errors import DatabaseError, UsageError
from hpsearch.statistics.sequential import levels, p_of_look
from hpsearch.store.chosen import final_values
from hpsearch.store.database import Database
from hpsearch.store.rows import Look
from hpsearch.store.tables import load_tables
from hpsearch.study.plan import Plan
from hpsearch.system import clock


@dataclass(frozen=True)
class Until:
    """How long a comparison goes on that runs until it is decided.

    Attributes:
        most: repeats that it may have.
        every: repeats that a round adds.
        alpha: two-sided error of all looks together.
    """

    most: int
    every: int = 5
    alpha: float = 0.05


def check(plan: Plan, until: Until) -> None:
    """Raise UsageError if the plan cannot be run until it is decided."""
    if len(plan.methods) != 2:
        raise UsageError(
            f"--until-decided tells two methods apart, and {plan.spec.name} has {len(plan.methods)}: run it without, "
            "or leave two in its study file"
        )
    if plan.spec.repeats > until.most:
        raise UsageError(
            f"--most-repeats {until.most} is fewer than the {plan.spec.repeats} repeats that {plan.spec.name} begins "
            "with: give more, or lower repeats in its study file"
        )


def rounds(database: Database, plan: Plan, until: Until, say: Callable[[str], None]) -> Iterator[Plan]:
    """The plan with the repeats of each round, to be run to its end before the next is asked for.

    Raises DatabaseError if the looks that are recorded were at another comparison than this one would be.
    """
    while True:
        comparison = database.comparison() if database.has_results() else None
        looks = comparison.looks if comparison else ()
        repeats = max(plan.spec.repeats, comparison.repeats if comparison else 0)
        _refuse_another(database, looks, plan, until)
        if repeats > until.most:
            raise UsageError(
                f"{database.path}: has {repeats} repeats already, more than --most-repeats {until.most}: give more"
            )
        if looks and looks[-1].repeats == repeats and not looks[-1].is_last:
            repeats = min(repeats + until.every, until.most)
        yield _with_repeats(plan, repeats)
        if looks and looks[-1].is_last:
            look = looks[-1]
        else:
            database.add_look(look := _look(database, looks, until))
        say(said(look))
        if look.is_last:
            return


def said(look: Look) -> str:
    """What a look has told, in one sentence."""
    p = "all final values are equal" if look.p is None else f"p = {look.p:.2g}"
    outcome = "decided" if look.decides else "not decided" if look.is_last else "not decided yet"
    return f"{outcome} with {look.repeats} of at most {look.most} repeats: {p}, to be at most {look.level:.2g}"


def _refuse_another(database: Database, looks: Sequence[Look], plan: Plan, until: Until) -> None:
    if not looks:
        return
    first = looks[0]
    if (first.most, first.alpha) != (until.most, until.alpha):
        raise DatabaseError(
            f"{database.path}: its looks were taken for at most {first.most} repeats, which cannot be changed after "
            f"the first one: say --most-repeats {first.most}"
        )
    if first.length != plan.spec.length:
        raise DatabaseError(
            f"{database.path}: its looks were at studies of {first.length}, and these would have {plan.spec.length}: "
            "give another database with --database, or run it without --until-decided"
        )


def _with_repeats(plan: Plan, repeats: int) -> Plan:
    return replace(plan, spec=plan.spec.model_copy(update={"repeats": repeats}))


def _look(database: Database, before: Sequence[Look], until: Until) -> Look:
    """Test the final values of all studies that there are."""
    tables = load_tables(database.path)
    repeats = tables.comparison.repeats
    a, b = final_values(tables).values()
    fractions = [*(look.repeats / until.most for look in before), repeats / until.most]
    level = float(levels(fractions, until.alpha)[-1])
    length = tables.comparison.spec.length
    return Look(repeats, until.most, until.alpha, length, p_of_look(a, b), level, clock.now())
