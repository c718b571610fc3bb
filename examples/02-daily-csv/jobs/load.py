"""Loads a CSV file into SQLite. Standard library only; imports nothing of Capstan, so a plain test can call it."""

import csv
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TypedDict


class Loaded(TypedDict):
    rows: int


def quoted(name: str) -> str:
    """A name as an SQL identifier: identifiers cannot be bound as parameters."""
    return '"' + name.replace('"', '""') + '"'


def load_csv(source: Path, db: Path, table: str = "daily") -> Loaded:
    """Replaces the table by the rows of the file, in one transaction: readers see the old table or the new one."""
    with open(source, newline="", encoding="utf-8") as file, closing(sqlite3.connect(db)) as connection:
        reader = csv.reader(file)
        columns = [quoted(name) for name in next(reader)]
        places = ", ".join("?" * len(columns))
        with connection:
            # Python's sqlite3 begins no transaction by itself for CREATE and DROP.
            connection.execute("BEGIN")
            connection.execute(f"DROP TABLE IF EXISTS {quoted(table)}")
            connection.execute(f"CREATE TABLE {quoted(table)} ({', '.join(columns)})")
            rows = connection.executemany(f"INSERT INTO {quoted(table)} VALUES ({places})", reader).rowcount
    print(f"loaded {rows} rows into {table} of {db}")
    return {"rows": rows}
