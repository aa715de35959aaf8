"""A release check that could not ask must not look like one that found nothing."""

import json

import pytest

from tests.support.audit import problems

FINE = {"name": "aiohttp", "version": "3.13.0", "vulns": []}
BAD = {"name": "aiohttp", "version": "3.9.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3.9.4", "3.10.0"]}]}
UNFIXED = {"name": "pyyaml", "version": "6", "vulns": [{"id": "GHSA-1", "fix_versions": []}]}
SKIPPED = {"name": "ours", "skip_reason": "Dependency not found on PyPI and could not be audited: ours (1)"}


@pytest.mark.parametrize(
    ("packages", "found"),
    [
        ([FINE], []),
        ([FINE, BAD], ["aiohttp 3.9.0: PYSEC-1, fixed in 3.9.4, 3.10.0"]),
        ([UNFIXED], ["pyyaml 6: GHSA-1, fixed in no version yet"]),
        ([SKIPPED, FINE], ["NOT CHECKED, the vulnerability service has no answer for: ours"]),
        ([], ["NOT CHECKED, pip-audit found no packages"]),
    ],
)
def test_vulnerable_and_unchecked_packages_are_named(packages: list[object], found: list[str]) -> None:
    assert problems(json.dumps({"dependencies": packages, "fixes": []}), "") == found


@pytest.mark.parametrize("report", ["", "{}", "no JSON"])
def test_a_service_that_cannot_be_reached_is_not_a_clean_bill(report: str) -> None:
    assert problems(report, "Could not connect") == ["NOT CHECKED, pip-audit failed: Could not connect"]
