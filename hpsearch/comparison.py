"""The loop: propose, submit, collect, record, until every study has its trials.

Everything that decides what comes next is in the database, and every searcher is a pure function of it.
So a comparison that was stopped in any way, at any moment, goes on with the same call, and ends in the
same trials table.
"""

from __future__ import annotations

import json
import platform
import time
import warnings
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hpsearch import stopping
from hpsearch.database import Database, DatabaseError, Measured, StudyRow, TrialRow
from hpsearch.devices import DeviceError
from hpsearch.executors import Executor
from hpsearch.pack import PackError, Trained, train_pack
from hpsearch.provenance import differences, provenance
from hpsearch.searchers import History, Searcher
from hpsearch.spec import Spec, load_method, load_searcher, load_task, resolved
from hpsearch.task import Objective, Progress, Result, Task, TaskError, derived_seed

ATTEMPTS = 2
"""How often a pack is trained before its trials are tried one at a time."""
DEATHS_ALONE = 5
"""How often a trial that is trained alone may lose its worker."""
FREE = frozenset(("description", "time_limit", "on_failure"))
"""Keys of a study file that may change between runs of it: they decide no trial that completes."""
MOST_LISTED = 3
"""Of what differs between two study files; the rest is counted."""
FAILURES_IN_A_ROW = 20
"""After this many the run stops: a full disk or vanished data must not use up a comparison's trials."""


@dataclass(frozen=True)
class Recorded:
    """What the loop tells after each transaction: these trials of this method have their results."""

    method: str
    results: Sequence[Result]


@dataclass
class _Pack:
    """The studies of one method that travel together, and how many of their present trials are open."""

    studies: list[StudyRow]
    trial: int
    open: int = 0

    @property
    def method(self) -> str:
        return self.studies[0].method


@dataclass
class _Job:
    """Trials of one pack, all with the same number, to be trained together."""

    pack: _Pack
    trials: list[TrialRow]
    attempts: int = 0
    submitted: float = 0.0
    spent: float = 0.0


def prepare(database: Database, spec: Spec, study_file: str, progress: Progress) -> None:
    """Prepare the task's data, and lay out the comparison in a new database or check it in an old one.

    Raises TaskError where data is missing, DatabaseError where the file holds another comparison.
    """
    old = database.comparison()
    task = load_task(spec.task)
    if old is not None:
        try:
            was, is_now = _defining(old["spec"]), _defining(spec.model_dump(mode="json"))
        except ValueError as error:
            said = str(error).splitlines()[0]
            raise DatabaseError(f"{database.path}: damaged: the study file in it cannot be read ({said})") from error
        if changed := _not_an_extension(was, is_now):
            if len(changed) > MOST_LISTED:
                changed = [*changed[:MOST_LISTED], f"and {len(changed) - MOST_LISTED} more"]
            raise DatabaseError(
                f"{database.path}: holds a comparison from another study file: {'; '.join(changed)}; "
                "give another database with --database, or the old study file (more trials, repeats or methods may be "
                "added)"
            )
        now = resolved(spec)
        if changed := sorted(part for part, was in old["resolved"].items() if _differs(was, now.get(part))):
            raise DatabaseError(
                f"{database.path}: was begun with other defaults ({', '.join(changed)} differ); "
                "give another database with --database, or the version of hpsearch that began this one"
            )
        if (before := _measures(database.objective())) != (after := _measures(task.objective)):
            raise DatabaseError(
                f"{database.path}: was begun with another objective, {before}, and the task now has {after}; "
                "give another database with --database"
            )
    data = _prepared(task, progress)
    if old is not None:
        if old["data"] != data:
            names = ", ".join(_changed_keys(old["data"], data))
            raise DatabaseError(f"{database.path}: was begun on other data ({names} differ)")
        if was != is_now:
            _extend(database, spec, task, old)
        return
    _create(database, spec, task, study_file, data)


def _measures(objective: Objective) -> str:
    return f"{objective.name} ({objective.unit or 'no unit'}, {objective.direction}, chance {objective.chance:g})"


def _prepared(task: Task, progress: Progress) -> dict[str, Any]:
    """What the task says of its data, as a database gives it back."""
    data = task.prepare(progress)
    try:
        return dict(json.loads(json.dumps(dict(data), allow_nan=False)))
    except (TypeError, ValueError) as error:
        raise TaskError(f"the task's prepare must return a mapping of texts and finite numbers: {error}") from error


def differs_from_last_run(database: Database) -> list[str]:
    """What is different from the machine and versions of the last run, and may change results."""
    runs = database.runs()
    return list(differences(runs[-1]["provenance"], provenance())) if runs else []


def run(database: Database, spec: Spec, executor: Executor, facts: Mapping[str, Any]) -> Generator[Recorded]:
    """Run a prepared comparison to its end; yields after each record, and may be closed at any of them.

    Args:
        database: open for writing.
        spec: the study file.
        executor: where packs are trained; one pack waits beside those in training.
        facts: for the provenance of this run.

    Raises:
        TaskError: if trial after trial fails, for then the cause lies outside of them. Those trials are
            taken back, and tried again by the next run.
        DeviceError: if no device works any more. Nothing is recorded of the trials that were in flight.
    """
    loop = _Loop(database, spec, executor.device)
    packs = loop.packs()
    if not packs:
        return
    executor.share(getattr(load_task(spec.task), "files", list)())
    loop.run_id = database.start_run(_now(), provenance(workers=executor.workers, device=executor.device, **facts))
    try:
        yield from _work(loop, packs, executor)
    finally:
        database.end_run(loop.run_id, _now())


def _work(loop: _Loop, packs: list[_Pack], executor: Executor) -> Generator[Recorded]:
    ready: list[_Job] = []
    flying: dict[Future[Trained], _Job] = {}
    try:
        while packs or ready or flying:
            while (ready or packs) and len(flying) < executor.workers + executor.waiting:
                # What has to be tried again comes first, then the pack that is furthest behind.
                job = ready.pop() if ready else loop.next_job(packs.pop(_furthest_behind(packs)))
                flying[loop.submit(job, executor)] = job
            done, _ = wait(flying, timeout=1, return_when=FIRST_COMPLETED)
            stopping.check()
            for future in done:
                job, error = flying[future], future.exception()
                recorded = None
                if error is None:
                    recorded = loop.record(job, future.result())
                elif isinstance(error, DeviceError) and not executor.workers:
                    raise error
                else:
                    loop.note_attempt(job, error)
                    if again := _try_again(job, error):
                        ready.extend(again)
                    else:
                        recorded = loop.record_failure(job, error)
                del flying[future]
                if recorded is not None:
                    yield recorded
                if job.pack.open == 0 and job.pack.trial < loop.spec.trials:
                    job.pack.trial += 1
                    packs.append(job.pack)
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        # Asked to stop: what is finished is recorded, also if the request came in the middle of that.
        for future, job in flying.items():
            if future.done() and not future.cancelled() and future.exception() is None:
                loop.record(job, future.result())
        raise


class _Loop:
    """The steps of the loop, with what all of them need."""

    run_id: int

    def __init__(self, database: Database, spec: Spec, device: str) -> None:
        self.database, self.spec, self.device = database, spec, device
        self.searcher: Searcher = load_searcher(spec.searcher)
        self.objective: Objective = load_task(spec.task).objective
        self.spaces = {label: space for label, (space, _) in database.methods().items()}
        self.hyperparameters = [name for space in self.spaces.values() for name in space.names]
        # Those that ended the runs before this one count: an interruption must not use trials up.
        self.failed_in_a_row = database.last_failures(FAILURES_IN_A_ROW - 1)
        self.last_end = database.last_end()
        # As the database has them, and read back from it one by one: all of them at each trial would cost ever more.
        self.trials = {study.id: database.trials(study.id) for study in database.studies()}
        self.worked = False

    def packs(self) -> list[_Pack]:
        """All packs with something left to do, each at the first trial that not all its studies finished."""
        members: dict[tuple[str, int], list[StudyRow]] = {}
        for study in self.database.studies():
            members.setdefault((study.method, study.pack), []).append(study)
        packs = []
        for studies in members.values():
            trials = [[t for t in self.trials[s.id] if t.state != "proposed"] for s in studies]
            self.worked |= any(t.state != "failed" for finished in trials for t in finished)
            packs.append(_Pack(studies, min(len(finished) for finished in trials) + 1))
        return [pack for pack in packs if pack.trial <= self.spec.trials]

    def next_job(self, pack: _Pack) -> _Job:
        """The pack's present trial: proposed and recorded, unless a run before this one did so."""
        if missing := [study for study in pack.studies if len(self.trials[study.id]) < pack.trial]:
            self._propose(pack, missing)
        trials = [self.trials[study.id][pack.trial - 1] for study in pack.studies]
        job = _Job(pack, [trial for trial in trials if trial.state == "proposed"])
        pack.open = len(job.trials)
        return job

    def _propose(self, pack: _Pack, studies: Sequence[StudyRow]) -> None:
        histories = [History.of(self.trials[study.id], self.objective) for study in studies]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            configurations = self.searcher.propose(
                self.spaces[pack.method], histories, [study.seed for study in studies]
            )
        rows = [
            (study.id, pack.trial, self._trial_seed(study, pack.trial), configuration)
            for study, configuration in zip(studies, configurations, strict=True)
        ]
        self.database.propose(self.run_id, _now(), rows, len(caught))
        for study in studies:
            self.trials[study.id].append(self.database.trial(study.id, pack.trial))

    def _trial_seed(self, study: StudyRow, trial: int) -> int:
        return derived_seed(self.spec.seed, study.method, study.repeat, trial)

    def submit(self, job: _Job, executor: Executor) -> Future[Trained]:
        """Send a job to be trained."""
        label = job.pack.method
        job.attempts += 1
        job.submitted = time.monotonic()
        return executor.submit(
            train_pack,
            self.spec.task,
            label,
            self.spec.methods[label],
            [trial.configuration for trial in job.trials],
            [trial.seed for trial in job.trials],
            self.hyperparameters,
        )

    def record(self, job: _Job, trained: Trained) -> Recorded:
        """Record what a worker returned."""
        seconds = trained.seconds / len(job.trials)
        started, ended = _time(trained.started), _time(trained.ended)
        place = (trained.host, trained.device)
        halved = trained.together < len(job.trials)
        measured = Measured(started, ended, seconds, trained.together, job.attempts, *place, halved)
        return self._record(job, trained.results, measured, trained.warnings)

    def note_attempt(self, job: _Job, error: BaseException) -> None:
        """Keep the end of what went wrong, whatever becomes of the trials."""
        # A little too much, where it waited for a worker; a failure that counted as free would make methods cheap.
        job.spent += (time.monotonic() - job.submitted) / len(job.trials)
        text = getattr(error, "trace", "") or _reason(error)
        trials = [(trial.study_id, trial.trial) for trial in job.trials]
        self.database.failed_attempt(self.run_id, _now(), trials, job.attempts, text)

    def record_failure(self, job: _Job, error: BaseException) -> Recorded:
        """Record that a trial fails whenever it is tried.

        Raises TaskError if nothing but failures came for long, or if the study file says that one is enough.
        """
        reason = _reason(error)
        if self.spec.on_failure == "stop":
            (trial,) = job.trials
            study = next(study for study in job.pack.studies if study.id == trial.study_id)
            raise TaskError(
                f"trial {trial.trial} of study {study.repeat} of {study.method} failed {job.attempts} times, the last "
                f'with {reason}; the study file says on_failure = "stop": mend the cause and run again'
            )
        patience = FAILURES_IN_A_ROW if self.worked else max(3, len(job.pack.studies))
        if len(self.failed_in_a_row) + 1 >= patience:
            # This one is not even recorded: a kill between two transactions must not leave it to count.
            self.database.reopen(self.failed_in_a_row)
            raise TaskError(
                f"{len(self.failed_in_a_row) + 1} trials in a row failed, the last with {reason}; "
                "mend the cause and run again: they will be tried again"
            )
        now = _now()
        result = Result(None, outcome="failed", reason=reason)
        measured = Measured(now, now, job.spent, 1, job.attempts, platform.node(), self.device)
        recorded = self._record(job, [result], measured, 0)
        self.failed_in_a_row += [(trial.study_id, trial.trial) for trial in job.trials]
        return recorded

    def _record(self, job: _Job, results: Sequence[Result], measured: Measured, warned: int) -> Recorded:
        rows = [(t.study_id, t.trial, result) for t, result in zip(job.trials, results, strict=True)]
        # Ends are in the order of recording, whatever the clocks of workers and driver do: `last_failures` goes by it.
        self.last_end = measured.ended if measured.ended > self.last_end else _just_after(self.last_end)
        self.database.record(self.run_id, rows, replace(measured, ended=self.last_end), warned)
        for study_id, trial, _ in rows:
            self.trials[study_id][trial - 1] = self.database.trial(study_id, trial)
        job.pack.open -= len(rows)
        if any(result.outcome != "failed" for result in results):  # one that a task returns is its own verdict
            self.worked = True
            self.failed_in_a_row.clear()
        return Recorded(job.pack.method, results)


def _reason(error: BaseException) -> str:
    return str(error) if isinstance(error, PackError | DeviceError) else f"{type(error).__name__}: {error}"


def _try_again(job: _Job, error: BaseException) -> list[_Job]:
    """All of a job once more, then each of its trials alone, then nothing.

    A death of the worker may come from outside, where somebody kills it or others use up the memory: alone it is tried
    more often than what raises by itself.
    """
    if job.attempts < ATTEMPTS:
        return [job]
    if len(job.trials) > 1:
        return [_Job(job.pack, [trial], job.attempts, spent=job.spent) for trial in job.trials]
    if isinstance(error, BrokenExecutor) and job.attempts < ATTEMPTS + DEATHS_ALONE:
        return [job]
    return []


def _furthest_behind(packs: Sequence[_Pack]) -> int:
    return min(range(len(packs)), key=lambda i: packs[i].trial)


def _create(database: Database, spec: Spec, task: Task, study_file: str, data: Mapping[str, Any]) -> None:
    objective, size = task.objective, spec.pack_size
    methods = {label: load_method(task, label, method) for label, method in spec.methods.items()}
    database.create(
        {
            "name": spec.name,
            "spec": json.dumps(spec.model_dump(mode="json")),
            "study_file": study_file,
            "trials": spec.trials,
            "repeats": spec.repeats,
            "seed": spec.seed,
            "pack_size": size,
            "objective": objective.name,
            "unit": objective.unit,
            "direction": objective.direction,
            "chance": objective.chance,
            "data": json.dumps(data),
            "created": _now(),
            "resolved": json.dumps(resolved(spec)),
        },
        [(label, method.space, method.schedules) for label, method in methods.items()],
        [
            (label, repeat, derived_seed(spec.seed, label, repeat), (repeat - 1) // size)
            for label in methods
            for repeat in range(1, spec.repeats + 1)
        ],
    )


def _extend(database: Database, spec: Spec, task: Task, old: Mapping[str, Any]) -> None:
    """More trials, more repeats, new methods: what is there stays, and is what a fresh run would begin with."""
    studies = database.studies()
    size, known = old["pack_size"], {study.method for study in studies}
    packs: dict[str, int] = {}
    for study in studies:
        packs[study.method] = max(packs.get(study.method, 0), study.pack + 1)
    methods = {label: load_method(task, label, spec.methods[label]) for label in spec.methods}
    first = {label: old["repeats"] + 1 if label in known else 1 for label in methods}
    database.extend(
        {
            "trials": spec.trials,
            "repeats": spec.repeats,
            "spec": json.dumps(spec.model_dump(mode="json")),
            "resolved": json.dumps(resolved(spec)),
        },
        [(label, method.space, method.schedules) for label, method in methods.items() if label not in known],
        [
            (
                label,
                repeat,
                derived_seed(spec.seed, label, repeat),
                packs.get(label, 0) + (repeat - first[label]) // size,
            )
            for label in methods
            for repeat in range(first[label], spec.repeats + 1)
        ],
    )


def _not_an_extension(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What has changed and may not, each with both values. More trials, more repeats and new methods may be added."""
    grown = {
        **new,
        "trials": old["trials"] if new["trials"] >= old["trials"] else new["trials"],
        "repeats": old["repeats"] if new["repeats"] >= old["repeats"] else new["repeats"],
        "methods": {label: method for label, method in new["methods"].items() if label in old["methods"]},
    }
    return list(_changes(old, grown, ""))


def _changes(old: Any, new: Any, path: str) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            yield from _changes(old.get(key), new.get(key), f"{path}.{key}" if path else key)
    elif old != new:
        yield f"{path} is {_brief(new)} here and {_brief(old)} there"


def _brief(value: Any) -> str:
    if value is None:
        return "absent"
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _defining(spec: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the trials. Keys that an older version did not know have the value that it went by."""
    known = Spec.model_validate(spec).model_dump(mode="json")
    return {key: value for key, value in known.items() if key not in FREE}


def _changed_keys(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]


def _differs(old: Any, new: Any) -> bool:
    """Whether a setting has changed; one that did not exist when `old` was recorded has not."""
    if isinstance(old, dict) and isinstance(new, dict):
        return any(_differs(value, new.get(name)) for name, value in old.items())
    return bool(old != new)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _just_after(time: str) -> str:
    return (datetime.fromisoformat(time) + timedelta(milliseconds=1)).isoformat(timespec="milliseconds")


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
