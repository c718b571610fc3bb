"""Runs a Python function as a Capstan task, and describes one. Standard library only, Python 3.9 and later.

    bootstrap.py call module:function      inputs from CAPSTAN_INPUTS, outputs to CAPSTAN_OUTPUTS
    bootstrap.py file path/of/script.py    runs it as __main__
    bootstrap.py inline path/of/text.py    the same; its lines are named <inline>
    bootstrap.py describe module:function  JSON Schema of the signature, on stdout

Modules are found in CAPSTAN_CODE_DIR. What a function cannot say with its annotations is passed as it came.
  B1. Nothing of a user runs in `describe` but the import of the module.
  B2. Exit codes: 0, 1 for an exception (told in CAPSTAN_ERROR), 75 for Retry, 77 for Skip.
"""

import json
import os
import sys

CODE_DIR = os.environ.get("CAPSTAN_CODE_DIR") or os.getcwd()


class Unsupported(Exception):
    """A signature that has no JSON Schema, or a value that is not JSON."""


class Invalid(Exception):
    """An input that does not fit its annotation."""


def load(target):
    import importlib

    module_name, _, path = target.partition(":")
    function = importlib.import_module(module_name)
    for name in path.split("."):
        function = getattr(function, name)
    return function


def hints_of(thing):
    import typing

    return typing.get_type_hints(thing)


# Annotations, for both ways -------------------------------------------------------------------------------------


def parts_of(kind):
    """(origin, arguments) of an annotation; unions of the two spellings are alike."""
    import types
    import typing

    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is not None and str(origin) == "<class 'typing.Annotated'>":
        return parts_of(args[0])
    if hasattr(kind, "__metadata__"):
        return parts_of(kind.__origin__)
    if origin is typing.Union or (hasattr(types, "UnionType") and origin is types.UnionType):
        return typing.Union, args
    return origin, args


def is_typed_dict(kind):
    return isinstance(kind, type) and issubclass(kind, dict) and hasattr(kind, "__total__")


def is_subclass(kind, base):
    return isinstance(kind, type) and issubclass(kind, base)


def schema_of(kind, place):
    """The JSON Schema of an annotation."""
    import collections.abc
    import dataclasses
    import datetime
    import decimal
    import enum
    import pathlib
    import typing
    import uuid

    if hasattr(kind, "__metadata__"):
        kind = kind.__origin__
    if kind is None or kind is type(None):
        return {"type": "null"}
    if kind is typing.Any or kind is object:
        return {}
    if is_subclass(kind, enum.Enum):
        return {"enum": [member.value for member in kind]}
    simple = {
        bool: {"type": "boolean"},
        int: {"type": "integer"},
        float: {"type": "number"},
        decimal.Decimal: {"type": "number"},
        str: {"type": "string"},
        datetime.datetime: {"type": "string", "format": "date-time"},
        datetime.date: {"type": "string", "format": "date"},
        datetime.time: {"type": "string", "format": "time"},
        datetime.timedelta: {"type": "string", "format": "duration"},
        uuid.UUID: {"type": "string", "format": "uuid"},
    }
    if isinstance(kind, type) and kind in simple:
        return dict(simple[kind])
    if is_subclass(kind, pathlib.PurePath):
        return {"type": "file"}
    origin, args = parts_of(kind)
    if origin is typing.Union:
        others = [arg for arg in args if arg is not type(None)]
        if len(others) == 1:
            return dict(schema_of(others[0], place), nullable=True)
        raise Unsupported("%s: a union of several types has no form here; use Any" % place)
    if origin is typing.Literal:
        return {"enum": list(args)}
    lists = (list, tuple, set, frozenset, collections.abc.Sequence, collections.abc.Iterable, collections.abc.Set)
    if kind in lists or origin in lists:
        items = [arg for arg in args if arg is not Ellipsis]
        schema = {"type": "array"}
        if len(set(items)) == 1:
            schema["items"] = schema_of(items[0], place + "[]")
        return schema
    if is_typed_dict(kind):
        hints = hints_of(kind)
        required = sorted(getattr(kind, "__required_keys__", hints))
        return {"type": "object", "properties": {name: schema_of(hint, place + "." + name) for name, hint in hints.items()}, "required": required}
    if dataclasses.is_dataclass(kind):
        hints = hints_of(kind)
        missing = dataclasses.MISSING
        fields = [field for field in dataclasses.fields(kind) if field.init]
        return {
            "type": "object",
            "properties": {field.name: schema_of(hints[field.name], place + "." + field.name) for field in fields},
            "required": [field.name for field in fields if field.default is missing and field.default_factory is missing],
        }
    if hasattr(kind, "model_json_schema"):
        return kind.model_json_schema()
    if kind in (dict, collections.abc.Mapping) or origin in (dict, collections.abc.Mapping):
        schema = {"type": "object"}
        if len(args) == 2 and args[1] is not typing.Any:
            schema["additionalProperties"] = schema_of(args[1], place + ".*")
        return schema
    raise Unsupported("%s: %s has no JSON Schema here" % (place, getattr(kind, "__name__", kind)))


def describe(target):
    """The schema of inputs and result, and the docstring."""
    import inspect

    function = load(target)
    hints = hints_of(function)
    properties, required, more = {}, [], False
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            more = True
            continue
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.POSITIONAL_ONLY):
            raise Unsupported("%s: arguments are passed by name, so *args and positional-only ones have no meaning" % name)
        schema = schema_of(hints[name], name) if name in hints else {}
        if parameter.default is parameter.empty:
            required.append(name)
        else:
            try:
                schema = dict(schema, default=jsonable(parameter.default, name))
            except Unsupported:
                pass  # optional all the same; the default is shown by nobody
        properties[name] = schema
    result = {
        "call": target,
        "inputs": {"type": "object", "properties": properties, "required": required, "additionalProperties": more},
        "doc": inspect.getdoc(function) or "",
    }
    if "return" in hints and hints["return"] is not type(None):
        result["outputs"] = schema_of(hints["return"], "return")
    return result


# Values in ------------------------------------------------------------------------------------------------------


def plain(value):
    """A value without an annotation: a File is its path, a secret its text, the rest as it came."""
    if isinstance(value, dict):
        if "$file" in value and isinstance(value["$file"], dict):
            import pathlib

            return pathlib.Path(value["$file"]["path"])
        if len(value) == 1 and isinstance(value.get("$secret"), str):
            return secret(value["$secret"])
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def secret(name):
    with open(os.path.join(os.environ["CAPSTAN_SECRETS_DIR"], name), encoding="utf-8") as file:
        return file.read()


def duration(text):
    """`90s`, `1h30m`, `PT1H30M` or a number of seconds as a timedelta."""
    import datetime
    import re

    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
    found = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", text.lower().lstrip("p").replace("t", ""))
    if "".join(number + unit for number, unit in found) != text.lower().lstrip("p").replace("t", "") or not found:
        raise ValueError("%r is no duration" % text)
    return datetime.timedelta(seconds=sum(float(number) * units[unit] for number, unit in found))


def instant(text):
    import datetime

    # fromisoformat takes the Z only from Python 3.11 on, and nine digits of a second in no version.
    text = text.strip()
    if text[-1:] in "Zz":
        text = text[:-1] + "+00:00"
    return datetime.datetime.fromisoformat(text)


def convert(value, kind, place):
    """A JSON value as what the annotation asks for."""
    import collections.abc
    import dataclasses
    import datetime
    import decimal
    import enum
    import pathlib
    import typing
    import uuid

    if hasattr(kind, "__metadata__"):
        kind = kind.__origin__
    if isinstance(value, dict) and len(value) == 1 and isinstance(value.get("$secret"), str):
        value = secret(value["$secret"])
    if kind is typing.Any or kind is object:
        return plain(value)
    origin, args = parts_of(kind)
    if origin is typing.Union:
        if value is None and type(None) in args:
            return None
        failures = []
        for arg in args:
            if arg is not type(None):
                try:
                    return convert(value, arg, place)
                except Invalid as error:
                    failures.append(error)
        raise failures[0]
    try:
        if is_subclass(kind, enum.Enum):
            return kind(value)
        if is_subclass(kind, pathlib.PurePath):
            path = value["$file"]["path"] if isinstance(value, dict) and "$file" in value else value
            if isinstance(path, str):
                return pathlib.Path(path)
        elif kind is datetime.datetime and isinstance(value, str):
            return instant(value)
        elif kind is datetime.date and isinstance(value, str):
            return datetime.date.fromisoformat(value) if len(value) == 10 else instant(value).date()
        elif kind is datetime.time and isinstance(value, str):
            return datetime.time.fromisoformat(value)
        elif kind is datetime.timedelta:
            return datetime.timedelta(seconds=value) if isinstance(value, (int, float)) else duration(value)
        elif kind is decimal.Decimal and isinstance(value, (int, float, str)):
            return decimal.Decimal(str(value))
        elif kind is uuid.UUID and isinstance(value, str):
            return uuid.UUID(value)
        elif kind is bool and isinstance(value, bool):
            return value
        elif kind is int and not isinstance(value, bool) and isinstance(value, (int, float)) and value == int(value):
            return int(value)
        elif kind is float and not isinstance(value, bool) and isinstance(value, (int, float)):
            return float(value)
        elif kind is str and isinstance(value, str):
            return value
        elif kind is str and isinstance(value, dict) and "$file" in value:
            return value["$file"]["path"]
        elif origin is typing.Literal:
            if value in args:
                return value
        elif kind in (list, tuple, set, frozenset) or origin in (list, tuple, set, frozenset, collections.abc.Sequence, collections.abc.Iterable, collections.abc.Set):
            if isinstance(value, list):
                inner = [arg for arg in args if arg is not Ellipsis]
                if origin is tuple and Ellipsis not in args and len(inner) == len(value):
                    items = [convert(item, inner[i], "%s[%d]" % (place, i)) for i, item in enumerate(value)]
                else:
                    items = [convert(item, inner[0], "%s[%d]" % (place, i)) if inner else plain(item) for i, item in enumerate(value)]
                maker = origin or kind
                return maker(items) if maker in (list, tuple, set, frozenset) else items
        elif is_typed_dict(kind) and isinstance(value, dict):
            hints = hints_of(kind)
            return {key: convert(item, hints[key], place + "." + key) if key in hints else plain(item) for key, item in value.items()}
        elif dataclasses.is_dataclass(kind) and isinstance(value, dict):
            hints = hints_of(kind)
            unknown = sorted(set(value) - set(hints))
            if unknown:
                raise Invalid("%s has no field %s" % (place, ", ".join(unknown)))
            return kind(**{key: convert(item, hints[key], place + "." + key) for key, item in value.items()})
        elif hasattr(kind, "model_validate"):
            return kind.model_validate(plain(value))
        elif kind in (dict, collections.abc.Mapping) or origin in (dict, collections.abc.Mapping):
            if isinstance(value, dict):
                return {key: convert(item, args[1], place + "." + key) if len(args) == 2 else plain(item) for key, item in value.items()}
        elif origin is None and not isinstance(kind, type):
            return plain(value)
    except (ValueError, TypeError, KeyError) as error:
        raise Invalid("%s: %s" % (place, error))
    raise Invalid("%s: %s is no %s" % (place, type(value).__name__, getattr(kind, "__name__", kind)))


# Values out -----------------------------------------------------------------------------------------------------


def jsonable(value, place):
    """A result as JSON; a Path is a file that the task leaves."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise Unsupported("%s is %r, which is not JSON" % (place, value))
        return float(value)
    if isinstance(value, dict):
        return {str(key): jsonable(item, "%s.%s" % (place, key)) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(item, "%s[%d]" % (place, i)) for i, item in enumerate(value)]
    import dataclasses
    import datetime
    import decimal
    import enum
    import pathlib
    import uuid

    if isinstance(value, enum.Enum):
        return jsonable(value.value, place)
    if isinstance(value, (set, frozenset)):
        return [jsonable(item, place + "[]") for item in sorted(value, key=repr)]
    if isinstance(value, datetime.timedelta):
        return "%gs" % value.total_seconds()
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, pathlib.PurePath):
        path = os.path.abspath(str(value))
        return {"$file": path}
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, decimal.Decimal):
        return float(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: jsonable(getattr(value, field.name), "%s.%s" % (place, field.name)) for field in dataclasses.fields(value)}
    if hasattr(value, "model_dump"):
        return jsonable(value.model_dump(mode="json"), place)
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        return jsonable(value.item(), place)  # a numpy scalar
    raise Unsupported("%s: %s is not JSON; write a file and return its Path" % (place, type(value).__name__))


def write_outputs(result):
    if result is None:
        return
    if not isinstance(result, dict) and not hasattr(result, "model_dump") and not hasattr(result, "__dataclass_fields__"):
        declared = [name for name in os.environ.get("CAPSTAN_OUTPUT_NAMES", "").split(",") if name]
        if len(declared) != 1:
            raise Unsupported("the function returned %s; with %d declared outputs it has to return a dict" % (type(result).__name__, len(declared)))
        result = {declared[0]: result}
    text = json.dumps(jsonable(result, "the result"), ensure_ascii=False)
    with open(os.environ["CAPSTAN_OUTPUTS"], "w", encoding="utf-8") as file:
        file.write(text)


def read_inputs():
    path = os.environ.get("CAPSTAN_INPUTS")
    if not path or not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def call(target):
    function = load(target)
    inputs = read_inputs()
    hints = hints_of(function) if getattr(function, "__annotations__", None) else {}
    arguments = {name: convert(value, hints[name], name) if name in hints else plain(value) for name, value in inputs.items()}
    result = function(**arguments)
    if hasattr(result, "__await__"):
        import asyncio

        async def wait(awaitable):
            return await awaitable

        result = asyncio.run(wait(result))
    write_outputs(result)


def run_file(path, shown):
    with open(path, "rb") as file:
        code = compile(file.read(), shown, "exec")
    import types

    module = types.ModuleType("__main__")
    module.__file__ = shown
    sys.modules["__main__"] = module
    exec(code, module.__dict__)


# Ends -----------------------------------------------------------------------------------------------------------


def last_own_frame(trace):
    """File and line of the last frame that lies in the bundle (or is inline text), relative to the bundle."""
    found = (None, None)
    root = os.path.realpath(CODE_DIR) + os.sep
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name == "<inline>":
            found = (name, trace.tb_lineno)
        else:
            real = os.path.realpath(name)
            if real.startswith(root):
                found = (real[len(root):], trace.tb_lineno)
        trace = trace.tb_next
    return found


def write_error(error, **more):
    path = os.environ.get("CAPSTAN_ERROR")
    if not path:
        return
    name, line = last_own_frame(error.__traceback__)
    body = {"type": type(error).__name__, "message": str(error)[:8000], "file": name, "line": line}
    if isinstance(error, SyntaxError) and error.filename:
        root = os.path.realpath(CODE_DIR) + os.sep
        real = os.path.realpath(error.filename)
        body["file"] = real[len(root):] if real.startswith(root) else error.filename
        body["line"] = error.lineno
    body.update(more)
    try:
        with open(path, "w", encoding="utf-8") as file:
            json.dump({key: value for key, value in body.items() if value is not None}, file)
    except OSError as problem:
        print("CAPSTAN_ERROR cannot be written: %s" % problem, file=sys.stderr)


def print_own_traceback(error):
    """The traceback without the frames of this file."""
    import traceback

    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace)


def main(arguments):
    if len(arguments) != 2 or arguments[0] not in ("call", "file", "inline", "describe"):
        print("usage: bootstrap.py call|file|inline|describe TARGET", file=sys.stderr)
        return 64
    mode, target = arguments
    here = os.path.dirname(os.path.abspath(__file__))
    # First the bundle, then our own folder for `import capstan`; never the folder that the task runs in.
    sys.path[:] = [CODE_DIR, here] + [path for path in sys.path if path not in ("", here, CODE_DIR)]
    try:
        if mode == "describe":
            json.dump(describe(target), sys.stdout)
            sys.stdout.write("\n")
        elif mode == "call":
            call(target)
        elif mode == "file":
            run_file(os.path.join(CODE_DIR, target), os.path.join(CODE_DIR, target))
        else:
            run_file(target, "<inline>")
    except Exception as error:
        sys.stdout.flush()
        # The module is loaded only where a task imported it, so its classes are found without importing it here.
        ours = sys.modules.get("capstan")
        if ours is not None and isinstance(error, getattr(ours, "Skip", ())):
            print("skipped: %s" % error, file=sys.stderr)
            return 77
        if ours is not None and isinstance(error, getattr(ours, "Retry", ())):
            after = getattr(error, "after", None)
            write_error(error, retryable=True, retryAfterMs=None if after is None else int(after * 1000))
            print("asks for another try: %s" % error, file=sys.stderr)
            return 75
        print_own_traceback(error)
        if isinstance(error, Invalid):
            write_error(error, type="InvalidInput", retryable=False)
        else:
            write_error(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
