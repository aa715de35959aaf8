"""Quantities are read as Kubernetes reads them, whatever their spelling, and refused with a remedy."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalthea.api import quantities
from amalthea.api.schema import Quantity

LARGEST = 2**63 - 1


@pytest.mark.parametrize(
    ("quantity", "value"),
    [
        (0, "0"),
        (2, "2"),
        ("2", "2"),
        ("+2", "2"),
        ("-2", "-2"),
        ("1.5", "1.5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("500m", "0.5"),
        ("100u", "0.0001"),
        ("12345n", "0.000012345"),
        ("1k", "1000"),
        ("1M", "1e6"),
        ("1G", "1e9"),
        ("1T", "1e12"),
        ("1P", "1e15"),
        ("1E", "1e18"),
        ("1Ki", "1024"),
        ("1.5Mi", "1572864"),
        ("1Gi", "1073741824"),
        ("1Ti", "1099511627776"),
        ("1Pi", "1125899906842624"),
        ("1Ei", "1152921504606846976"),
        ("2e3", "2000"),
        ("2E3", "2000"),
        ("1e-3", "0.001"),
        ("1e+3", "1000"),
    ],
)
def test_every_spelling_of_a_quantity_is_read(quantity: Quantity, value: str) -> None:
    assert quantities.parse(quantity) == Decimal(value)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "Gi", ".", "1 Gi", " 1", "1\n", "1K", "1ki", "1Mb", "1gi", "1GiB", "1mi", "--1", "1e", "1e1.5"),
        *("1e3Ki", "0x10", "1_000", "1,5", "NaN", "Infinity", "two", "٣", "9" * 5000),
    ],
)
def test_a_quantity_that_kubernetes_refuses_is_refused_with_the_remedy(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a quantity: write .* such as 500m") as refusal:
        quantities.parse(text)
    assert len(str(refusal.value)) < 300, "the message must fit into a condition"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10E", LARGEST),
        ("8Ei", LARGEST),
        ("-8Ei", -LARGEST),
        ("1e1000000000000000000", LARGEST),
        ("0.1n", Decimal("1e-9")),
        ("1.1n", Decimal("2e-9")),
        ("1e-1000000000000000000", Decimal("1e-9")),
        ("0e1000000000000000000", 0),
    ],
)
def test_a_quantity_beyond_kubernetes_range_is_capped_and_rounded_as_there(text: str, value: Decimal) -> None:
    assert quantities.parse(text) == value


@pytest.mark.parametrize(
    ("one", "other"),
    [("1024Mi", "1Gi"), ("0.5", "500m"), (1, "1"), (2, "2000m"), ("1e3", "1k"), ("1.0", "1"), ("1536Mi", "1.5Gi")],
)
def test_another_spelling_is_not_taken_for_a_change(one: Quantity, other: Quantity) -> None:
    assert quantities.equal(one, other)
    assert quantities.equal(other, one)


@pytest.mark.parametrize(("one", "other"), [("1G", "1Gi"), ("1M", "1m"), ("1", "-1"), (1, "1001m")])
def test_another_amount_is_not_taken_for_the_same(one: Quantity, other: Quantity) -> None:
    assert not quantities.equal(one, other)


@pytest.mark.parametrize(
    ("quantity", "cores"), [("1m", 1), ("500m", 1), (1, 1), ("1001m", 2), ("2.5", 3), ("0", 0), ("1n", 1)]
)
def test_a_remote_session_gets_no_fewer_cores_and_devices_than_it_asked_for(quantity: Quantity, cores: int) -> None:
    assert quantities.whole_up(quantity) == cores


@pytest.mark.parametrize(
    ("quantity", "mebibytes"),
    [
        ("1Gi", 1024),
        ("1Mi", 1),
        (1, 0),
        ("1M", 0),
        ("1G", 953),
        ("1048577", 1),
        ("0", 0),
        ("1.5G", 1430),
        ("8Ei", 2**43 - 1),
    ],
)
def test_a_remote_session_asks_for_no_more_memory_than_its_user_did(quantity: Quantity, mebibytes: int) -> None:
    assert quantities.whole_mebibytes(quantity) == mebibytes


@given(st.integers(-LARGEST, LARGEST), st.sampled_from([("m", 1000), ("u", 10**6), ("n", 10**9)]))
def test_a_finer_unit_loses_nothing(count: int, unit: tuple[str, int]) -> None:
    suffix, parts = unit
    assert quantities.parse(f"{count}{suffix}") * parts == count


@given(st.integers(-(2**20), 2**20), st.sampled_from([("Ki", "Mi"), ("Mi", "Gi"), ("Gi", "Ti")]))
def test_each_binary_suffix_is_1024_of_the_one_before(count: int, suffixes: tuple[str, str]) -> None:
    smaller, larger = suffixes
    assert quantities.equal(f"{count * 1024}{smaller}", f"{count}{larger}")


@given(st.text(alphabet="0123456789.+-eEnumkKMGTPi", max_size=12))
def test_any_text_gives_a_quantity_or_a_value_error(text: str) -> None:
    try:
        value = quantities.parse(text)
    except ValueError as refusal:
        assert repr(text) in str(refusal)  # noqa: PT017  (both outcomes are right; each is checked)
    else:
        assert abs(value) <= LARGEST
