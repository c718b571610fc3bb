"""References, and the text that they become.

R1. A reference has no value while a workflow is built. In an f-string it leaves a mark that only `expr` and `text`
    understand; a mark that is found anywhere else is refused, and so is every comparison.
"""

import json
import re

_marks = {}
_mark_pattern = re.compile("\0(\\d+)\0")
_name_pattern = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class BuildError(Exception):
    """A mistake in how a workflow is written."""


def _step(name):
    if isinstance(name, int):
        return "[%d]" % name
    return "." + name if _name_pattern.match(name) else "[%s]" % json.dumps(name, ensure_ascii=False)


class Value:
    """Something that has a value once the run gets there."""

    def __init__(self, cel, is_whole):
        object.__setattr__(self, "_cel", cel)
        object.__setattr__(self, "_is_whole", is_whole)

    def _refuse(self, doing):
        raise BuildError(
            "%s has no value yet and cannot be %s: it is known when the run gets there; use expr or text"
            % (self._cel, doing)
        )

    def __format__(self, spec):
        if spec:
            self._refuse("formatted with %r" % spec)
        _marks[str(id(self))] = self
        return "\0%d\0" % id(self)

    def __str__(self):
        return format(self)

    def __repr__(self):
        return "Ref(%s)" % self._cel

    def __hash__(self):
        return id(self)

    def __eq__(self, _other):
        self._refuse("compared")

    __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __eq__

    def __bool__(self):
        self._refuse("asked whether it is true")

    def __iter__(self):
        self._refuse("looped over (map makes a task of each item)")

    def __len__(self):
        self._refuse("counted (write size(…) in expr)")

    def __contains__(self, _item):
        self._refuse("searched")

    def __setattr__(self, name, _value):
        self._refuse("given %s" % name)


class Ref(Value):
    """A path: reading an attribute or an item makes a longer one."""

    def __init__(self, path):
        super().__init__(path[0] + "".join(_step(name) for name in path[1:]), True)
        object.__setattr__(self, "_path", tuple(path))

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return Ref(self._path + (name,))

    def __getitem__(self, name):
        if not isinstance(name, (str, int)) or isinstance(name, bool):
            self._refuse("asked for %r" % (name,))
        return Ref(self._path + (name,))


class Text:
    """Text with references in it, as YAML writes it."""

    def __init__(self, source):
        self.source = source


def _parts(words):
    """Words and values of a text in turn."""
    for i, part in enumerate(_mark_pattern.split(words)):
        yield _marks[part] if i % 2 else part


def has_marks(words):
    return _mark_pattern.search(words) is not None


def literal(value):
    """A value as part of an expression."""
    if isinstance(value, Value):
        return value._cel if value._is_whole else "(%s)" % value._cel
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(value, allow_nan=False)


def expr(words):
    """CEL with references in it: `expr(f"{best.outputs.accuracy} >= {w.inputs.threshold}")`."""
    if not isinstance(words, str):
        raise BuildError('expr takes text: expr(f"{a} > {b}")')
    source = "".join(part if isinstance(part, str) else literal(part) for part in _parts(words)).strip()
    if not source:
        raise BuildError("the expression is empty")
    return Value(source, False)


def text(words):
    """Text with references in it: `text(f"{data.outputs.version}/model.bin")`."""
    if not isinstance(words, str):
        raise BuildError('text takes text: text(f"{a} rows")')
    source = ""
    for part in _parts(words):
        if isinstance(part, str):
            source += part.replace("${{", "$${{")
            continue
        if part._cel.startswith("secrets."):
            raise BuildError("a secret cannot stand in a text; pass it on whole")
        if source.endswith("$"):
            # A dollar sign before an expression would make it literal.
            source = source[:-1] + '${{ "$" }}'
        source += "${{ %s }}" % part._cel
    return Text(source)


def percent(value, digits=None):
    """`percent(x)`: `0.915` as `91.5 %`."""
    return Value("percent(%s%s)" % (literal(value), "" if digits is None else ", %d" % digits), True)


def or_value(ref, fallback):
    """The value of a reference that may be missing, or else another one."""
    if not isinstance(ref, Ref):
        raise BuildError("or_value takes a reference")
    root, *names = ref._path
    sure = 1 if root == "tasks" else 0
    steps = [_step(name) for name in names]
    source = root + "".join(
        step if i < sure else (".?" + step[1:] if step[0] == "." else "[?" + step[1:]) for i, step in enumerate(steps)
    )
    return Value("%s.orValue(%s)" % (source, literal(fallback)), True)


def success():
    return Value("success()", True)


def failure():
    return Value("failure()", True)


def cancelled():
    return Value("cancelled()", True)


def always():
    return Value("always()", True)
