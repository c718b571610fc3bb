# `care_report.yaml` in Python.
from capstan import Workflow, always, expr, or_value, percent, text

w = Workflow(
    "care_report",
    owner="analytics",
    tags=["daily", "care"],
    description="Rows of the day, and a report where there are enough of them.",
    inputs={
        "day": {"type": "string", "format": "date", "default": "2026-01-31"},
        "threshold": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.92},
        "url": {"type": "string", "format": "uri"},
        "limit": {"type": "integer", "minimum": 1, "optional": True},
    },
    secrets={"CARE_DB": "env:CAPSTAN_SECRET_CARE_DB", "HOOK": "env:CAPSTAN_SECRET_HOOK"},
    timeout="2h",
    defaults={"timeout": "10m", "retry": {"attempts": 3, "delay": "10s", "causes": ["error", "exit:75"]}},
)

download = w.task(
    "download",
    http={"url": w.inputs.url, "saveAs": "care.csv", "expect": {"status": [200, "203-206"]}},
)
load = w.task(
    "load",
    python="jobs.load:load",
    with_={
        "source": download.outputs.file,
        "day": w.inputs.day,
        "limit": or_value(w.inputs.limit, 100),
        "dsn": w.secret("CARE_DB"),
    },
    runs_on={"zone": "onprem"},
    outputs={"rows": {"type": "integer", "minimum": 0}, "accuracy": "number", "table": "file"},
)
rows, accuracy = load.outputs.rows, load.outputs.accuracy
publish = w.task(
    "publish",
    if_=expr(f"{accuracy} >= {w.inputs.threshold} && {rows} > 10"),
    run={"script": 'cat "$TABLE"\n', "shell": "sh"},
    env={"TABLE": load.outputs.table, "KEY": text(f"care/{w.inputs.day}/${{{{ x }}}}.csv")},
    grace="20s",
    outputs={"uri": "string"},
)
w.task("tidy", run="rm -rf /tmp/care", if_=always(), needs=[publish], timeout=None)
w.outputs(rows=rows, published=expr(f'{publish.state} == "succeeded"'))
w.on_success(
    webhook={
        "url": "https://chat.example/x",
        "headers": {"authorization": w.secret("HOOK")},
        "json": {"text": text(f"{rows} rows, {percent(accuracy)}")},
    },
)
w.on_failure(run="echo failed", env={"TASK": w.run.failure.task})
