"""Asks which of the pinned Python packages have known vulnerabilities: `python -m tests.support.audit`.

`pip-audit` asks the package index. It passes over what the index does not answer for; here that is a failure, so that a
release never goes out unchecked because a network was in the way.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from lab.base.project import PROJECT

_PINNED = (*sorted((PROJECT / "requirements").glob("*.txt")), PROJECT / "lab" / "requirements.txt")


def main() -> int:
    """Audit each file of pinned requirements; return 1 if anything is vulnerable or was not checked."""
    count = 0
    for file in _PINNED:
        found = _audit(file)
        sys.stdout.write("\n  ".join((f"{file.relative_to(PROJECT)}:", *(found or ["nothing known"]))) + "\n")
        sys.stdout.flush()
        count += len(found)
    return int(count > 0)


def problems(report: str, last_words: str) -> list[str]:
    """Return a sentence per vulnerability, and one for all that was not checked, from `pip-audit --format json`.

    Without a report nothing was checked; `last_words` is what pip-audit said instead.
    """
    try:
        packages: list[dict[str, Any]] = json.loads(report)["dependencies"]
    except (ValueError, KeyError):
        return [f"NOT CHECKED, pip-audit failed: {last_words}"]
    if not packages:
        return ["NOT CHECKED, pip-audit found no packages"]
    found = []
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    if skipped:
        found.append(f"NOT CHECKED, the vulnerability service has no answer for: {', '.join(skipped)}")
    for package in packages:
        for vulnerability in package.get("vulns", ()):
            fixed = ", ".join(vulnerability["fix_versions"]) or "no version yet"
            found.append(f"{package['name']} {package['version']}: {vulnerability['id']}, fixed in {fixed}")
    return found


def _audit(file: Path) -> list[str]:
    options = ("--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json")
    command = (sys.executable, "-m", "pip_audit", *options, "--requirement", str(file))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return problems(done.stdout, done.stderr.strip().rpartition("\n")[2])


if __name__ == "__main__":
    sys.exit(main())
