"""Training and selection, with a model that is one number. Standard library only, so a plain test can call it."""

import json
import shutil
from pathlib import Path


def train(rate: float):
    """Finds the root of two by steps of `rate`; the nearer, the more accurate. Put your own training here."""
    guess = 1.0
    for _ in range(20):
        guess -= rate * (guess * guess - 2) / (2 * guess)
    accuracy = max(0.0, 1 - abs(guess - 2**0.5))
    model = Path("model.json")
    model.write_text(json.dumps({"guess": guess, "rate": rate}))
    print(f"rate {rate}: accuracy {accuracy:.4f}")
    return {"model": model, "accuracy": accuracy}


def select(candidates: list):
    """The best of what was trained; those that failed are None."""
    best = max((one for one in candidates if one is not None), key=lambda one: one["accuracy"])
    # What a task gives lies in its own folder; the files that it was given are read-only.
    model = Path("model.json")
    shutil.copyfile(best["model"], model)
    return {"model": model, "accuracy": best["accuracy"]}
