"""One model of the grid."""

import pickle
from pathlib import Path
from typing import TypedDict

import numpy
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.model_selection import train_test_split

from capstan import metric, progress


class Params(TypedDict):
    lr: float
    depth: int


class Trained(TypedDict):
    model: Path
    accuracy: float
    params: Params


def train(dataset: Path, lr: float, depth: int) -> Trained:
    """Trains on four fifths of the rows and tells the accuracy on the fifth that it has not seen."""
    table = numpy.genfromtxt(dataset, delimiter=",", skip_header=1)
    x_train, x_test, y_train, y_test = train_test_split(table[:, :-1], table[:, -1], test_size=0.2, random_state=7)
    progress(0, 1, f"learning rate {lr}, depth {depth}")
    model = GradientBoostingClassifier(learning_rate=lr, max_depth=depth, n_estimators=60, random_state=7)
    model.fit(x_train, y_train)
    accuracy = float(model.score(x_test, y_test))
    metric("accuracy", accuracy)
    path = Path("model.bin")
    path.write_bytes(pickle.dumps(model))
    return {"model": path, "accuracy": accuracy, "params": {"lr": lr, "depth": depth}}
