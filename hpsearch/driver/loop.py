"""The loop: propose, submit, collect, record, until every study of one comparison, or of several, has its trials.

Everything that decides what comes next is in the database, and every searcher is a pure function of it.
So a comparison that was stopped in any way, at any moment, goes on with the same call and ends with the
same trials table.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain, zip_longest

from hpsearch.contracts.errors import DeviceError, TaskError
from hpsearch.contracts.executor import Executor
from hpsearch.contracts.json import Json
from hpsearch.contracts.objective import Result
from hpsearch.contracts.searcher import History
from hpsearch.contracts.seeds import trial_seeds
from hpsearch.driver.averaged import averaged
from hpsearch.driver.pack import PackError, Trained, imported, train_pack
from hpsearch.driver.proposing import propose
from hpsearch.store.database import Database
from hpsearch.store.rows import Measured, StudyRow, TrialRow, epochs_of
from hpsearch.store.spent import has_ended
from hpsearch.study.plan import Plan
from hpsearch.system import clock, stopping
from hpsearch.system.output import noted
from hpsearch.system.provenance import changed_modules, differences, provenance

ATTEMPTS = 2
"""How often a pack is trained before its trials are tried one at a time."""
DEATHS_ALONE = 5
"""How many further tries a trial gets alone while its worker keeps dying."""
FAILURES_IN_A_ROW = 20
"""How many failures in a row set a method aside: a full disk or vanished data must not use up its trials."""


@dataclass(frozen=True)
class Recorded:
    """What the loop yields after each transaction: the results of a method that were just recorded."""

    method: str
    results: Sequence[Result]


@dataclass(frozen=True)
class SetAside:
    """What the loop tells of a method of which trial after trial failed: why, and how many were taken back."""

    method: str
    taken_back: int
    failures: str


@dataclass(frozen=True)
class Ended:
    """The last that the loop tells of a comparison: the error that it ended with, or None if it is finished."""

    error: TaskError | None


@dataclass
class _Pack:
    """The studies of one method that travel together, with their present round.

    Attributes:
        studies: all of them.
        going: those that have not ended.
        first: the number of the round's first trial.
        open: how many trials of the round are to be trained.
    """

    studies: list[StudyRow]
    going: list[StudyRow]
    first: int = 1
    open: int = 0

    @property
    def method(self) -> str:
        return self.studies[0].method


@dataclass
class _Job:
    """Trials of one pack's round, to be trained together."""

    pack: _Pack
    trials: list[TrialRow]
    attempts: int = 0
    submitted: float = 0.0
    spent: float = 0.0


def differs_from_last_run(database: Database, plan: Plan) -> list[str]:
    """What is different from the last run and may change results: the machine, versions, the user's own code."""
    runs = database.runs()
    if not runs:
        return []
    last, here = runs[-1].provenance, _here(plan)
    said = [f"results may not repeat to the last bit: {difference}" for difference in differences(last, here)]
    if changed := changed_modules(last, here):
        said.append(f"the code of {', '.join(changed)} has changed: new trials may measure something else")
    return said


def _here(plan: Plan, **facts: str | int) -> Json:
    return provenance(*plan.searchers.packages, **plan.searchers.versions(plan.methods), code=plan.code, **facts)


def run(
    database: Database,
    plan: Plan,
    executor: Executor,
    facts: Mapping[str, str | int],
    doing: Callable[[str], None] = lambda _: None,
    only: range | None = None,
) -> Generator[Recorded | SetAside]:
    """Run a prepared comparison to its end; yields after each record, and may be closed at any of them.

    Args:
        database: open for writing.
        plan: what is compared.
        executor: where packs are trained; some packs wait beside those in training, as `executor.waiting` says.
        facts: for the provenance of this run.
        doing: told what the loop is about to do, for somebody who waits for the first record.
        only: the repeats to run; None for all.

    Raises:
        TaskError: if trial after trial of a method fails, since then the cause lies outside the trials. They are taken
            back, and the next run tries them again; this run comes to the end of the other methods first.
        DeviceError: if no device works any more. Nothing is recorded about the trials in flight.
    """
    with closing(run_all([(database, plan)], executor, facts, doing, only)) as records:
        for _, told in records:
            if not isinstance(told, Ended):
                yield told
            elif told.error is not None:
                raise told.error


def run_all(
    comparisons: Iterable[tuple[Database, Plan]],
    executor: Executor,
    facts: Mapping[str, str | int],
    doing: Callable[[str], None] = lambda _: None,
    only: range | None = None,
) -> Generator[tuple[Database, Recorded | SetAside | Ended]]:
    """Run prepared comparisons that share the workers, each to its end; yields what became of which.

    The next comparison is asked for when those before it leave a worker idle, so that no worker waits for the last
    packs of one. What is yielded last of each is its end; then its database may be closed. A comparison that cannot go
    on ends with its error, and the others go on.

    Raises DeviceError if no device works any more.
    """
    coming = iter(comparisons)
    going: list[_Loop] = []
    flying: dict[Future[Trained], tuple[_Loop, _Job]] = {}
    try:
        while True:
            while len(flying) < executor.workers + executor.waiting:
                found = ((loop, job) for loop in going if (job := loop.next_job()) is not None)
                if (following := next(found, None)) is not None:
                    loop, job = following
                    flying[loop.submit(job, executor)] = following
                elif (comparison := next(coming, None)) is not None:
                    going.append(_Loop(*comparison, executor.device, doing, only))
                    if going[-1].begin(executor, facts):
                        yield going[-1].database, going.pop().end()
                else:
                    break
            if not flying:
                return
            done, _ = wait(flying, timeout=1, return_when=FIRST_COMPLETED)
            stopping.check()
            for future in done:
                loop, job = flying[future]
                if loop not in going:  # it has ended with an error, and its database is closed
                    del flying[future]
                    continue
                told = loop.take(job, future, executor)
                del flying[future]
                if told is not None:
                    yield loop.database, told
                if loop.is_done:
                    going.remove(loop)
                    yield loop.database, loop.end()
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        # Asked to stop: record what is finished, even if the request came while it was being recorded.
        for future, (loop, job) in flying.items():
            if loop in going and future.done() and not future.cancelled() and future.exception() is None:
                loop.record(job, future.result())
        raise
    finally:
        for loop in going:
            loop.end_run()


class _Loop:
    """The steps of the loop, with what all of them need."""

    run_id: int

    def __init__(
        self, database: Database, plan: Plan, device: str, doing: Callable[[str], None], only: range | None
    ) -> None:
        self.database, self.plan, self.device, self.doing = database, plan, device, doing
        self.submitted = 0
        self.spaces = plan.spaces
        # Failures at the end of earlier runs count too, or interruptions would let failures use up the trials.
        self.failed_in_a_row = database.last_failures(FAILURES_IN_A_ROW - 1)
        self.set_aside: dict[str, SetAside] = {}
        self.error: TaskError | None = None
        self.packs: list[_Pack] = []
        self.ready: list[_Job] = []
        self.in_training = 0
        self.has_begun = False
        comparison = database.existing()
        self.studies = [study for study in database.studies() if only is None or study.repeat in only]
        self.seed_bits = comparison.seed_bits
        self.doubt_after = max(3, comparison.pack_size)  # failures, as long as nothing has worked
        self.last_end = database.last_end()
        # Kept as the database has them, each read back after it is written: reading all each time would cost ever more.
        self.trials = {study.id: database.trials(study.id) for study in self.studies}
        self.worked = False
        # How many trials are trained at once at most, so that with their seeds they are no more than the task wishes.
        together = max(comparison.pack_size, plan.spec.pack or plan.task.pack)
        self.most = max(1, together // plan.spec.seeds)

    def begin(self, executor: Executor, facts: Mapping[str, str | int]) -> bool:
        """Begin a run with all packs that have something left to do; returns whether none has, so that all is done."""
        members: dict[tuple[str, int], list[StudyRow]] = {}
        for study in self.studies:
            members.setdefault((study.method, study.pack), []).append(study)
        states = {trial.state for trials in self.trials.values() for trial in trials}
        self.worked = not states <= {"failed", "proposed"}
        # Each is at the first round that some of its studies have not finished.
        self.packs = [pack for studies in members.values() if self.goes_on(pack := _Pack(studies, studies))]
        if self.is_done:
            return True
        if self.plan.task.imports:
            self.doing("importing in the workers")
            executor.prepare(imported, self.plan.task.imports)
        executor.share(self.plan.files())
        here = _here(self.plan, workers=executor.workers, device=executor.device, **facts)
        self.run_id, self.has_begun = self.database.start_run(clock.now(), here), True
        return False

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to train, or nothing more can be."""
        return self.error is not None or not (self.packs or self.ready or self.in_training)

    def next_job(self) -> _Job | None:
        """What to train next; None if there is nothing, or if it is better to wait for what is in training.

        What has to be tried again comes first, then the pack that is furthest behind.
        """
        if not self.ready:
            if (place := self.choose()) is None:
                return None
            self.ready += reversed(self.next_round(self.packs.pop(place), self.packs))
        return self.ready.pop()

    def take(self, job: _Job, future: Future[Trained], executor: Executor) -> Recorded | SetAside | None:
        """Record what has become of a job, and go on with its pack. Raises DeviceError if no device works any more."""
        error = future.exception()
        told: Recorded | SetAside | None = None
        try:
            if error is None:
                told = self.record(job, future.result())
            elif isinstance(error, DeviceError) and not executor.workers:
                raise error
            elif job.pack.method not in self.set_aside:
                self.note_attempt(job, error)
                if again := _try_again(job, error):
                    self.ready.extend(again)
                else:
                    told = self.record_failure(job, error)
        except TaskError as failure:
            self.error = failure
        self.in_training -= 1
        if job.pack.method in self.set_aside:
            self.packs[:] = [pack for pack in self.packs if pack.method not in self.set_aside]
            self.ready[:] = [other for other in self.ready if other.pack.method not in self.set_aside]
        elif job.pack.open == 0 and self.goes_on(job.pack):
            self.packs.append(job.pack)
        return told

    def end(self) -> Ended:
        """End the run; with an error if a method was set aside, whose trials are missing."""
        self.end_run()
        return Ended(self.error or self._missing_methods())

    def end_run(self) -> None:
        """Note when the run ended, if it began."""
        if self.has_begun:
            self.database.end_run(self.run_id, clock.now())
            self.has_begun = False

    def goes_on(self, pack: _Pack) -> bool:
        """Whether a study of the pack has not ended; then the pack is at the first round that one has not finished."""
        pack.going = [study for study in pack.studies if not self._has_ended(study)]
        if pack.going:
            parallel = self.plan.spec.parallel
            pack.first = min(len(self._finished(study)) for study in pack.going) // parallel * parallel + 1
        return bool(pack.going)

    def _finished(self, study: StudyRow) -> list[TrialRow]:
        return [trial for trial in self.trials[study.id] if trial.state != "proposed"]

    def _has_ended(self, study: StudyRow) -> bool:
        return has_ended(self._finished(study), self.plan.spec)

    def choose(self) -> int | None:
        """The place of the pack to go on with; None if there is none, or if it is better to wait for those in training.

        As long as nothing has worked, a method that only fails waits: perhaps another one shows that the task works.
        """
        places = [place for place, pack in enumerate(self.packs) if not self._in_doubt(pack.method)]
        if not places and not self.in_training:
            places = list(range(len(self.packs)))
        return min(places, key=lambda place: self.packs[place].first, default=None)

    def _in_doubt(self, method: str) -> bool:
        return not self.worked and len(self.failed_in_a_row[method]) >= self.doubt_after

    def next_round(self, pack: _Pack, waiting: Sequence[_Pack]) -> list[_Job]:
        """Jobs for the pack's present round, which is proposed and recorded unless an earlier run did so.

        Where company makes proposals cheap, the packs that wait have theirs made with it.
        """
        if any(self._missing(pack)):
            batched = self.plan.searchers[pack.method].batched
            self._propose(pack.method, [pack, *(p for p in waiting if batched and p.method == pack.method)])
        trials = [self.trials[study.id][number - 1] for number in self._numbers(pack) for study in pack.going]
        left = [trial for trial in trials if trial.state == "proposed"]
        pack.open = len(left)
        size = -(-len(left) // -(-len(left) // self.most))
        return [_Job(pack, left[start : start + size]) for start in range(0, len(left), size)]

    def _numbers(self, pack: _Pack) -> range:
        """The numbers of the trials in the pack's present round."""
        return range(pack.first, min(pack.first + self.plan.spec.parallel, self.plan.spec.trials + 1))

    def _missing(self, pack: _Pack) -> list[list[tuple[StudyRow, int, int]]]:
        """For each trial of the pack's round the studies without one: study, the round's first trial, and the trial."""
        return [
            [(study, pack.first, number) for study in pack.going if len(self.trials[study.id]) < number]
            for number in self._numbers(pack)
        ]

    def _propose(self, method: str, packs: Sequence[_Pack]) -> None:
        """Propose what is missing of rounds, all of it in one transaction: a kill leaves no round half proposed."""
        self.doing(f"proposing trial {packs[0].first} of {method}")
        new: dict[tuple[int, int], TrialRow] = {}
        stand_ins: dict[tuple[int, int], str] = {}
        warned = 0
        for of_packs in zip_longest(*map(self._missing, packs), fillvalue=[]):
            if not (missing := [*chain.from_iterable(of_packs)]):
                continue
            histories = [self._history(study, first, number, new) for study, first, number in missing]
            seeds = [study.seed for study, _, _ in missing]
            proposed = propose(self.plan.searchers[method], self.spaces[method], histories, seeds)
            for (study, _, number), configuration in zip(missing, proposed.configurations, strict=True):
                seed = self._trial_seeds(study, number)[0]
                new[study.id, number] = TrialRow(study.id, number, seed, configuration, "proposed", None)
            numbers = [(study.id, number) for study, _, number in missing]
            stand_ins |= {numbers[study]: why for study, why in proposed.stand_ins.items()}
            warned += proposed.warnings
        if new:
            rows = [(trial.study_id, trial.trial, trial.seed, trial.configuration) for trial in new.values()]
            self.database.propose(self.run_id, clock.now(), rows, stand_ins, warned)
            for study_id, number in new:
                self.trials[study_id].append(self.database.trial(study_id, number))

    def _history(self, study: StudyRow, first: int, number: int, new: dict[tuple[int, int], TrialRow]) -> History:
        """What is known when a trial of the round that begins with trial `first` is proposed."""
        trials = self.trials[study.id]
        pending = [*trials[first - 1 :], *(new[study.id, n] for n in range(len(trials) + 1, number))]
        return History.of(trials[: first - 1], self.plan.task.objective, pending)

    def _trial_seeds(self, study: StudyRow, trial: int) -> list[int]:
        spec = self.plan.spec
        label = spec.seed_label(study.method)
        return trial_seeds(spec.seed, label, study.repeat, trial, self.seed_bits, spec.seeds)

    def _seeds(self, job: _Job) -> list[list[int]]:
        """The seeds that each trial of a job is trained with."""
        studies = {study.id: study for study in job.pack.studies}
        return [self._trial_seeds(studies[trial.study_id], trial.trial) for trial in job.trials]

    def submit(self, job: _Job, executor: Executor) -> Future[Trained]:
        """Send a job to be trained."""
        self.submitted += 1
        self.in_training += 1
        trials = f"{len(job.trials)} trial{'s' * (len(job.trials) != 1)}"
        self.doing(f"training pack {self.submitted}: {trials} of {job.pack.method}")
        repeats, numbers = {study.id: study.repeat for study in job.pack.studies}, range(1, self.plan.spec.seeds + 1)
        job.attempts += 1
        job.submitted = time.monotonic()
        return executor.submit(
            train_pack,
            self.plan.by_name,
            job.pack.method,
            [trial.configuration for trial in job.trials for _ in numbers],
            [seed for seeds in self._seeds(job) for seed in seeds],
            [(repeats[trial.study_id], trial.trial, number) for trial in job.trials for number in numbers],
        )

    def record(self, job: _Job, trained: Trained) -> Recorded:
        """Record what a worker returned; not of trials that were taken back meanwhile with those before them."""
        seconds = trained.seconds / len(job.trials)
        self._check_epochs(job, trained.results)
        started, ended = clock.text(trained.started), clock.text(trained.ended)
        place = (trained.host, trained.device)
        halved = trained.together < len(trained.results)
        measured = Measured(started, ended, seconds, trained.together, job.attempts, *place, halved)
        size = self.plan.spec.seeds
        of_trials = [trained.results[start : start + size] for start in range(0, len(trained.results), size)]
        results = [averaged(of_trial, self.plan.task.objective) for of_trial in of_trials]
        return self._record(job, results, measured, trained.warnings, trained.output, of_trials if size > 1 else ())

    def _check_epochs(self, job: _Job, results: Sequence[Result]) -> None:
        """Raise TaskError if a budget counts epochs and a complete training does not tell its own."""
        budget = self.plan.spec.budget
        if budget and budget.epochs and any(r.outcome == "complete" and not epochs_of([r]) for r in results):
            raise TaskError(
                f"{job.pack.method}: a training has no curve, so that the epochs of the study file's budget cannot be "
                "counted: let the task return curves, one value per epoch, or give a budget of seconds or trials"
            )

    def note_attempt(self, job: _Job, error: BaseException) -> None:
        """Record the end of the error, whatever becomes of the trials."""
        # Too much by the wait for a worker; but a failure that counted as free would make its method look cheap.
        job.spent += (time.monotonic() - job.submitted) / len(job.trials)
        text = (error.trace if isinstance(error, PackError) else "") or _reason(error)
        trials = [(trial.study_id, trial.trial) for trial in job.trials]
        self.database.failed_attempt(self.run_id, clock.now(), trials, job.attempts, text, noted(error))

    def record_failure(self, job: _Job, error: BaseException) -> Recorded | SetAside:
        """Record that a trial fails whenever it is tried, or set its method aside if nothing else came for long.

        Raises TaskError if the study file says that one is enough.
        """
        reason = _reason(error)
        if self.plan.spec.on_failure == "stop":
            (trial,) = job.trials
            study = next(study for study in job.pack.studies if study.id == trial.study_id)
            raise TaskError(
                f"trial {trial.trial} of study {study.repeat} of {study.method} failed {job.attempts} times, the last "
                f'with {reason}; the study file says on_failure = "stop": mend the cause and run again'
            )
        method, in_a_row = job.pack.method, self.failed_in_a_row[job.pack.method]
        if self.worked and len(in_a_row) + 1 >= FAILURES_IN_A_ROW:
            return self._set_aside(method, reason)
        if len(in_a_row) + 1 >= self.doubt_after and self._nothing_else_may_work(method):
            for other, failures in self.failed_in_a_row.items():
                if failures and other != method:
                    self._set_aside(other, reason)
            self._set_aside(method, reason)
            if (nothing_works := self._missing_methods()) is not None:
                raise nothing_works
        now = clock.now()
        result = Result(None, outcome="failed", reason=reason)
        measured = Measured(now, now, job.spent, 1, job.attempts, platform.node(), self.device)
        recorded = self._record(job, [result], measured, 0, "")
        in_a_row += [(trial.study_id, trial.trial) for trial in job.trials]
        return recorded

    def _nothing_else_may_work(self, method: str) -> bool:
        """Whether nothing has worked, and all methods that have trials left but `method` are in doubt."""
        left = {s.method for s in self.studies if not self._has_ended(s)}
        return not self.worked and all(self._in_doubt(other) for other in left - {method})

    def _set_aside(self, method: str, reason: str) -> SetAside:
        """Take back what failed in a row, with a last one that is not recorded: a kill must not leave it to count."""
        failures = self.failed_in_a_row[method]
        self.database.reopen(failures, self.plan.spec.parallel)
        for study_id in {study_id for study_id, _ in failures}:
            self.trials[study_id] = self.database.trials(study_id)
        said = f"{len(failures) + 1} trials in a row failed, the last with {reason}"
        self.set_aside[method] = SetAside(method, len(failures), said)
        return self.set_aside[method]

    def _missing_methods(self) -> TaskError | None:
        """The error of a comparison of which methods were set aside."""
        if not self.set_aside:
            return None
        *_, last = self.set_aside.values()
        kept = "" if len(self.set_aside) == len(self.plan.methods) else "; the other methods are complete"
        return TaskError(
            f"{', '.join(self.set_aside)}: {last.failures}{kept}; "
            "mend the cause and run again: they will be tried again"
        )

    def _record(
        self,
        job: _Job,
        results: Sequence[Result],
        measured: Measured,
        warned: int,
        output: str,
        of_seeds: Sequence[Sequence[Result]] = (),
    ) -> Recorded:
        recorded = zip(job.trials, results, strict=True)
        rows = [(t.study_id, t.trial, result) for t, result in recorded if t.trial <= len(self.trials[t.study_id])]
        # `last_failures` needs ends in the order of recording, whatever the clocks of workers and driver do.
        self.last_end = measured.ended if measured.ended > self.last_end else clock.just_after(self.last_end)
        measured = replace(measured, ended=self.last_end)
        seeds = {
            (trial.study_id, trial.trial): list(zip(own, of_trial, strict=True))
            for trial, own, of_trial in zip(job.trials, self._seeds(job), of_seeds, strict=bool(of_seeds))
        }
        every = self.plan.spec.incumbent == "model"  # which one a study chooses is known at its end
        self.database.record(self.run_id, rows, measured, warned, output, seeds, every_correct=every)
        for study_id, trial, _ in rows:
            self.trials[study_id][trial - 1] = self.database.trial(study_id, trial)
        job.pack.open -= len(rows)
        if any(result.outcome != "failed" for *_, result in rows):  # a task that returns "failed" says so itself
            self.worked = True
            self.failed_in_a_row[job.pack.method].clear()
        return Recorded(job.pack.method, [result for *_, result in rows])


def _reason(error: BaseException) -> str:
    return str(error) if isinstance(error, PackError | DeviceError) else f"{type(error).__name__}: {error}"


def _try_again(job: _Job, error: BaseException) -> list[_Job]:
    """What to try after a failure: the whole job once more, then each of its trials alone, then nothing.

    A worker may die for reasons outside the trial, such as other programs that use up the memory. So a trial whose
    worker dies is tried alone more often than one that raises an error.
    """
    if job.attempts < ATTEMPTS:
        return [job]
    if len(job.trials) > 1:
        return [_Job(job.pack, [trial], job.attempts, spent=job.spent) for trial in job.trials]
    if isinstance(error, BrokenExecutor) and job.attempts < ATTEMPTS + DEATHS_ALONE:
        return [job]
    return []
