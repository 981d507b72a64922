"""The AVX-512 kernels are asked for only where they are safe, overlooked and not chosen otherwise."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from convstudio import cpu

FEATURES = "fpu avx2 avx512f avx512dq avx512cd avx512bw avx512vl"


def description(vendor: str = "AuthenticAMD", flags: str = FEATURES) -> str:
    one = f"processor\t: 0\nvendor_id\t: {vendor}\nmodel name\t: some processor\nflags\t\t: {flags}\n\n"
    return one * 2


def test_amd_with_every_feature_is_overlooked() -> None:
    assert cpu.overlooked(description())


@pytest.mark.parametrize("missing", ["avx512f", "avx512dq", "avx512cd", "avx512bw", "avx512vl"])
def test_one_missing_feature_would_crash(missing: str) -> None:
    assert not cpu.overlooked(description(flags=FEATURES.replace(missing, "")))


def test_intel_needs_no_help() -> None:
    assert not cpu.overlooked(description(vendor="GenuineIntel"))


def test_nonsense_is_no_processor() -> None:
    assert not cpu.overlooked("")
    assert not cpu.overlooked("no colon here\n: nameless\n")


@pytest.fixture
def before_numpy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As if NumPy were not loaded, on a processor that is overlooked, with nothing chosen."""
    monkeypatch.setenv(cpu._VARIABLE, "to be put back after the test")
    monkeypatch.delenv(cpu._VARIABLE)
    monkeypatch.delitem(sys.modules, "numpy", raising=False)
    path = tmp_path / "cpuinfo"
    path.write_text(description())
    monkeypatch.setattr(cpu, "_CPUINFO", path)


def test_tune_chooses(before_numpy: None) -> None:
    assert cpu.tune()
    assert os.environ["OPENBLAS_CORETYPE"] == "SkylakeX"


def test_the_users_choice_stays(before_numpy: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    assert not cpu.tune()
    assert os.environ["OPENBLAS_CORETYPE"] == "Haswell"


def test_too_late_after_numpy(before_numpy: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", sys)
    assert not cpu.tune()
    assert "OPENBLAS_CORETYPE" not in os.environ


def test_no_description_no_choice(
    before_numpy: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cpu, "_CPUINFO", tmp_path / "missing")
    assert not cpu.tune()


def test_numpy_works_after_tuning_and_is_not_loaded_by_it() -> None:
    code = (
        "import sys; from convstudio import cpu; cpu.tune(); assert 'numpy' not in sys.modules; "
        "import numpy; a = numpy.ones((64, 64), 'f4'); assert ((a @ a) == 64).all()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
