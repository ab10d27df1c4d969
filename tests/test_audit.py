"""The audit of the locked packages: a known vulnerability fails it, a service that cannot be asked is told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CLEAN = {"name": "one", "version": "1.0", "vulns": []}
VULNERABLE = {"name": "two", "version": "2.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"]}]}
UNKNOWN = {"name": "three", "skip_reason": "Dependency not found"}


def audit(folder: Path, output: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the audit with a pip-audit that says this."""
    fake = folder / "pip-audit"
    fake.write_text(f"#!{sys.executable}\nimport sys\nsys.stdout.write({output!r})\nsys.exit({code})\n")
    fake.chmod(0o755)
    command = [sys.executable, "tools/audit.py", str(fake), "requirements.txt"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def report(*packages: object) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


def test_a_known_vulnerability_fails_it(tmp_path: Path) -> None:
    ended = audit(tmp_path, report(CLEAN, VULNERABLE, UNKNOWN), 1)
    assert ended.returncode == 1
    assert ended.stdout == "audit: two 2.0: PYSEC-1, mended in 2.1\n"


def test_without_one_it_says_what_was_looked_at(tmp_path: Path) -> None:
    ended = audit(tmp_path, report(CLEAN))
    assert (ended.returncode, ended.stdout) == (0, "audit: requirements.txt: no known vulnerability in 1 packages\n")


@pytest.mark.parametrize(
    ("output", "code"), [(report(CLEAN, UNKNOWN), 0), ("", 1), ("not JSON", 1), ("[]", 0), ("{}", 0)]
)
def test_a_service_that_cannot_be_asked_is_told_and_fails_nothing(tmp_path: Path, output: str, code: int) -> None:
    ended = audit(tmp_path, output, code)
    assert ended.returncode == 0
    assert ended.stdout.count("\n") == 1
    assert "was NOT audited" in ended.stdout


def test_the_gate_asks_for_it() -> None:
    assert "make audit" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "\ncheck: lint types audit test\n" in (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "--hash=" in (ROOT / "requirements.txt").read_text(encoding="utf-8")
