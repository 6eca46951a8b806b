"""Read the CSV tables of this folder: a header, the separator `|`, no cell empty."""

import csv
from pathlib import Path

FOLDER = Path(__file__).parent


class TableError(ValueError):
    """A table that cannot be read; the text says where and why."""


def lines(name: str, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """The lines of the table `name`.csv, which has these columns; blank lines are skipped."""
    text = (FOLDER / f"{name}.csv").read_text(encoding="utf-8")
    rows = csv.reader(
        (line for line in text.splitlines() if line.strip()), delimiter="|", quoting=csv.QUOTE_NONE
    )
    header, *body = [tuple(cell.strip() for cell in row) for row in rows]
    if header != columns:
        raise TableError(f"{name}.csv: the columns are {'|'.join(columns)}")
    for row in body:
        if len(row) != len(columns) or not all(row):
            raise TableError(f"{name}.csv: `{row[0]}`: a cell is missing, empty or too much")
    return [dict(zip(columns, row, strict=True)) for row in body]
