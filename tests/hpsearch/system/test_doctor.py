"""What `hpsearch doctor` finds: parsers on known texts, judgements on known numbers, and this machine for real."""

import os
import shutil
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest

from hpsearch.contracts.errors import TaskError
from hpsearch.system import doctor, machine

GB = 10**9
NO_FEATURE_OF_BF16 = "flags\t\t: fpu avx avx2 avx512f\n"


@pytest.fixture
def groups(tmp_path):
    """Write files of cgroups by path; returns what to hand to the functions that read them."""

    def write(own, files):
        (tmp_path / "cgroup").write_text(own)
        for name, text in files.items():
            path = tmp_path / "groups" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return {"own": tmp_path / "cgroup", "groups": tmp_path / "groups"}

    return write


@pytest.mark.parametrize(
    ("text", "cores"),
    [
        ("150000 100000\n", 1.5), ("50000 100000", 0.5), ("max 100000\n", None), ("-1\n 100000\n", None),
        ("", None), (" ", None), ("100000", None), ("1 0", None), ("a b", None),
    ],
)  # fmt: skip
def test_a_cpu_quota_in_cores(text, cores):
    assert machine.quota_cores(text) == cores


def test_the_tightest_quota_of_all_groups_around_counts(groups):
    files = {"job/cpu.max": "400000 100000", "job/step/cpu.max": "max 100000", "cpu.max": "800000 100000"}
    assert machine.cpu_quota(**groups("0::/job/step\n", files)) == 4


def test_quota_and_memory_of_cgroups_version_1(groups, tmp_path):
    files = {
        "cpu/job/cpu.cfs_quota_us": "150000\n", "cpu/job/cpu.cfs_period_us": "100000\n",
        "cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n",
        "memory/memory.limit_in_bytes": "9223372036854771712\n", "memory/memory.usage_in_bytes": "0\n",
        "memory/job/memory.limit_in_bytes": f"{4 * GB}\n", "memory/job/memory.usage_in_bytes": f"{3 * GB}\n",
        "memory/job/memory.stat": f"cache 7\ntotal_inactive_file {2 * GB}\n",
    }  # fmt: skip
    found = groups("5:memory:/job\n4:cpu,cpuacct:/job\n1:name=systemd:/x\n0::/\n", files)
    assert machine.cpu_quota(**found) == 1.5
    assert machine.memory_available(tmp_path / "none", **found) == 3 * GB


def test_in_a_container_the_path_of_the_host_is_not_there(groups):
    assert machine.cpu_quota(**groups("0::/docker/1a2b\n", {"cpu.max": "200000 100000"})) == 2


def test_memory_is_what_is_free_within_the_limit(groups, tmp_path):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text(
        "MemTotal:       24683972 kB\nMemFree:  23 kB\nMemAvailable:    2000000 kB\nHugePages_Total:  0\n"
    )
    unlimited = groups("0::/\n", {"memory.max": "max\n"})
    assert machine.memory_available(meminfo, **unlimited) == 2000000 * 1024
    limited = groups("0::/\n", {"memory.max": f"{GB}\n", "memory.current": f"{2 * GB}\n"})
    assert machine.memory_available(meminfo, **limited) == 0


def test_nothing_is_known_without_proc(tmp_path):
    missing = tmp_path / "none"
    assert machine.cpu_quota(missing, missing) is None
    assert machine.memory_available(missing, missing, missing) is None
    assert machine.vectors(machine.read(missing)) == []


def test_vectors_are_whole_words():
    assert machine.vectors(NO_FEATURE_OF_BF16) == ["avx2", "avx512f"]
    assert machine.vectors("flags : amx_bf16 avx512_bf16") == ["avx512_bf16", "amx_bf16"]
    assert machine.vectors("Features : fp asimd bf16 i8mm") == ["bf16"]


def test_the_tested_versions_of_this_checkout_and_of_a_wheel(tmp_path):
    assert doctor.constraints()["ax-platform"]
    assert doctor.constraints(tmp_path / "hpsearch") == {}
    (tmp_path / "hpsearch").mkdir()
    (tmp_path / "hpsearch" / "constraints.txt").write_text(
        "# tested\nAx_Platform==1.0\ntorch==2.0+cpu ; x\nlocal @ file\n"
    )
    assert doctor.constraints(tmp_path / "hpsearch") == {"ax-platform": "1.0", "torch": "2.0+cpu"}


def test_another_ax_is_wrong_and_another_numpy_may_change_bits():
    found = {"hpsearch": "0.1.0", "ax-platform": "1.2.0", "numpy": "2.0.0", "torch": "2.0+cpu"}
    same, ax, numpy = doctor.versions(found, {"ax-platform": "1.3.1", "numpy": "2.4.6", "torch": "2.0"})
    assert (same.value, same.verdict) == ("hpsearch 0.1.0, torch 2.0+cpu", "ok")
    assert (ax.value, ax.verdict) == ("1.2.0, tested with 1.3.1", "wrong")
    assert "pip install ax-platform==1.3.1" in ax.remark
    assert (numpy.verdict, "last bits" in numpy.remark) == ("info", True)


def test_without_ax_and_without_tested_versions():
    versions, ax = doctor.versions({"numpy": "2.0.0"}, {})
    assert (versions.verdict, ax.subject, ax.value, ax.verdict) == ("info", "ax-platform", "not installed", "wrong")
    assert doctor.versions({"ax-platform": "9"}, {})[-1].verdict == "info"


def test_a_processor_without_avx2_is_slow():
    assert doctor.vectors("flags : sse2 avx").verdict == "slow"
    assert doctor.vectors(NO_FEATURE_OF_BF16).verdict == "ok"
    assert doctor.vectors("").verdict == "ok"


@pytest.mark.parametrize(
    ("usable", "quota", "verdict", "told"),
    [(4, None, "ok", ""), (4, 4.0, "ok", ""), (4, 2.5, "slow", "--workers 2"), (1, 0.5, "slow", "--workers 1")],
)
def test_a_quota_below_the_cores_says_how_many_workers(usable, quota, verdict, told):
    finding = doctor.cores(usable, quota)
    assert finding.verdict == verdict
    assert told in finding.remark


def test_load_above_the_cores_makes_measurements_unreliable():
    assert doctor.busy(2.0, 2).verdict == "ok"
    assert doctor.busy(2.6, 2).verdict == "slow"
    assert doctor.busy(None, 2).verdict == "info"


@pytest.mark.parametrize(
    ("available", "verdict", "told"),
    [(8 * GB, "ok", ""), (int(1.7 * GB), "slow", "--workers 2"), (GB, "wrong", "killed"), (None, "info", "0.5 GB")],
)
def test_memory_says_how_many_workers_fit(available, verdict, told):
    finding = doctor.memory(available, workers=4)
    assert finding.verdict == verdict
    assert told in finding.remark


def test_slow_bf16_says_why():
    slow = doctor.precision(100.0, 2.0, ["avx2"])
    assert slow.verdict == "slow"
    assert '"bf16" is 50 times as slow' in slow.remark
    assert "neither AMX nor AVX512-BF16" in slow.remark
    assert "AMX" not in doctor.precision(100.0, 50.0, ["amx_bf16"]).remark
    assert "AMX" not in doctor.precision(100.0, 50.0, []).remark  # this system does not tell its features
    assert doctor.precision(100.0, 500.0, ["amx_bf16"]).verdict == "ok"


@pytest.mark.parametrize(
    ("flags", "precision"), [("avx2 avx512f", "fp32"), ("avx512_bf16", "bf16"), ("amx_bf16", "bf16"), ("bf16", "fp32")]
)
def test_auto_is_bf16_where_the_processor_has_instructions_for_it_and_doctor_says_which(tmp_path, flags, precision):
    (tmp_path / "cpuinfo").write_text(f"flags\t: fpu {flags} sse\n")
    assert machine.precision("auto", "cpu", tmp_path / "cpuinfo") == precision
    assert machine.precision("auto", "cpu", tmp_path / "not there") == "fp32"
    assert machine.precision("fp32", "cpu", tmp_path / "cpuinfo") == "fp32"
    for bf16 in (50.0, 500.0):
        assert f'"auto" takes {precision}' in doctor.precision(100.0, bf16, flags.split()).remark


def torch_that_says(cuda=None, warning=None, devices=()):
    def available():
        if warning:
            warnings.warn(warning, stacklevel=1)
        return bool(devices)

    found = SimpleNamespace(
        is_available=available, device_count=lambda: len(devices), get_device_properties=devices.__getitem__
    )
    return SimpleNamespace(version=SimpleNamespace(cuda=cuda, hip=None), cuda=found)


@pytest.mark.parametrize(
    ("torch", "driver", "verdict", "told"),
    [
        (torch_that_says(), False, "info", "processor"),
        (torch_that_says(), True, "slow", "without CUDA"),
        (torch_that_says("12.6"), False, "info", "CPU build"),
        (torch_that_says("12.6"), True, "slow", "CUDA_VISIBLE_DEVICES"),
        (torch_that_says("12.6", "the driver is\ntoo old"), True, "slow", "the driver is too old"),
    ],
)
def test_why_there_is_no_gpu(torch, driver, verdict, told):
    (finding,) = doctor.gpus(torch, driver)
    assert finding.verdict == verdict
    assert told in finding.remark


def test_a_gpu_with_its_memory_and_compute_capability():
    gpu = SimpleNamespace(name="NVIDIA H100", total_memory=80 * GB, major=9, minor=0)
    (finding,) = doctor.gpus(torch_that_says("12.6", devices=[gpu]), driver=True)
    assert (finding.value, finding.verdict) == ("NVIDIA H100, 80 GB, compute capability 9.0", "ok")
    assert "--devices auto" in finding.remark
    (finding,) = doctor.gpus(torch_that_says("12.6", "no kernels for sm_90", devices=[gpu]), driver=True)
    assert (finding.verdict, finding.remark) == ("wrong", "no kernels for sm_90")


def folder(path):
    return doctor.folder("cache folder", path, ("wrong", "let HPSEARCH_CACHE"), "far away")


def test_a_folder_is_looked_at_and_left_as_it_was(tmp_path):
    assert folder(tmp_path).verdict == "ok"
    assert folder(tmp_path / "a" / "b").verdict == "ok"
    assert "not made yet" in folder(tmp_path / "a" / "b").value
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_folder_is_wrong(tmp_path):
    (tmp_path / "file").touch()
    places = [tmp_path / "file", tmp_path / "file" / "below", *([Path("/proc")] if Path("/proc/self").exists() else [])]
    for place in places:
        finding = folder(place)
        assert (finding.verdict, finding.remark) == ("wrong", "let HPSEARCH_CACHE")
        assert str(place) in finding.value


def test_little_space_and_a_network_file_system(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "is_shared", lambda _: True)
    assert (folder(tmp_path).verdict, folder(tmp_path).remark) == ("slow", "far away")
    free = shutil.disk_usage(tmp_path).free
    monkeypatch.setattr(doctor, "LITTLE_SPACE", 2 * free)
    assert (folder(tmp_path).verdict, "free some space" in folder(tmp_path).remark) == ("slow", True)
    monkeypatch.setattr(doctor, "NO_SPACE", 2 * free)
    assert folder(tmp_path).verdict == "wrong"


def test_a_missing_data_set_says_how_to_fetch_it(tmp_path):
    def missing():
        raise TaskError("no digits under /x: give --data DIR")

    found = doctor.dataset("digits", lambda: tmp_path)
    assert (found.value, found.verdict) == (str(tmp_path), "ok")
    assert "hpsearch data check digits" in found.remark
    finding = doctor.dataset("digits", missing)
    assert finding.remark == "no digits under /x: give --data DIR; or fetch it: hpsearch data fetch digits"


def test_an_extra_that_is_not_installed():
    assert doctor.extra("pytest", "").verdict == "ok"
    finding = doctor.extra("no_such_package", "export needs it")
    assert (finding.verdict, finding.remark) == ("info", "export needs it: pip install no_such_package")


def test_this_machine(tmp_path):
    findings = doctor.examine([("digits", lambda: tmp_path)])
    by_subject = {finding.subject: finding for finding in findings}
    assert {"python", "versions", "processor", "cores", "load", "memory", "torch", "matrix products"} <= set(by_subject)
    assert by_subject["data digits"].value == str(tmp_path)
    assert by_subject["cache folder"].value.startswith(os.environ["HPSEARCH_CACHE"])
    assert all(finding.value for finding in findings)
    assert all(finding.remark for finding in findings if finding.verdict in ("slow", "wrong"))


def test_a_machine_without_proc_and_git(monkeypatch):
    real, real_is_file = Path.read_text, Path.is_file

    def read_text(self, *arguments, **options):
        if str(self).startswith(("/proc", "/sys")):
            raise FileNotFoundError(self)
        return real(self, *arguments, **options)

    def no_load():
        raise OSError

    monkeypatch.setattr(Path, "read_text", read_text)
    monkeypatch.setattr(Path, "is_file", lambda self: not str(self).startswith("/proc") and real_is_file(self))
    monkeypatch.setattr(os, "getloadavg", no_load)
    monkeypatch.setenv("PATH", "")
    values = {finding.subject: finding.value for finding in doctor.examine()}
    assert (values["memory"], values["load"]) == ("unknown", "unknown")
