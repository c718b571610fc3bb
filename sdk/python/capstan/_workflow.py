"""Records what a file says, as the document that YAML would be, and prints it when the file ends."""

import atexit
import json
import math
import os
import sys
import traceback

from ._expressions import BuildError, Ref, Text, Value, has_marks

_bare_keys = ("if", "until", "expr")
_own_folder = os.path.dirname(os.path.abspath(__file__))
_declared = []


def _camel(name):
    """`max_parallel` → `maxParallel`, `with_` → `with`."""
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def _source(value, path):
    if isinstance(value, Value):
        return "${{ %s }}" % value._cel
    if isinstance(value, Text):
        return value.source
    if isinstance(value, str):
        if has_marks(value):
            raise BuildError("%s is text with a reference in it; write text(f\"…\")" % path)
        return value
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, dict):
        return _map(value, path)
    if isinstance(value, (list, tuple)):
        return [_source(item, "%s[%d]" % (path, i)) for i, item in enumerate(value)]
    raise BuildError("%s is a %s, which no document can hold" % (path, type(value).__name__))


def _map(value, path):
    made = {}
    for key, item in value.items():
        if not isinstance(key, str) or has_marks(key):
            raise BuildError("a key of %s is no plain text" % path)
        bare = key in _bare_keys and isinstance(item, Value)
        made[key] = item._cel if bare else _source(item, "%s.%s" % (path, key))
    return made


def _options(keys, path):
    """Keyword arguments as keys of the document. What is None where it takes nothing away is absent."""
    made = {}
    for name, value in keys.items():
        key = _camel(name)
        at = "%s.%s" % (path, name)
        if key == "needs":
            made[key] = [getattr(need, "id", need) for need in value]
        elif key in _bare_keys and isinstance(value, Value):
            made[key] = value._cel
        else:
            made[key] = _source(value, at)
    return made


def _caller():
    frame = sys._getframe(1)
    while frame is not None and os.path.dirname(os.path.abspath(frame.f_code.co_filename)) == _own_folder:
        frame = frame.f_back
    if frame is None:
        return None
    return {"file": os.path.abspath(frame.f_code.co_filename), "line": frame.f_lineno, "column": 1}


class Task:
    """A task: its outputs are known when it has succeeded. Using one makes the edge."""

    def __init__(self, id):
        self.id = id
        self.outputs = Ref(("tasks", id, "outputs"))
        self.state = Ref(("tasks", id, "state"))
        self.cached = Ref(("tasks", id, "cached"))
        self.attempts = Ref(("tasks", id, "attempts"))


class MappedTask:
    """A task run per item: results in the order of the items."""

    def __init__(self, id):
        self.id = id
        self.results = Ref(("tasks", id, "results"))
        self.counts = Ref(("tasks", id, "counts"))
        self.state = Ref(("tasks", id, "state"))


class _Matrix:
    def __init__(self, lists):
        self.lists = lists


def matrix(**lists):
    """Every combination of the lists' items, as the items of `map`; `include` and `exclude` beside them."""
    return _Matrix(lists)


class Workflow:
    """A workflow. Keys are those of the YAML file in Python's spelling: `fairness_key`, `cleanup_timeout` …"""

    def __init__(self, name, **config):
        self.name = name
        self.inputs = Ref(("inputs",))
        self.run = Ref(("run",))
        self.needs = Ref(("needs",))
        self.trigger = Ref(("trigger",))
        self.result = Ref(("result",))
        self.cursor = Ref(("cursor",))
        self.poll = Ref(("poll",))
        self._config = _options(config, name)
        self._tasks = {}
        self._hooks = {}
        self._outputs = {}
        self._secrets = []
        self._vars = []
        place = _caller()
        self._places = {} if place is None else {"": place}
        self._announce(place)

    def _announce(self, place):
        main = getattr(sys.modules.get("__main__"), "__file__", None)
        if place is None or main is None or os.path.abspath(main) != place["file"]:
            return
        if _declared:
            raise BuildError("a file declares one workflow; %s is a second one" % self.name)
        _declared.append(self)
        atexit.register(_print, self)

    def secret(self, name):
        """A secret by its name: passed on whole, never looked at."""
        if name not in self._secrets:
            self._secrets.append(name)
        return Value("secrets." + name, True)

    def vars(self, name):
        """A variable of the project."""
        if name not in self._vars:
            self._vars.append(name)
        return Ref(("vars", name))

    def task(self, id, **keys):
        """One task: its action by its key (`run=`, `python=`, `http=` …), and the keys of a task."""
        self._add(id, keys)
        return Task(id)

    def map(self, id, items, *, with_, **keys):
        """A task run per item. `with_` is a function of the item and the index."""
        over = {"matrix": items.lists} if isinstance(items, _Matrix) else {"for_each": items}
        self._add(id, dict(keys, **over, with_=with_(Ref(("item",)), Ref(("index",)))))
        return MappedTask(id)

    def chain(self, id, before, *, with_, **keys):
        """A task run per index of a mapped task. `with_` is a function of the one before, the item and the index."""
        given = with_(Ref(("prev",)), Ref(("item",)), Ref(("index",)))
        self._add(id, dict(keys, for_each={"chain": before.id}, with_=given))
        return MappedTask(id)

    def child(self, id, workflow, *, version=None, wait=None, **keys):
        """Another workflow as a task, by its name."""
        long = {"name": workflow, "version": version, "wait": wait}
        is_short = version is None and wait is None
        action = workflow if is_short else {key: value for key, value in long.items() if value is not None}
        self._add(id, dict(keys, workflow=action))
        return Task(id)

    def approval(self, id, *, title, from_, **keys):
        """A person decides."""
        fields = ("message", "need", "form", "timeout", "on_timeout", "on_reject", "allow_starter", "remind_every")
        own = {name: keys.pop(name) for name in fields if name in keys}
        self._add(id, dict(keys, approval=_options(dict(title=title, from_=from_, **own), id)))
        return Task(id)

    def wait(self, id, *, for_=None, until=None, event=None, **keys):
        """For a time, until one, or for an event."""
        given = {"for": for_, "until": until, "event": event}
        wait = {key: _source(value, "%s.wait.%s" % (id, key)) for key, value in given.items() if value is not None}
        self._add(id, dict(keys, wait=wait))
        return Task(id)

    def outputs(self, **values):
        """What a run returns."""
        self._outputs.update({name: _source(value, "outputs." + name) for name, value in values.items()})

    def on_start(self, **entry):
        self._hook("onStart", entry)

    def on_success(self, **entry):
        self._hook("onSuccess", entry)

    def on_failure(self, **entry):
        self._hook("onFailure", entry)

    def on_cancel(self, **entry):
        self._hook("onCancel", entry)

    def on_late(self, **entry):
        self._hook("onLate", entry)

    def on_recovery(self, **entry):
        self._hook("onRecovery", entry)

    def on_end(self, **entry):
        self._hook("onEnd", entry)

    def _hook(self, name, entry):
        entries = self._hooks.setdefault(name, [])
        place = _caller()
        if place is not None:
            self._places["/hooks/%s/%d" % (name, len(entries))] = place
        entries.append(_options(entry, "%s[%d]" % (name, len(entries))))

    def _add(self, id, keys):
        if id in self._tasks:
            raise BuildError("the task %s is there twice" % id)
        place = _caller()
        if place is not None:
            self._places["/tasks/" + id] = place
        self._tasks[id] = _options(keys, id)

    def _used_secrets(self):
        declared = self._config.get("secrets")
        others = [name for name in self._secrets if declared is None or name not in declared]
        if declared is not None and others:
            raise BuildError(
                "secrets has no %s; name the reference of each, or of none" % ", ".join(others)
            )
        return others if declared is None else declared

    def document(self):
        """What a YAML file would hold."""
        made = {"version": 1, "name": self.name}
        made.update(self._config)
        secrets = self._used_secrets()
        if secrets:
            made["secrets"] = secrets
        if self._vars:
            made["vars"] = self._vars
        made["tasks"] = self._tasks
        if self._outputs:
            made["outputs"] = self._outputs
        if self._hooks:
            made["hooks"] = self._hooks
        return made


def _print(workflow):
    # A file that ended with an exception has said what is wrong already.
    if hasattr(sys, "last_type") or hasattr(sys, "last_exc"):
        return
    try:
        _write(workflow, os.environ.get("CAPSTAN_BUILD"))
        sys.stdout.flush()
    except Exception:
        # Here an exception would be shown and the exit code would still say that all is well.
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


def _write(workflow, target):
    document = workflow.document()
    if not target:
        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
        return
    with open(target, "w", encoding="utf-8") as file:
        json.dump({"document": document, "places": workflow._places}, file, ensure_ascii=False, allow_nan=False)
