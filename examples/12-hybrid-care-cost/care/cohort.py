"""The patients of a day. A database stands here in real life; this one is made up from the date, no row is anybody's."""

import csv
import random
from datetime import date
from pathlib import Path
from typing import TypedDict


class Cohort(TypedDict):
    rows: Path
    count: int


def extract(day: date) -> Cohort:
    """Writes one line a stay: patient, department and the codes of what was done."""
    draw = random.Random(day.isoformat())
    departments = ["surgery"] * 5 + ["cardiology"] * 3 + ["paediatrics"] * 2
    count = draw.randint(60, 90)
    path = Path("cohort.csv")
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["patient", "department", "codes"])
        for number in range(count):
            codes = draw.sample(["A10", "B20", "C30", "D40"], draw.randint(1, 3))
            writer.writerow([f"p{number:04d}", draw.choice(departments), " ".join(codes)])
        # One that is alone in its department: it must not show in what is published.
        writer.writerow([f"p{count:04d}", "toxicology", "D40"])
    return {"rows": path, "count": count + 1}
