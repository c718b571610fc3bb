"""Values of a task on their way into Python and back: by annotation in, as JSON out. See bootstrap.py."""

import os


class Unsupported(Exception):
    """A signature that has no JSON Schema, or a value that is not JSON."""


class Invalid(Exception):
    """An input that does not fit its annotation."""


def hints_of(thing):
    import typing

    return typing.get_type_hints(thing)


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
