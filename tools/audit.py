"""Ask the advisory service about the locked packages: ``python tools/audit.py PIP_AUDIT REQUIREMENTS``.

Ends with 1 when a package has a known vulnerability. When the service cannot be asked, it says so in one line and ends
with 0: whether that machine has a network is no property of this program.
"""

# ruff: noqa: INP001  a script, not a package

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

SECONDS = 300


def main(pip_audit: str, requirements: str) -> int:
    """Run pip-audit on a hash-pinned file and print what it found."""
    command = [pip_audit, "-r", requirements, "--require-hashes", "--disable-pip", "--format", "json"]
    try:
        ended = subprocess.run(  # noqa: S603  the Makefile names both
            [*command, "--progress-spinner", "off"], capture_output=True, text=True, timeout=SECONDS, check=False
        )
        packages = json.loads(ended.stdout)["dependencies"]
    except (OSError, ValueError, KeyError, TypeError, subprocess.TimeoutExpired) as error:
        return _unasked(requirements, type(error).__name__)
    found = [(package, advisory) for package in packages for advisory in package.get("vulns", ())]
    for package, advisory in found:
        _say(f"{package['name']} {package['version']}: {advisory['id']}, mended in {_mended(advisory)}")
    if found:
        return 1
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    if unknown:
        return _unasked(requirements, f"{len(unknown)} of {len(packages)} packages are unknown to it")
    _say(f"{requirements}: no known vulnerability in {len(packages)} packages")
    return 0


def _unasked(requirements: str, why: str) -> int:
    _say(f"{requirements} was NOT audited: the advisory service could not be asked ({why})")
    return 0


def _mended(advisory: dict[str, Any]) -> str:
    return ", ".join(advisory.get("fix_versions", ())) or "no version yet"


def _say(line: str) -> None:
    sys.stdout.write(f"audit: {line}\n")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
