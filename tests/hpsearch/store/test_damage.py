"""Files of past versions, damaged files, and `hpsearch check`: a clear message, and nothing made worse."""

import json
import random
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from hpsearch.contracts.errors import DatabaseError
from hpsearch.contracts.progress import silent
from hpsearch.contracts.seeds import SEED_BITS, TRIAL_SEED_BITS
from hpsearch.driver.check import check
from hpsearch.report import write_report
from hpsearch.store.database import Database
from hpsearch.store.schema import UPGRADES
from hpsearch.store.tables import load_tables
from tests.tools.editing import edited
from tests.tools.studies import OWN_STUDY, OWN_TASK, run_to_end

PAST = sorted((Path(__file__).parent / "databases").glob("v*.db"))


def verify(file, proposals=True):
    return check(file, proposals=proposals, progress=silent, trust=True)


def test_there_is_a_file_of_every_past_version():
    assert [path.stem for path in PAST] == [f"v{version}" for version in range(1, len(UPGRADES))]


@pytest.mark.parametrize("past", PAST, ids=lambda path: path.stem)
def test_a_file_of_a_past_version_is_read_and_goes_on_after_a_copy(past, tmp_path, monkeypatch):
    """Written by that version: two studies each of two methods, of three trials, stopped after four results."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "old_task", raising=False)  # another version's
    (tmp_path / "old_task.py").write_text(OWN_TASK)
    study = tmp_path / "old.toml"
    study.write_text(
        edited(edited(edited(OWN_STUDY, '"own"', '"old"'), "trials = 6", "trials = 3"), "repeats = 3", "repeats = 2")
        .format(module="old_task")
    )  # fmt: skip
    file, others = tmp_path / "old.db", tmp_path / f"old.{past.stem}.db"
    shutil.copy(past, file)
    others.write_text("somebody else's")
    before, bytes_before = load_tables(file).trials, file.read_bytes()
    assert (before["state"] == "complete").sum() == 4
    assert file.read_bytes() == bytes_before  # reading upgrades nothing
    assert verify(file).faults == ()
    run_to_end(study, "old.db")
    bits = SEED_BITS if int(past.stem[1:]) < 4 else TRIAL_SEED_BITS
    fresh = load_tables(run_to_end(study, "fresh.db", seed_bits=bits)).trials.drop(columns="seconds")
    assert load_tables(file).trials.drop(columns="seconds").equals(fresh)
    study.write_text(edited(study.read_text(), "trials = 3", "trials = 4"))
    run_to_end(study, "old.db")
    seeds = load_tables(file).trials["seed"]
    assert len(seeds) == 16
    assert (seeds.max() > 2**62) == (bits == SEED_BITS)  # as that version derived them, also those that are added
    assert verify(file).faults == ()
    assert others.read_text() == "somebody else's"
    kept = tmp_path / f"old.{past.stem}-2.db"
    with closing(sqlite3.connect(kept)) as copy:
        assert copy.execute("PRAGMA user_version").fetchone() == (int(past.stem[1:]),)
    assert load_tables(kept).trials.equals(before)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    (folder / "whole_task.py").write_text(OWN_TASK)
    (folder / "whole.toml").write_text(OWN_STUDY.format(module="whole_task"))
    return run_to_end(folder / "whole.toml")


@pytest.fixture
def copy(whole, tmp_path):
    shutil.copy(whole, tmp_path / "copy.db")
    return tmp_path / "copy.db"


def change(file, sql, *values):
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(sql, values)
        connection.commit()


class TestCheck:
    def test_a_whole_file_is_whole_and_its_proposals_come_again(self, whole):
        found = verify(whole)
        assert (found.trials, found.proposals, found.faults, found.incomparable) == (36, 36, (), ())
        assert verify(whole, proposals=False).proposals == 0

    @pytest.mark.parametrize(
        ("sql", "said"),
        [
            ("UPDATE trials SET seed = seed + 1 WHERE study_id = 2 AND trial = 3", "wide, study 2, trial 3: its seed"),
            ("UPDATE studies SET seed = 5 WHERE id = 4", "narrow, study 1: its seed"),
            ("DELETE FROM trials WHERE study_id = 1 AND trial = 2", "wide, study 1: its trials have gaps"),
            ("UPDATE trials SET state = 'well' WHERE study_id = 1 AND trial = 1", "trial 1: its state is 'well'"),
            ("UPDATE trials SET objective = NULL WHERE study_id = 1 AND trial = 1", "is complete and has no objective"),
            ("UPDATE trials SET run_id = 99 WHERE study_id = 1", "a row of trials refers to a row of runs"),
            ("DELETE FROM studies WHERE id = 6", "there are 5 studies, but 6 were planned"),
            ("UPDATE trials SET metrics = '{bad' WHERE study_id = 2 AND trial = 3", "copy.db: damaged: "),
            ("UPDATE trials SET curves = '[1]' WHERE study_id = 2 AND trial = 3", "curves are not what they should be"),
            ("UPDATE trials SET precision = 'fp 32' WHERE study_id = 2 AND trial = 3", "its precision is 'fp 32'"),
            ("UPDATE trials SET objective = 9e999 WHERE study_id = 2 AND trial = 3", "its objective is inf"),
            ("UPDATE trials SET state = 'proposed' WHERE study_id = 1 AND trial = 2", "the trial before it is not"),
            ("UPDATE comparison SET trials = 7", "trials is 7, but 6 in the recorded study file"),
            ("UPDATE comparison SET seed_bits = 63", "wide, study 1, trial 1: its seed is not the one that derives"),
        ],
    )
    def test_what_contradicts_itself_is_named(self, copy, sql, said):
        change(copy, sql)
        assert any(said in fault for fault in verify(copy, proposals=False).faults), verify(copy).faults

    def test_a_proposal_that_the_searcher_would_not_make_is_named(self, copy):
        (text,) = (
            sqlite3.connect(copy)
            .execute("SELECT configuration FROM trials WHERE study_id = 5 AND trial = 4")
            .fetchone()
        )
        changed = {**json.loads(text), "x": 0.123}
        change(copy, "UPDATE trials SET configuration = ? WHERE study_id = 5 AND trial = 4", json.dumps(changed))
        assert verify(copy).faults == ("narrow, study 2, trial 4: the searcher proposes another x",)

    def test_a_configuration_outside_of_the_space_is_named(self, copy):
        change(copy, 'UPDATE trials SET configuration = \'{"x": 99.0, "depth": 3}\' WHERE study_id = 5 AND trial = 4')
        assert "narrow, study 2, trial 4: its configuration is not in the method's space" in verify(copy).faults

    def test_many_faults_are_counted(self, copy):
        change(copy, "UPDATE trials SET seed = 1")
        assert verify(copy).faults[-1] == "and 26 more"

    def test_on_other_versions_it_says_so(self, copy):
        (text,) = sqlite3.connect(copy).execute("SELECT provenance FROM runs").fetchone()
        place = json.loads(text)
        change(copy, "UPDATE runs SET provenance = ?", json.dumps({**place, "processor": "another"}))
        assert verify(copy).incomparable[0].startswith("processor: another before")

    def test_what_differs_there_is_not_called_wrong(self, copy):
        """Of a run before the last one, too."""
        (text,) = sqlite3.connect(copy).execute("SELECT provenance FROM runs").fetchone()
        change(
            copy, "INSERT INTO runs (started, provenance) VALUES ('2026', ?)",
            json.dumps({**json.loads(text), "processor": "another"}),
        )  # fmt: skip
        change(copy, "UPDATE trials SET configuration = ? WHERE study_id = 1 AND trial = 1", '{"x": 0.5}')
        found = verify(copy)
        assert (found.faults, found.differing) == ((), 1)
        assert found.incomparable[-1] == "wide, study 1, trial 1: the searcher proposes another x"


class TestDamage:
    def read_and_write(self, file):
        """Everything that opens a file; DatabaseError is the only complaint."""
        with pytest.raises(DatabaseError) as first:
            load_tables(file)
        with pytest.raises(DatabaseError), Database(file, write=True):
            pass
        assert str(file) in str(first.value)
        assert "\n" not in str(first.value)

    @pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
    def test_a_truncated_file_is_refused_and_left_alone(self, copy, share):
        cut = copy.read_bytes()[: int(copy.stat().st_size * share)]
        copy.write_bytes(cut)
        self.read_and_write(copy)
        assert copy.read_bytes() == cut

    def test_bytes_that_flipped_are_found_or_at_least_no_surprise(self, copy):
        """A flip inside a number cannot be seen in one; whatever can is one sentence, and nothing is written."""
        good, seen, said = copy.read_bytes(), 0, set()
        chance = random.Random(0)
        for _ in range(60):
            bad = bytearray(good)
            at = chance.randrange(len(bad))
            bad[at] ^= 1 << chance.randrange(8)
            copy.write_bytes(bad)
            try:
                load_tables(copy)
                verify(copy)
            except DatabaseError as error:
                seen += 1
                said.add(str(error))
            assert copy.read_bytes() == bytes(bad)
        assert seen > 3
        assert not [sentence for sentence in said if "\n" in sentence]

    @pytest.mark.parametrize(
        "sql",
        [
            "UPDATE trials SET state = 'somplete' WHERE study_id = 1 AND trial = 1",
            "UPDATE methods SET label = 'wade' WHERE label = 'wide'",
            "UPDATE comparison SET data = '1'",
            "UPDATE comparison SET seed_bits = 64",
            "UPDATE runs SET provenance = '\"a text\"'",
            "UPDATE trials SET configuration = 'null' WHERE study_id = 1 AND trial = 1",
        ],
    )
    def test_texts_of_another_kind_are_one_sentence(self, copy, tmp_path, sql):
        change(copy, sql)
        with pytest.raises(DatabaseError, match="damaged"):
            write_report(copy, tmp_path / "report")

    def test_a_study_file_in_it_that_is_none_is_one_sentence(self, whole, tmp_path):
        copy = whole.with_name("spec.db")
        shutil.copy(whole, copy)
        change(copy, "UPDATE comparison SET spec = replace(spec, '\"seed\"', '\"seef\"')")
        with pytest.raises(DatabaseError, match=r"damaged.*: the study file in it"):
            run_to_end(whole.with_name("whole.toml"), "spec.db")

    @pytest.mark.parametrize("version", [-1, 1, 2, 3])
    def test_a_version_that_it_cannot_be_of_is_refused_and_left_alone(self, copy, version):
        change(copy, f"PRAGMA user_version = {version}")
        before = copy.read_bytes()
        self.read_and_write(copy)
        assert copy.read_bytes() == before
        assert [path.name for path in copy.parent.glob("*.v*.db")] == []

    def test_a_column_that_is_not_there_is_named(self, copy):
        change(copy, "ALTER TABLE trials DROP COLUMN halved")
        self.read_and_write(copy)
        with pytest.raises(DatabaseError, match=r"damaged: it says that .* version \d+, and lacks trials\.halved"):
            load_tables(copy)

    def test_a_file_of_a_newer_version_is_refused_and_left_alone(self, copy):
        change(copy, "PRAGMA user_version = 99")
        before = copy.read_bytes()
        self.read_and_write(copy)
        assert copy.read_bytes() == before

    def test_nothing_of_sqlite_is_no_database(self, tmp_path):
        file = tmp_path / "text.db"
        file.write_text("not a database, but long enough to be looked at " * 50)
        self.read_and_write(file)
