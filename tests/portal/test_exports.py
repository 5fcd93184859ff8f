"""Files for spreadsheets: no cell runs, every number survives."""

from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO

import pytest
from django.http import HttpResponse, StreamingHttpResponse
from openpyxl import load_workbook

from portal.exports import download

HOSTILE = ["=1+1", "+1", "-1", "@x", "\tx", "\rx"]
ROWS = [[text, Decimal("-1.50"), -3, None, datetime(2026, 1, 1, tzinfo=UTC)] for text in HOSTILE]


def test_csv_holds_no_formula_and_keeps_negative_numbers() -> None:
    response = download("csv", "table", ["a", "b", "c", "d", "e"], ROWS)
    assert isinstance(response, StreamingHttpResponse)
    lines = b"".join(response.streaming_content).decode("utf-8-sig").splitlines()  # type: ignore[arg-type]  # not awaited
    assert lines[1] == "'=1+1,-1.50,-3,,2026-01-01 00:00:00"
    assert response["Content-Disposition"] == 'attachment; filename="table.csv"'


def test_xlsx_holds_texts_and_numbers() -> None:
    response = download("xlsx", "table", ["a", "b", "c", "d", "e"], ROWS)
    assert isinstance(response, HttpResponse)
    sheet = load_workbook(BytesIO(response.content)).active
    cells = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)]
    assert all(str(row[0]).startswith("'") for row in cells)
    assert len(cells) == len(HOSTILE)
    assert cells[0][1:3] == [-1.5, -3]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "inlineStr", "n", "d"}


@pytest.mark.parametrize("asked", ["", "pdf", "CSV"])
def test_another_format_is_no_download(asked: str) -> None:
    assert download(asked, "table", [], []) is None
