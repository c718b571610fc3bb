"""What a Capstan task may say beside its result. Standard library only, Python 3.9 and later.

Outside of a task every call does nothing but what it says in its own line, so code that uses it runs in a plain test.
"""

import json
import os

__all__ = ["progress", "metric", "asset", "note", "link", "state", "summary", "Retry", "Skip"]

_LINE_BYTES_MAX = 4096


class Retry(Exception):
    """Ends the attempt and asks for another one, `after` that many seconds at the earliest (exit code 75)."""

    def __init__(self, message="the task asks for another try", after=None):
        super().__init__(message)
        self.after = after


class Skip(Exception):
    """Ends the task run as skipped (exit code 77)."""


def _event(kind, fields):
    path = os.environ.get("CAPSTAN_EVENTS")
    if not path:
        return
    body = {key: value for key, value in fields.items() if value is not None}
    line = json.dumps(dict(body, type=kind), default=str, ensure_ascii=False).encode("utf-8") + b"\n"
    if len(line) > _LINE_BYTES_MAX:
        raise ValueError("an event of %d bytes is larger than 4 KiB" % len(line))
    # One write of a whole line to a file opened for appending: lines of several processes do not mix.
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


def progress(done, total=None, text=None):
    """How far the task is; shown as a bar where `total` is known."""
    _event("progress", {"done": done, "total": total, "text": text})


def metric(name, value, unit=None):
    """One measured number under a name."""
    _event("metric", {"name": name, "value": value, "unit": unit})


def asset(uri, rows=None, version=None, schema=None):
    """Something that the task wrote, for the lineage."""
    _event("asset", {"uri": uri, "rows": rows, "version": version, "schema": schema})


def note(text, level="info"):
    """A sentence for the run page: info, warning or error."""
    _event("note", {"level": level, "text": text})


def link(text, url):
    """A link for the run page."""
    _event("link", {"text": text, "url": url})


def summary(markdown):
    """Adds Markdown to the run page."""
    path = os.environ.get("CAPSTAN_SUMMARY")
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(markdown if markdown.endswith("\n") else markdown + "\n")


class _State:
    """A JSON value kept from attempt to attempt, where the agent offers it (CAPSTAN_STATE)."""

    def load(self, default=None):
        path = os.environ.get("CAPSTAN_STATE")
        if not path or not os.path.exists(path):
            return default
        with open(path, encoding="utf-8") as file:
            return json.load(file)

    def save(self, value):
        path = os.environ.get("CAPSTAN_STATE")
        if not path:
            return
        text = json.dumps(value)
        if len(text) > 64 * 1024:
            raise ValueError("the state of a task is limited to 64 KiB")
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(path + ".new", path)


state = _State()
