"""Prices by code: nothing about anybody, so it may be worked out wherever machines are cheap."""

import csv
from datetime import date
from pathlib import Path
from typing import TypedDict


class Costs(TypedDict):
    table: Path
    rows: int


def price_list(day: date) -> Costs:
    prices = {"A10": 120.0, "B20": 75.5, "C30": 310.0, "D40": 42.0}
    factor = 1 + (day.isoweekday() in (6, 7)) * 0.25
    path = Path("costs.csv")
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["code", "price"])
        for code, price in prices.items():
            writer.writerow([code, price * factor])
    return {"table": path, "rows": len(prices)}
