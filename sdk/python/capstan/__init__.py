"""Workflows in Python: a file that declares one prints its document as JSON when it is run.

    from capstan import Workflow, expr, text

    w = Workflow("daily", inputs={"day": {"type": "string", "format": "date"}})
    load = w.task("load", python="jobs.load:load", with_={"day": w.inputs.day}, outputs={"rows": "integer"})
    w.task("tell", run="echo $TEXT", env={"TEXT": text(f"{load.outputs.rows} rows")}, if_=expr(f"{load.outputs.rows} > 0"))
    w.outputs(rows=load.outputs.rows)

Standard library only, Python 3.9 or newer. Types are checked by `capstan validate`, not by Python.
"""

from ._expressions import BuildError, always, cancelled, expr, failure, or_value, percent, success, text
from ._workflow import Workflow, matrix

__all__ = [
    "BuildError",
    "Workflow",
    "always",
    "cancelled",
    "expr",
    "failure",
    "matrix",
    "or_value",
    "percent",
    "success",
    "text",
]
