"""What is done on each side. The rows stay in `extract`; a count and a mean leave it."""

import random


def extract(day: str):
    # Put the query of your own database here.
    rows = [round(random.Random(f"{day}-{number}").uniform(80, 400), 2) for number in range(120)]
    print(f"{len(rows)} rows of {day} read; they stay here")
    return {"count": len(rows), "mean": sum(rows) / len(rows)}


def report(day: str, count: int, mean: float):
    text = f"{day}: {count} cases, {mean:.2f} on average"
    print(text)
    return {"text": text}
