"""The best of the candidates; the first of equals, so that a repeated run chooses the same."""

import shutil
from pathlib import Path
from typing import TypedDict


class Best(TypedDict):
    model: Path
    accuracy: float
    params: dict


def best(candidates: list) -> Best:
    """Candidates are the outputs of the training tasks in the order of the grid; those that failed are None."""
    trained = [one for one in candidates if one is not None]
    if not trained:
        raise ValueError("no model of the grid was trained")
    chosen = max(trained, key=lambda one: one["accuracy"])
    print(f"accuracy {chosen['accuracy']:.4f} with {chosen['params']}")
    # What a task gives lies in its own folder; the files that it was given are read-only.
    model = Path("model.bin")
    shutil.copyfile(chosen["model"], model)
    return {"model": model, "accuracy": chosen["accuracy"], "params": chosen["params"]}
