"""The matrix of venue faults, row by row: every cell ends as the design says.

`python -m tests.campaigns.matrix "V02 part"` plays single cells and tells their steps.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from tests.campaigns import matrix
from tests.campaigns.faults import FAULTS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = tuple(dict.fromkeys(fault.row for fault in FAULTS))
DAILY = {"m2", "m3", "m5 unwind", "m6", "a2", "a3", "a5"}
"""Orders at which every row is played on every run."""


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Thousands of expected failures would only slow the log down."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_every_row_of_the_matrix_has_cells() -> None:
    """A row that nobody plays proves nothing."""
    assert [f"V{number:02}" for number in range(1, 31)] == sorted(ROWS)
    assert len(list(matrix.cells())) > 2_500


@pytest.mark.parametrize("row", ROWS)
def test_a_fault_at_an_order_ends_as_designed(row: str) -> None:
    """Each venue fault at each kind of order, without a crash."""
    found = matrix.chosen(
        lambda cell: (
            cell.fault.row == row and not cell.crash and cell.moment.name in DAILY
        )
    )

    assert found == []
