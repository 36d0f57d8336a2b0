"""Verify a database wholly: the file, whether its rows agree, and whether its searchers propose the same again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hpsearch.contracts.errors import DatabaseError
from hpsearch.contracts.objective import Objective, Outcome, Result
from hpsearch.contracts.progress import Progress
from hpsearch.contracts.searcher import History
from hpsearch.contracts.seeds import derived_seed, trial_seed, trial_seeds
from hpsearch.contracts.space import Space
from hpsearch.driver.averaged import averaged
from hpsearch.driver.proposing import propose
from hpsearch.store.database import Database
from hpsearch.store.rows import Comparison, SeedRow, StudyRow, TrialRow
from hpsearch.store.schema import STATES
from hpsearch.study.faults import shortened
from hpsearch.study.registry import Registry
from hpsearch.study.searching import Searchers, searchers_of
from hpsearch.system.provenance import code_changes, differences, provenance

MOST_NAMED = 10
"""How many faults of one kind are named at most; the others are counted."""


@dataclass(frozen=True)
class Check:
    """What was checked and what is wrong.

    Attributes:
        trials: how many trials are recorded.
        proposals: how many trials were proposed again.
        faults: one sentence per fault.
        incomparable: why proposals may differ here although nothing is wrong (another processor, other versions), and
            which ones do.
        differing: how many proposals differ for such a reason.
        changed_code: one sentence per run that began with other code of the user's than the run before.
    """

    trials: int
    proposals: int
    faults: tuple[str, ...]
    incomparable: tuple[str, ...]
    differing: int = 0
    changed_code: tuple[str, ...] = ()


def check(file: Path, *, proposals: bool, progress: Progress, trust: bool = False) -> Check:
    """Verify a database.

    Args:
        file: the database of a comparison, running or not.
        proposals: whether to let the searchers propose all trials again, which takes as long as in the run.
        progress: told about each part.
        trust: whether its searchers may be imported from a folder of the database, and not only if it is installed.

    Raises:
        DatabaseError: if the file cannot be read.
        SpecError: if a searcher of it is not here, or not trusted.
    """
    with Database(file) as database:
        comparison, runs, studies = database.existing(), database.runs(), database.studies()
        spaces = {label: method.space for label, method in database.methods().items()}
        faults = database.faults()
        trials = {study.id: database.trials(study.id) for study in studies}
        of_seeds: dict[tuple[str, int, int], list[SeedRow]] = {}
        for row in database.seeds():
            of_seeds.setdefault((row.method, row.repeat, row.trial), []).append(row)
        objective = comparison.objective
        try:
            database.failed_attempts()
            database.all_trials()
            database.correct()
        except DatabaseError as error:  # metrics, curves, times or correctness, which nothing else here looks at
            faults.append(str(error))
    progress("records", 0, 1)
    faults += _settings(comparison)
    faults += _records(comparison, studies, trials, spaces)
    faults += _seeds(comparison, studies, trials, of_seeds)
    progress("records", 1, 1)
    count = sum(map(len, trials.values()))
    code = tuple(code_changes([run.provenance for run in runs]))
    if not proposals or faults:
        return Check(count, 0, tuple(faults), (), changed_code=code)
    searchers = searchers_of(comparison.spec, Registry.of_database(file, comparison.study_file, trust))
    here = provenance(*searchers.packages, **searchers.versions(spaces))
    incomparable = tuple(dict.fromkeys(said for run in runs for said in differences(run.provenance, here)))
    again = _Again(searchers, spaces, objective, comparison.spec.parallel)
    differing = [
        text for of_method in _by_method(studies) for text in again.compare(of_method, trials, progress, count)
    ]
    if differing and incomparable:  # to be expected from another machine or version
        return Check(count, again.done, (), (*incomparable, *shortened(differing, MOST_NAMED)), len(differing), code)
    return Check(count, again.done, tuple(shortened(differing, MOST_NAMED)), incomparable, changed_code=code)


def _settings(comparison: Comparison) -> list[str]:
    """Faults where the comparison's row and the study file in it disagree."""
    spec = comparison.spec
    said = {"trials": spec.trials, "repeats": spec.repeats, "seed": spec.seed}
    row = {"trials": comparison.trials, "repeats": comparison.repeats, "seed": comparison.seed}
    return [
        f"{name} is {value!r}, but {said[name]!r} in the recorded study file"
        for name, value in row.items()
        if said[name] != value
    ]


def _records(
    comparison: Comparison,
    studies: Sequence[StudyRow],
    trials: dict[int, list[TrialRow]],
    spaces: dict[str, Space],
) -> list[str]:
    """Faults where rows disagree: a seed is not the derived one, trials have gaps, a configuration leaves its space."""
    faults = []
    seed, bits, planned = comparison.seed, comparison.seed_bits, comparison.repeats * len(spaces)
    if len(studies) != planned:
        faults.append(f"there are {len(studies)} studies, but {planned} were planned")
    for study in studies:
        name = f"{study.method}, study {study.repeat}"
        label = comparison.spec.seed_label(study.method)
        if study.seed != derived_seed(seed, label, study.repeat):
            faults.append(f"{name}: its seed is not the one that derives from the comparison's")
        if [t.trial for t in trials[study.id]] != list(range(1, len(trials[study.id]) + 1)):
            faults.append(f"{name}: its trials have gaps")
        if len(trials[study.id]) > comparison.trials:
            faults.append(f"{name}: has more trials than planned")
        for trial in trials[study.id]:
            where = f"{name}, trial {trial.trial}"
            if trial.seed != trial_seed(seed, label, study.repeat, trial.trial, bits):
                faults.append(f"{where}: its seed is not the one that derives from the comparison's")
            if trial.state not in STATES:
                faults.append(f"{where}: its state is {trial.state!r}")
            if not spaces[study.method].contains(trial.configuration):
                faults.append(f"{where}: its configuration is not in the method's space")
    return shortened(faults, MOST_NAMED)


def _seeds(
    comparison: Comparison,
    studies: Sequence[StudyRow],
    trials: dict[int, list[TrialRow]],
    of_seeds: dict[tuple[str, int, int], list[SeedRow]],
) -> list[str]:
    """Faults where what each seed gave does not make the trial's result. A trial that broke has none of them."""
    faults, spec = [], comparison.spec
    for study in studies:
        for trial in trials[study.id]:
            place = (study.method, study.repeat, trial.trial)
            rows = of_seeds.get(place, [])
            of_label = (spec.seed_label(study.method), study.repeat, trial.trial)
            wanted = trial_seeds(comparison.seed, *of_label, comparison.seed_bits, spec.seeds)
            where = f"{study.method}, study {study.repeat}, trial {trial.trial}"
            if spec.seeds == 1 or (not rows and trial.state in ("failed", "proposed")):
                if rows:
                    faults.append(f"{where}: has results of seeds that were not planned")
            elif [row.seed for row in rows] != wanted:
                faults.append(f"{where}: its seeds are not those that derive from the comparison's")
            else:
                results = [Result(row.objective, outcome=_outcome(row.state), reason=row.reason) for row in rows]
                mean = averaged(results, comparison.objective)
                if (mean.outcome, mean.objective) != (trial.state, trial.objective):
                    faults.append(f"{where}: its objective is not the mean over its seeds")
    return shortened(faults, MOST_NAMED)


def _outcome(state: str) -> Outcome:
    return "complete" if state == "complete" else "diverged" if state == "diverged" else "failed"


class _Again:
    """Lets each searcher propose again what it proposed in the run: it is a pure function of history and seed."""

    def __init__(self, searchers: Searchers, spaces: dict[str, Space], objective: Objective, parallel: int) -> None:
        self.searchers, self.spaces, self.objective, self.parallel = searchers, spaces, objective, parallel
        self.done = 0

    def compare(
        self, studies: Sequence[StudyRow], trials: dict[int, list[TrialRow]], progress: Progress, total: int
    ) -> list[str]:
        """Faults in the proposals of one method, all its studies at once, trial by trial."""
        faults = []
        method = studies[0].method
        for number in range(max((len(trials[study.id]) for study in studies), default=0)):
            present = [study for study in studies if len(trials[study.id]) > number]
            first = number // self.parallel * self.parallel  # of its round
            histories = [
                History.of(trials[study.id][:first], self.objective, trials[study.id][first:number])
                for study in present
            ]
            proposed = propose(
                self.searchers[method], self.spaces[method], histories, [study.seed for study in present]
            )
            for study, configuration in zip(present, proposed.configurations, strict=True):
                recorded = trials[study.id][number].configuration
                if dict(configuration) != dict(recorded):
                    names = ", ".join(
                        n for n in {**recorded, **configuration} if recorded.get(n) != configuration.get(n)
                    )
                    faults.append(
                        f"{study.method}, study {study.repeat}, trial {number + 1}: "
                        f"the searcher proposes another {names}"
                    )
            self.done += len(present)
            progress("proposals", self.done, total)
        return faults


def _by_method(studies: Sequence[StudyRow]) -> list[list[StudyRow]]:
    groups: dict[str, list[StudyRow]] = {}
    for study in studies:
        groups.setdefault(study.method, []).append(study)
    return list(groups.values())
