"""What the interactive page shows, as plain values for JSON. Numbers are rounded to what a screen can show."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hpsearch.contracts.json import Json
from hpsearch.contracts.objective import last_word
from hpsearch.contracts.space import RESERVED_OF_CURVES, Choice, Fixed, Parameter, condition_text
from hpsearch.report.amounts import Amounts
from hpsearch.report.context import ReportContext
from hpsearch.report.facts import provenance_facts, schedule_of, warnings
from hpsearch.report.search.figure import FEW_STUDIES
from hpsearch.report.search.findings import Findings, Reach
from hpsearch.report.search.headline import headline
from hpsearch.report.search.page import final_levels, without_tuner
from hpsearch.report.search.truth import endpoints_table, values_table
from hpsearch.report.search.tuners import tuner_section
from hpsearch.report.search.values import RECORDED, Measured
from hpsearch.report.search.verdict import crowd_text, sentences
from hpsearch.statistics.bootstrap import Interval
from hpsearch.statistics.coverage import COVERAGE, coverage
from hpsearch.statistics.first_reach import mean_curve, own_reach
from hpsearch.store.schema import STATES
from hpsearch.store.tables import numbers
from hpsearch.study.schema import MOST

Array = NDArray[np.float64]
TOGETHER = 4
"""Up to this many methods the page draws each study by every kind of value."""
MOST_POINTS = 100_000
"""With more values of training curves than this the page has only those of the trials that studies chose."""
LAST_LETTERS = 600
"""Letters of a failed attempt's error that the page shows: its end, which has the reason."""


def document(found: Findings, context: ReportContext) -> Json:
    """The page's data: dicts, lists, strings, numbers and None; None means infinity if a docstring here says so."""
    curves, facts = found.curves, provenance_facts(context)
    objective, shown = curves.objective, _training_curves(found)
    return {
        "title": context.name,
        "description": context.description,
        "headline": asdict(headline(found, context)),
        "objective": {
            "name": objective.name, "unit": objective.unit, "maximise": curves.maximise, "chance": objective.chance,
        },
        "amounts": asdict(Amounts.of(objective)),
        "alike": [
            name
            for name in (*curves.metrics, *_curve_names(found.tables.curves))
            if last_word(name) == last_word(objective.name)
        ],
        "few": FEW_STUDIES,
        "trials": curves.trials,
        "axis": max([curves.trials, *(part.trials for part in found.tables.parts if part.trials < MOST)]),
        "finished": curves.planned[0],
        "planned": curves.planned[1],
        "tested": curves.is_finished,
        "states": list(STATES),
        "complete": STATES.index("complete"),
        "warnings": warnings(context),
        "verdict": sentences(found),
        "coverage": {statistic: coverage(statistic, curves.least) for statistic in COVERAGE},
        "methods": [_method(found, label, shown.get(label, {})) for label in found.labels],
        "averages": {
            name: {label: _interval(values) for label, values in of.items()}
            for name, of in (*found.averages.items(), *((_true(m), _means(m)) for m in _whole(found)))
        },
        "values": {
            _true(m): {label: [_numbers(study) for study in values.of] for label, values in m.methods.items()}
            for m in (_whole(found) if len(found.labels) <= TOGETHER else [])
        },
        "truest": found.incumbents.truest.kind,
        "statistic": next((_true(m) for m in _whole(found) if m is found.incumbents.truest), "mean"),
        "targets": [
            {"value": _n(t.value), "share": t.share, "units": {u: _reach(r) for u, r in t.units.items()}}
            for t in found.targets
        ],
        "shown": found.targets.index(found.shown()),
        "unit": found.unit,
        "extra": [
            {"a": a, "b": b, "own": _own(found, a), **{k: _extra(getattr(e, k)) for k in ("estimate", "low", "high")}}
            for (a, b), e in found.extra.items()
        ],
        "wins": [[_n(x) for x in row] for row in found.wins],
        "pairs": [
            {
                "a": a, "b": b, **{k: _n(getattr(s, k)) for k in ("estimate", "low", "high")},
                "p": found.adjusted[a, b], "floor": s.at_floor,
            }
            for (a, b), s in found.superiority.items()
        ],
        "ahead": [
            {
                "a": a, "b": b, "trials": list(of),
                **{k: [_n(getattr(s, k)) for s in of.values()] for k in ("estimate", "low", "high")},
            }
            for (a, b), of in found.ahead.items()
        ],
        "ranks": _interval(found.ranks),
        "tables": _tables(found),
        "made": facts,
        "command": dict(facts).get("commands", ""),
    }  # fmt: skip


def _whole(found: Findings) -> list[Measured]:
    """Values of incumbents beside the recorded ones, which the page draws if it draws averages at all."""
    others = [measured for kind, measured in found.incumbents.values.items() if kind != RECORDED and measured.is_whole]
    return others if found.curves.least >= FEW_STUDIES else []


def _true(measured: Measured) -> str:
    return f"mean, {measured.kind}"


def _means(measured: Measured) -> dict[str, Interval]:
    return {label: values.mean for label, values in measured.methods.items()}


def _method(found: Findings, label: str, curves: Json) -> Json:
    tables, method = found.tables, found.curves.methods[label]
    space = tables.methods[label]
    rows = tables.trials[tables.trials["method"] == label]
    chosen = [int(row) for row in np.flatnonzero(rows.index.isin(method.chosen.index))]
    importance = found.importances.get(label)
    return {
        "label": label,
        "lost": method.lost,
        "incumbents": [_numbers(study) for study in method.incumbents],
        "repeats": [int(r) for r in method.chosen["repeat"]],
        "chosen": chosen,
        "hyper": [_parameter(p, schedule_of(tables, label, p.name)) for p in space],
        "area": _interval(found.areas[label]),
        "gaps": {
            metric: {part: _interval(getattr(gap, part)) for part in ("chosen", "everywhere", "choosing")}
            for metric, gap in found.gaps[label].items()
        },
        "boundaries": {
            name: {
                **{side: {"chosen": end.chosen, "studies": end.studies, "proposed": _n(end.proposed)}
                   for side, end in (("low", ends.low), ("high", ends.high))},
                "narrow": "" if ends.crowded is None else crowd_text(*ends.crowded),
            }
            for name, ends in found.boundaries[label].items()
        },
        "importance": None if importance is None else {
            "names": list(importance.names),
            "share": [_n(x) for x in importance.share],
            "low": [_n(x) for x in importance.low],
            "high": [_n(x) for x in importance.high],
            "unexplained": _n(importance.unexplained),
        },
        "trials": {
            "repeat": [int(x) for x in rows["repeat"]],
            "trial": [int(x) for x in rows["trial"]],
            "objective": _numbers(rows["objective"]),
            "state": [STATES.index(x) for x in rows["state"]],
            "reason": {str(i): text for i, text in enumerate(rows["reason"]) if text},
            "seconds": _numbers(rows["seconds"]),
            "values": {
                p.name: [_value(x) for x in rows[p.name]] if isinstance(p, Choice) else _numbers(rows[p.name])
                for p in space.searched
            },
            "metrics": {name: _numbers(rows[name]) for name in tables.metrics},
            "curves": curves,
            "attempts": _attempts(found, label, rows),
        },
    }  # fmt: skip


def _training_curves(found: Findings) -> dict[str, Json]:
    """Label -> row of a trial -> curve -> value after each epoch; only of chosen trials if there are too many."""
    curves = found.tables.curves
    names = _curve_names(curves)
    if not names:
        return {}
    trials = found.tables.trials[["method", "repeat", "trial"]]
    places = trials.assign(row_=trials.groupby("method").cumcount())
    if len(curves) * len(names) > MOST_POINTS:
        chosen = [method.chosen.index for method in found.curves.methods.values()]
        places = places[np.isin(places.index, np.concatenate(chosen))]
    shown: dict[str, Json] = {}
    for (label, row), of_trial in curves.merge(places, on=["method", "repeat", "trial"]).groupby(["method", "row_"]):
        values = {name: _numbers(of_trial[name]) for name in names if of_trial[name].notna().any()}
        shown.setdefault(str(label), {})[str(row)] = values
    return shown


def _curve_names(curves: pd.DataFrame) -> list[str]:
    return [name for name in curves.columns if name not in RESERVED_OF_CURVES]


def _attempts(found: Findings, label: str, rows: pd.DataFrame) -> Json:
    """Row of a trial -> its failed attempts."""
    places = {place: str(i) for i, place in enumerate(zip(rows["repeat"], rows["trial"], strict=True))}
    shown: dict[str, list[Json]] = {}
    for attempt in found.tables.attempts:
        if attempt.method == label and (row := places.get((attempt.repeat, attempt.trial))) is not None:
            said = {"attempt": attempt.attempt, "at": attempt.at, "together": attempt.together}
            shown.setdefault(row, []).append({**said, "error": attempt.error[-LAST_LETTERS:]})
    return shown


def _own(found: Findings, label: str) -> list[int]:
    """Trial at which the method's mean first had its value of each trial; ends with the trials, on a plateau before."""
    sign = 1.0 if found.curves.maximise else -1.0
    return [int(t) for t in own_reach(mean_curve(sign * found.curves.methods[label].incumbents))[0]]


def _tables(found: Findings) -> list[Json]:
    """The tables of the page in Markdown that this page's figures do not show."""
    shown = []
    for title, rows_and_note in (
        ("what incumbents are worth", values_table),
        ("endpoints by kind of value", endpoints_table),
    ):
        (head, *rows), note = rows_and_note(found)
        if rows:
            shown.append({"title": title, "caption": note, "head": head, "rows": rows})
    if len(found.labels) > 1:
        (head, *rows), note = final_levels(found)
        shown.append({"title": "trials to the other's final level", "caption": note, "head": head, "rows": rows})
    rows, notes = tuner_section(found)
    if rows:
        head, *rows = rows
        shown.append({"title": "under another tuner", "caption": " ".join(notes), "head": head, "rows": rows})
    (head, *rows), notes = without_tuner(found)
    shown.append({"title": "without a tuner", "caption": " ".join(notes), "head": head if rows else [], "rows": rows})
    return shown


def _extra(values: Array) -> list[float | None] | None:
    """Extra trials after each trial; None if there are too few studies. An element that is None is infinite."""
    return None if np.isnan(values).any() else [_n(x) for x in values]


def _parameter(parameter: Parameter, schedule: str) -> Json:
    said: Json = {"name": parameter.name, "schedule": schedule, "when": condition_text(parameter)}
    if isinstance(parameter, Fixed):
        return {**said, "kind": "fixed", "value": _value(parameter.value)}
    if isinstance(parameter, Choice):
        return {**said, "kind": "choice", "values": [_value(value) for value in parameter.values]}
    return {**said, "kind": "range", "low": parameter.low, "high": parameter.high, "log": parameter.log}


def _reach(reach: Reach) -> Json:
    """How soon studies reach a target. A median or bound that is None is infinite: not within all trials.

    A median without bounds stands alone.
    """
    return {
        "methods": {
            label: {
                "steps": [_n(x) for x in s.steps],
                "reached": [_n(1 - x) for x in s.not_reached],
                "low": [_n(1 - x) for x in s.high],
                "high": [_n(1 - x) for x in s.low],
                "median": [_n(x) for x in (s.median, s.median_low, s.median_high) if not math.isnan(x)],
                "count": int(reach.times[label].reached.sum()),
                "studies": len(reach.times[label].reached),
                "end": _n(reach.spent),
            }
            for label, s in reach.survival.items()
        },
        "tests": [{"a": t.a, "b": t.b, "p": t.adjusted, "reason": t.reason} for t in reach.tests],
    }


def _interval(found: Interval) -> Json:
    return {
        name: np.vectorize(_n, otypes=[object])(getattr(found, name)).tolist() for name in ("estimate", "low", "high")
    }


def _value(value: Any) -> Any:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    return _n(float(value)) if isinstance(value, int | float | np.integer | np.floating) else str(value)


def _numbers(values: Any) -> list[float | None]:
    """Numbers as `_n` gives them, many at once."""
    found = numbers(values)
    with np.errstate(all="ignore"):
        scale = 10.0 ** np.clip(5 - np.floor(np.log10(np.abs(found))), 0, 300)
        short = np.where(found == 0, 0.0, np.round(found * scale) / scale)
    return [value if finite else None for value, finite in zip(short.tolist(), np.isfinite(short), strict=True)]


def _n(value: Any) -> float | int | None:
    """A number rounded to six digits; None if it is not finite."""
    if value is None:
        return None
    number = float(value)
    if not math.isfinite(number):
        return None
    short = float(f"{number:.6g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short
