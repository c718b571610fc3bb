"""The data set of a week: here the breast cancer measurements that scikit-learn ships (569 rows, 30 columns)."""

import csv
from pathlib import Path
from typing import TypedDict

from sklearn.datasets import load_breast_cancer


class Snapshot(TypedDict):
    dataset: Path
    rows: int


def snapshot() -> Snapshot:
    """Writes the data set as CSV, the label last, so that every model of the week sees the same bytes."""
    data = load_breast_cancer()
    path = Path("dataset.csv")
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*data.feature_names, "label"])
        for row, label in zip(data.data, data.target):
            writer.writerow([*row, label])
    return {"dataset": path, "rows": len(data.target)}
