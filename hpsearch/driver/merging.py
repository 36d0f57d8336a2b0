"""Bring together one comparison's repeats that were run in several databases, on several machines.

The merged database is what a single run would have made: each study keeps its seeds, trials, failed attempts, outputs
and runs. (`hpsearch.report.merge` is something else: it puts different comparisons on one page.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hpsearch.contracts.errors import DifferentError
from hpsearch.driver.layout import MOST_LISTED, changes, deciding, defining
from hpsearch.store.copying import Source, copy_studies, new_database, snapshot
from hpsearch.store.database import Database
from hpsearch.store.rows import Comparison, NewStudy, Run, SeedRow, StudyRow, Trial
from hpsearch.study.faults import shortened
from hpsearch.system.provenance import changed_modules, differences

Place = tuple[str, int]
"""A study: label of its method, and repeat."""


@dataclass(frozen=True)
class Merged:
    """What a merged database has: how many studies were begun, of how many, and how many finished trials."""

    begun: int
    studies: int
    trials: int


def merge(
    files: Sequence[Path], into: Path, say: Callable[[str], None] = lambda _: None, *, changed_code: bool = False
) -> Merged:
    """Make one database of those that hold parts of one comparison; they stay as they are.

    A study that several files have is taken from the one in which it is longest.

    Args:
        files: two databases or more; a run may be writing one, which is taken as it is now.
        into: the database to make, whole or not at all.
        say: told a sentence on each difference between machines and versions that may change results.
        changed_code: whether the user's own code may differ between the files.

    Raises:
        DifferentError: if their plans, data or code differ, or one study has different trials in two of them.
        FileError: if `into` exists, or a file cannot be read or written.
    """
    with ExitStack() as stack:
        parts = [_Part(file, stack.enter_context(snapshot(file))) for file in files]
        first = parts[0]
        for other in parts[1:]:
            _refuse_another(first, other)
            if not changed_code:
                _refuse_other_code(first, other)
            for said in _machines_differ(first, other):
                say(said)
        owners: dict[Place, _Part] = {}
        for part in parts:
            for place in first.studies:
                known = owners.setdefault(place, part)
                _refuse_other_trials(known, part, place)
                if len(part.finished(place)) > len(known.finished(place)):
                    owners[place] = part
        target = stack.enter_context(new_database(into))
        target.create(
            first.comparison,
            first.database.methods().values(),
            [NewStudy(s.method, s.repeat, s.seed, s.pack) for s in first.studies.values()],
        )
        for look in first.comparison.looks:
            target.add_look(look)
        new = {(study.method, study.repeat): study.id for study in target.studies()}
        copy_studies(
            target,
            [
                Source(
                    part.database,
                    {part.studies[place].id: new[place] for place, owner in owners.items() if owner is part},
                )
                for part in parts
            ],
        )
    lengths = [len(owner.finished(place)) for place, owner in owners.items()]
    return Merged(sum(length > 0 for length in lengths), len(lengths), sum(lengths))


class _Part:
    """A database that holds a part of the comparison."""

    def __init__(self, file: Path, database: Database) -> None:
        self.file, self.database = file, database
        self.comparison: Comparison = database.existing()
        self.studies: dict[Place, StudyRow] = {(study.method, study.repeat): study for study in database.studies()}
        self.runs: list[Run] = database.runs()

    def finished(self, place: Place) -> dict[int, Trial]:
        """Number -> trial of a study's finished trials."""
        return self._finished.get(place, {})

    def seeds(self, place: Place, trial: int) -> list[SeedRow]:
        """What each seed of a trial gave."""
        return self._seeds.get((*place, trial), [])

    @cached_property
    def _finished(self) -> dict[Place, dict[int, Trial]]:
        found: dict[Place, dict[int, Trial]] = {}
        for trial in self.database.all_trials():
            if trial.state != "proposed":
                found.setdefault((trial.method, trial.repeat), {})[trial.trial] = trial
        return found

    @cached_property
    def _seeds(self) -> dict[tuple[str, int, int], list[SeedRow]]:
        found: dict[tuple[str, int, int], list[SeedRow]] = {}
        for seed in self.database.seeds():
            found.setdefault((seed.method, seed.repeat, seed.trial), []).append(seed)
        return found


def _refuse_another(first: _Part, other: _Part) -> None:
    """Raise DifferentError if two files hold different comparisons, or parts of different sizes of one."""
    a, b = first.comparison, other.comparison
    found = list(changes(defining(a.spec), defining(b.spec), ""))
    found = found or list(changes(deciding(a.resolved), deciding(b.resolved), ""))
    if a.objective != b.objective:
        found.append(f"the objective is {b.objective} here and {a.objective} there")
    found += [f"the data's {said}" for said in changes(a.data, b.data, "")]
    if a.seed_bits != b.seed_bits:
        found.append(f"trials' seeds have {b.seed_bits} bits here and {a.seed_bits} there")
    if [look.repeats for look in a.looks] != [look.repeats for look in b.looks]:
        found.append("it was run until it was decided, by other looks at all its repeats")
    if not found and first.studies.keys() != other.studies.keys():
        found.append("it has other studies")
    if found:
        raise DifferentError(
            f"{other.file}: is no part of the comparison in {first.file}: {'; '.join(shortened(found, MOST_LISTED))}; "
            "parts of one comparison are run from one study file, each with `hpsearch run STUDY --only-repeats`"
        )


def _refuse_other_code(first: _Part, other: _Part) -> None:
    """Raise DifferentError if the user's own code differs between any two runs of the files."""
    pairs = [(a.provenance, b.provenance) for a in first.runs for b in other.runs]
    if changed := sorted({name for a, b in pairs for name in changed_modules(a, b)}):
        raise DifferentError(
            f"{other.file}: was run with other code of {', '.join(changed)} than {first.file}, so that their trials "
            "may measure different things: run it again with the same code, or merge all the same with --changed-code"
        )


def _machines_differ(first: _Part, other: _Part) -> Iterator[str]:
    """Sentences on machines and versions: results do not depend on them, but for the last bits of their numbers."""
    if first.runs and other.runs:
        for difference in differences(first.runs[-1].provenance, other.runs[-1].provenance):
            changed = difference.replace(" before,", f" in {first.file},").removesuffix(" now") + f" in {other.file}"
            yield f"a single run may differ from this in the last bits: {changed}"


def _refuse_other_trials(known: _Part, part: _Part, place: Place) -> None:
    """Raise DifferentError if a study has a trial in two files that is not the same trial."""
    if part is known:
        return
    ours, theirs = known.finished(place), part.finished(place)
    for number in sorted(ours.keys() & theirs.keys()):
        a, b = ours[number], theirs[number]
        for name in ("seed", "configuration", "state", "objective", "metrics", "curves"):
            old, new = (getattr(trial, name) for trial in (a, b))
            if old != new:
                values = f" ({old} and {new})" if isinstance(old, int | float | str) else ""
                raise DifferentError(_different(known, part, place, number, f"{name}{values}"))
        pair = ([(s.number, s.seed, s.state, s.objective) for s in p.seeds(place, number)] for p in (known, part))
        if next(pair) != next(pair):
            raise DifferentError(_different(known, part, place, number, "results of its seeds"))


def _different(known: _Part, part: _Part, place: Place, number: int, what: str) -> str:
    label, repeat = place
    return (
        f"{part.file}: {label}, study {repeat}, trial {number} is another one than in {known.file}: its {what} differ; "
        "a study belongs to one of them: run each repeat on one machine"
    )
