"""The JSON Schema of a function's signature. See bootstrap.py."""

from capstan_values import Unsupported, hints_of, is_subclass, is_typed_dict, jsonable, parts_of


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


def describe(target, function):
    """The schema of inputs and result, and the docstring."""
    import inspect

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
