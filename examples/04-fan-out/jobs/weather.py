"""Splits the weather file by year, measures one year, and puts the answers into a table. Standard library only."""

import csv
from pathlib import Path
from typing import TypedDict


class Part(TypedDict):
    year: int
    days: Path


class Split(TypedDict):
    parts: list[Part]


class Year(TypedDict):
    year: int
    days: int
    rainy: int
    hottest: float


class Report(TypedDict):
    table: Path


def split(source: Path) -> Split:
    """Writes the days of each year to a file of their own."""
    with open(source, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        names = reader.fieldnames or []
        days: dict[int, list[dict[str, str]]] = {}
        for row in reader:
            days.setdefault(int(row["date"][:4]), []).append(row)
    parts: list[Part] = []
    for year, rows in sorted(days.items()):
        path = Path(f"{year}.csv")
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(rows)
        parts.append({"year": year, "days": path})
    return {"parts": parts}


def measure(year: int, days: Path) -> Year:
    """Counts the days of one year and those with rain, and finds the hottest."""
    with open(days, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {
        "year": year,
        "days": len(rows),
        "rainy": sum(1 for row in rows if row["weather"] == "rain"),
        "hottest": max(float(row["temp_max"]) for row in rows),
    }


def report(years: list[Year]) -> Report:
    """One line per year."""
    path = Path("years.csv")
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["year", "days", "rainy", "hottest"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(years)
    return {"table": path}
