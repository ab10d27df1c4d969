"""The bill of materials: every locked package with its version and hashes, and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_every_locked_package_is_in_the_bill_with_its_hashes() -> None:
    command = [sys.executable, "tools/sbom.py", "requirements.txt"]
    bill = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    locked = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    pinned = set(re.findall(r"^([\w.-]+)==([^ \\]+)", locked, re.MULTILINE))
    assert {(one["name"], one["version"]) for one in bill["components"]} == pinned
    hashes = {one["content"] for component in bill["components"] for one in component["hashes"]}
    assert hashes == set(re.findall(r"sha256:([0-9a-f]{64})", locked))
    assert bill["bomFormat"] == "CycloneDX"
    assert str(ROOT) not in json.dumps(bill)
