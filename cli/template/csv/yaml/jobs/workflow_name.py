"""Loads a CSV file into SQLite. Standard library only, so a plain test can call it."""

import csv
import sqlite3
from contextlib import closing
from pathlib import Path


def quoted(name: str) -> str:
    """A name as an SQL identifier: identifiers cannot be bound as parameters."""
    return '"' + name.replace('"', '""') + '"'


def load(source: Path, table: str):
    database = Path("daily.db")
    with open(source, newline="", encoding="utf-8") as file, closing(sqlite3.connect(database)) as connection:
        reader = csv.reader(file)
        columns = [quoted(name) for name in next(reader)]
        with connection:
            connection.execute(f"CREATE TABLE {quoted(table)} ({', '.join(columns)})")
            places = ", ".join("?" * len(columns))
            rows = connection.executemany(f"INSERT INTO {quoted(table)} VALUES ({places})", reader).rowcount
    print(f"loaded {rows} rows into {table}")
    return {"rows": rows, "database": database}
