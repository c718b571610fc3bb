"""Loads the weather file into SQLite. Standard library only."""

import csv
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TypedDict


class Loaded(TypedDict):
    rows: int


def load_csv(source: Path, db: Path) -> Loaded:
    """Replaces the table by the rows of the file, in one transaction."""
    with open(source, newline="", encoding="utf-8") as file, closing(sqlite3.connect(db)) as connection:
        reader = csv.reader(file)
        next(reader)
        with connection:
            connection.execute("BEGIN")
            connection.execute("DROP TABLE IF EXISTS weather")
            connection.execute(
                "CREATE TABLE weather (date TEXT, precipitation REAL, temp_max REAL, temp_min REAL, wind REAL, weather TEXT)"
            )
            rows = connection.executemany("INSERT INTO weather VALUES (?, ?, ?, ?, ?, ?)", reader).rowcount
    return {"rows": rows}
