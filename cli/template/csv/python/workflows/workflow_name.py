# Downloads a CSV file, and loads it into a SQLite database, which is an output of the run.
from capstan import Workflow

w = Workflow(
    "workflow_name",
    title="CSV into SQLite",
    inputs={
        "url": {
            "type": "string",
            "format": "uri",
            "default": "https://raw.githubusercontent.com/vega/vega-datasets/v3.2.1/data/seattle-weather.csv",
        },
        "table": {"type": "string", "pattern": "^[a-z_]+$", "default": "daily"},
    },
    # Each day at six: triggers=[{"id": "daily", "schedule": {"cron": "0 6 * * *", "timezone": "UTC"}}],
    defaults={"timeout": "10m", "retry": {"attempts": 3, "delay": "1s", "maxDelay": "5m"}},
)

download = w.task("download", http={"url": w.inputs.url, "saveAs": "daily.csv", "expect": {"status": [200]}})
load = w.task(
    "load",
    python="jobs.workflow_name:load",
    with_={"source": download.outputs.file, "table": w.inputs.table},
    outputs={"rows": "integer", "database": "file"},
)
w.outputs(rows=load.outputs.rows, database=load.outputs.database)
