# Trains a grid of models side by side, keeps the best, and releases it only where it is good enough.
from capstan import Workflow, expr

w = Workflow(
    "workflow_name",
    title="Retrain, and release above a threshold",
    inputs={
        "threshold": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.9},
        "grid": {
            "type": "array",
            "items": {"type": "object", "required": ["rate"], "properties": {"rate": {"type": "number"}}},
            "default": [{"rate": 0.1}, {"rate": 0.5}, {"rate": 0.9}],
        },
    },
    # Each Monday: triggers=[{"id": "weekly", "schedule": {"cron": "0 4 * * 1", "timezone": "UTC"}}],
)

train = w.map(
    "train",
    w.inputs.grid,
    python="jobs.workflow_name:train",
    with_=lambda item, index: {"rate": item.rate},
    outputs={"model": "file", "accuracy": "number"},
    max_parallel=2,
    retry={"attempts": 2, "causes": ["timeout", "oom"]},
)
select = w.task(
    "select",
    python="jobs.workflow_name:select",
    with_={"candidates": train.results},
    outputs={"model": "file", "accuracy": "number"},
)
# Below the threshold it is skipped, with the two numbers as the reason: capstan explain @last/release
release = w.task(
    "release",
    if_=expr(f"{select.outputs.accuracy} >= {w.inputs.threshold}"),
    run='echo "released a model of accuracy $ACCURACY"',
    env={"ACCURACY": select.outputs.accuracy},
)
w.outputs(accuracy=select.outputs.accuracy, released=expr(f'{release.state} == "succeeded"'))
