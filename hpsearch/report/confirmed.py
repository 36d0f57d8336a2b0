"""What fresh seeds say about the chosen configurations, computed and written as page, table and figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, cycle
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hpsearch.contracts.errors import DatabaseError
from hpsearch.contracts.objective import Objective
from hpsearch.report.columns import Column, frame
from hpsearch.report.context import ReportContext
from hpsearch.report.facts import discussion_section, heading, provenance_table
from hpsearch.report.folder import write_sections
from hpsearch.report.markdown import interval, p_number, plain, table
from hpsearch.report.style import KINDS, LOOKS, Look, save, told_apart, verbatim
from hpsearch.statistics.bootstrap import Interval, bootstrap_mean
from hpsearch.statistics.coverage import coverage
from hpsearch.statistics.holm import holm
from hpsearch.statistics.noise import Components, variance_components
from hpsearch.statistics.superiority import probability_of_superiority
from hpsearch.store.chosen import method_of, study_of
from hpsearch.store.tables import Tables, counted, numbers
from hpsearch.study.schema import Confirm

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Confirmed:
    """One method's chosen configurations under fresh seeds.

    Attributes:
        studies: numbers of the studies that chose the configurations.
        recorded: the objective that each was chosen for, shape (configurations,).
        objectives: objectives as counted, one array per configuration, shape (seeds,).
        metrics: name -> values of complete trainings, one array per configuration, shape (seeds,).
        lost: how many trainings diverged or failed.
    """

    studies: tuple[int, ...]
    recorded: Array
    objectives: tuple[Array, ...]
    metrics: Mapping[str, tuple[Array, ...]]
    lost: int

    def values(self, metric: str | None) -> tuple[Array, ...]:
        """A metric's values, or the objectives for None: a metric may have the same name as the objective."""
        return self.objectives if metric is None else self.metrics[metric]

    def mean(self, metric: str | None, objective: Objective) -> Interval:
        """The mean over configurations of each configuration's mean over seeds: the studies are the sample."""
        values = self.values(metric)
        # A single configuration has its seeds as the sample.
        sample = values[0] if len(values) == 1 else np.array([seeds.mean() for seeds in values if len(seeds)])
        if not len(sample):
            return Interval(*np.full(3, np.nan))
        return bootstrap_mean(sample).within(objective.ends if metric is None else objective.ends_of(metric))

    def noise(self) -> Components | str:
        """How the variance splits between configurations and seeds, or why this cannot be told."""
        try:
            return variance_components(self.objectives)
        except ValueError as error:
            return str(error)


def compute_confirmed(tables: Tables) -> dict[str, Confirmed]:
    """Method -> results of its configurations that have finished. Raises DatabaseError if none has."""
    finished = tables.trials[tables.trials["state"] != "proposed"]
    if not len(finished):
        raise DatabaseError("no training is finished yet; report again later")
    confirm = tables.comparison.spec.confirm
    found = {}
    for method in dict.fromkeys(method_of(label) for label in tables.methods):
        groups = [
            (study, recorded, rows)
            for label in tables.methods
            if method_of(label) == method and len(rows := finished[finished["method"] == label])
            for study, recorded in _studies(confirm, label)
        ]
        if groups:
            found[method] = _of_method(tables, sorted(groups, key=lambda group: group[0]))
    return found


def _studies(confirm: Confirm | None, label: str) -> list[tuple[int, float]]:
    """The studies whose last choice is trained under this label, each with the objective that it was chosen for."""
    if confirm is None or label not in confirm.incumbents:
        return [(study_of(label), confirm.recorded.get(label, np.nan) if confirm else np.nan)]
    method = method_of(label)
    others = [held for name, spans in confirm.incumbents.items() if method_of(name) == method for held in spans]
    last = {held.study: held.last for held in sorted(others, key=lambda held: held.last)}
    return [(held.study, held.objective) for held in confirm.incumbents[label] if held.last == last[held.study]]


def _of_method(tables: Tables, groups: Sequence[tuple[int, float, pd.DataFrame]]) -> Confirmed:
    studies, recorded, all_rows = zip(*groups, strict=True)
    complete = [rows[rows["state"] == "complete"] for rows in all_rows]
    return Confirmed(
        studies,
        numbers(recorded),
        tuple(counted(rows, tables.lost) for rows in all_rows),
        {name: tuple(numbers(rows[name]) for rows in complete) for name in tables.metrics},
        sum(len(rows) - len(kept) for rows, kept in zip(all_rows, complete, strict=True)),
    )


def write_confirmed(found: Mapping[str, Confirmed], context: ReportContext, page: Path) -> list[Path]:
    """Write the page, a table and a figure; returns the files other than the page."""
    tables = context.tables
    rows, figures = page.with_name("confirmed.csv"), [page.with_name(f"confirmed.{kind}") for kind in KINDS]
    _rows(tables, found).to_csv(rows, index=False)
    _draw(tables, found, figures, context.look)
    sections = [
        heading(context),
        *_changed(tables),
        *_unfinished(tables, found),
        "![Each configuration with fresh seeds](confirmed.png)",
        "(Also as [SVG](confirmed.svg) and [PDF](confirmed.pdf), and as numbers in [confirmed.csv](confirmed.csv).) A "
        "dot is the mean of one configuration over its seeds, with their range; the thick line is the 95% interval of "
        "the mean over configurations, or of a single configuration over its seeds.",
        *discussion_section(page.parent),
        "## Fresh seeds\n\n" + _methods_table(tables, found),
        *(["## Pairs\n\n" + _pairs_table(tables, found)] if comparable(found) else []),
        "## What made this\n\n" + provenance_table(context),
    ]
    write_sections(sections, page)
    return [rows, *figures]


def measure_of(tables: Tables, found: Mapping[str, Confirmed]) -> str | None:
    """What to compare methods by: the first test metric, or None for the objective.

    It is the objective if there is no test metric, or if trainings were lost. Only the objective has a value for lost
    ones, chance, and a method must not be judged by its survivors.
    """
    tests = [name for name in tables.metrics if name.startswith("test")]
    return tests[0] if tests and not any(c.lost for c in found.values()) else None


def comparable(found: Mapping[str, Confirmed]) -> bool:
    """Whether methods are compared: each has several configurations."""
    return len(found) > 1 and all(len(confirmed.studies) > 1 for confirmed in found.values())


def _unfinished(tables: Tables, found: Mapping[str, Confirmed]) -> list[str]:
    finished, planned = int((tables.trials["state"] != "proposed").sum()), tables.planned
    missing = [m for m in dict.fromkeys(map(method_of, tables.methods)) if m not in found]
    if finished == planned:
        return []
    without = f"; nothing of {', '.join(map(plain, missing))} yet" if missing else ""
    return [f"**Not finished**: {finished} of {planned} trainings{without}."]


def _changed(tables: Tables) -> list[str]:
    """A warning if the confirmation has other settings: it then measures their effect too, not flattery alone."""
    confirm = tables.comparison.spec.confirm
    if confirm is None or not confirm.changed:
        return []
    listed = ", ".join(f"{plain(name)} = {plain(value)}" for name, value in confirm.changed.items())
    return [
        f"**Trained with other settings than {plain(confirm.of)}**: {listed}. What differs from the objective when "
        "chosen is due to these and to the fresh seeds together."
    ]


def _rows(tables: Tables, found: Mapping[str, Confirmed]) -> pd.DataFrame:
    rows = []
    for method, confirmed in found.items():
        for i, study in enumerate(confirmed.studies):
            known = {"method": method, "study": study, "seeds": len(confirmed.objectives[i])}
            known |= {"chosen_for": confirmed.recorded[i], "objective": confirmed.objectives[i].mean()}
            row: dict[Column, object] = {("study", name): value for name, value in known.items()}
            for name in tables.metrics:
                values = confirmed.metrics[name][i]
                row["metric", name] = values.mean() if len(values) else np.nan
            rows.append(row)
    return frame(rows)


def _methods_table(tables: Tables, found: Mapping[str, Confirmed]) -> str:
    name = tables.objective.name
    confirm = tables.comparison.spec.confirm
    changed = confirm is not None and bool(confirm.changed)
    gap = "worse than when chosen by" if changed else "flattered by"
    head = ["method", "configurations x seeds", *tables.metrics, name, f"{name} when chosen", gap]
    rows = [
        [*map(plain, head), "sd between configurations", "sd between seeds", "share of variance that is seeds", "lost"]
    ]
    sign = 1.0 if tables.objective.direction == "maximise" else -1.0
    for method, confirmed in found.items():
        counts = sorted({len(seeds) for seeds in confirmed.objectives})
        seeds = " to ".join(map(str, dict.fromkeys((counts[0], counts[-1]))))
        cells = [plain(method), f"{len(confirmed.studies)} x {seeds}"]
        cells += [interval(confirmed.mean(measure, tables.objective)) for measure in (*tables.metrics, None)]
        fresh = np.array([seeds.mean() for seeds in confirmed.objectives])
        cells.append(interval(bootstrap_mean(confirmed.recorded).within(tables.objective.ends)))
        cells.append(interval(bootstrap_mean(sign * (confirmed.recorded - fresh))))
        noise = confirmed.noise()
        if isinstance(noise, str):
            cells += ["", "", plain(noise)]
        else:
            cells += [Objective.text(noise.between), Objective.text(noise.within), interval(_as_interval(noise))]
        rows.append([*cells, str(confirmed.lost)])
    least = min(len(confirmed.studies) for confirmed in found.values())
    flattery = (
        "Each was chosen for its objective with one seed; that this flatters is the winner's curse. What of it is due "
        "to the validation data stays in the fresh objective, too: read the test metrics. "
    )
    note = (
        "Means over configurations, one per study, of each one's mean over fresh seeds (95% interval over "
        f"configurations, {coverage('mean', least)}; of a single one, over its seeds). {'' if changed else flattery}"
        "Where nearly all variance is between seeds the search could not tell the chosen ones apart (its share: "
        f"{coverage('share of the seed', least)}). {_on_which_split(tables)}"
    )
    return f"{table(rows)}\n\n{note}"


def _on_which_split(tables: Tables) -> str:
    if all(part.resolved.get("splits") for part in tables.parts):
        return "Each is trained on the split of the data by which its study chose it."
    return "All is on one split of the data: it says nothing about other data."


def _as_interval(noise: Components) -> Interval:
    share = noise.seed_share
    return Interval(*(np.array(value) for value in (share.estimate, share.low, share.high)))


def _pairs_table(tables: Tables, found: Mapping[str, Confirmed]) -> str:
    pairs = list(combinations(found, 2))
    sign = 1.0 if tables.objective.direction == "maximise" else -1.0
    means = {}
    measure = measure_of(tables, found)
    for method, confirmed in found.items():
        # A loss or an error on test data is better when smaller, as the objective it belongs to.
        means[method] = sign * np.array([seeds.mean() for seeds in confirmed.values(measure) if len(seeds)])
    tested = [probability_of_superiority(means[a], means[b]) for a, b in pairs]
    rows = [["pair", "probability that the first is better (95% interval)", "p, Holm-adjusted"]]
    for (a, b), s, p in zip(pairs, tested, holm([s.p for s in tested]), strict=True):
        said = "cannot be tested" if p is None else p_number(p, s.at_floor)
        rows.append([f"{plain(a)}, {plain(b)}", f"{s.estimate:.2f} ({s.low:.2f} to {s.high:.2f})", said])
    return (
        f"{table(rows)}\n\nBy {plain(measure or tables.objective.name)}, of configurations as means over their seeds."
    )


def _draw(tables: Tables, found: Mapping[str, Confirmed], paths: Sequence[Path], look: Look) -> None:
    with look.context():
        figure = Figure(figsize=(look.inches, 0.6 + 0.45 * len(found) + 0.6), layout="constrained")
        axes = figure.add_subplot()
        measure = measure_of(tables, found)
        for place, ((_, confirmed), (color, marker, _)) in enumerate(zip(found.items(), cycle(LOOKS), strict=False)):
            values = confirmed.values(measure)
            kept = [seeds for seeds in values if len(seeds)]
            spread = np.linspace(-0.22, 0.22, len(kept)) if len(kept) > 1 else np.zeros(len(kept))
            for y, seeds in zip(place + spread, kept, strict=True):
                axes.plot([seeds.min(), seeds.max()], [y, y], color=color, linewidth=0.6, alpha=0.4)
                axes.plot(seeds.mean(), y, marker, color=color, markersize=3, alpha=0.7, markeredgewidth=0)
            mean = confirmed.mean(measure, tables.objective)
            axes.plot([float(mean.low), float(mean.high)], [place + 0.36] * 2, color=color, linewidth=2.5)
            axes.plot(float(mean.estimate), place + 0.36, "|", color=color, markersize=9)
        axes.set_yticks(range(len(found)), list(told_apart(found).values()))
        axes.set_ylim(len(found) - 0.4, -0.6)
        axes.set_xlabel(verbatim(measure or tables.objective.name))
        save(figure, paths)
