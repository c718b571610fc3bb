# Work beside the data, and work elsewhere: one task reads where the rows are, another goes on with what may leave.
# Both are in the pool `default` so that it runs as it is; name your own pools (capstan pools list).
from capstan import Workflow

w = Workflow(
    "workflow_name",
    title="Read on the site, report elsewhere",
    inputs={"day": {"type": "string", "format": "date", "default": "2026-03-02"}},
)

extract = w.task(
    "extract",
    runs_on={"pool": "default"},  # the pool of the agents beside the data
    lease="24h",  # outlives a long outage of the line
    python="jobs.workflow_name:extract",
    with_={"day": w.inputs.day},
    outputs={"count": "integer", "mean": "number"},
)
report = w.task(
    "report",
    runs_on={"pool": "default"},  # any pool that may see sums
    python="jobs.workflow_name:report",
    with_={"day": w.inputs.day, "count": extract.outputs.count, "mean": extract.outputs.mean},
    outputs={"text": "string"},
)
w.outputs(text=report.outputs.text)
