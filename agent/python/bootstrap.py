"""Runs a Python function as a Capstan task, and describes one. Standard library only, Python 3.9 and later.

    bootstrap.py call module:function      inputs from CAPSTAN_INPUTS, outputs to CAPSTAN_OUTPUTS
    bootstrap.py file path/of/script.py    runs it as __main__
    bootstrap.py inline path/of/text.py    the same; its lines are named <inline>; a function `main` in it is then called
                                           like module:function
    bootstrap.py describe module:function  JSON Schema of the signature, on stdout

Modules are found in CAPSTAN_CODE_DIR. What a function cannot say with its annotations is passed as it came.
  B1. Nothing of a user runs in `describe` but the import of the module.
  B2. Exit codes: 0, 1 for an exception (told in CAPSTAN_ERROR), 75 for Retry, 77 for Skip.
"""

import json
import os
import sys

CODE_DIR = os.environ.get("CAPSTAN_CODE_DIR") or os.getcwd()


def load(target):
    import importlib

    module_name, _, path = target.partition(":")
    function = importlib.import_module(module_name)
    for name in path.split("."):
        function = getattr(function, name)
    return function


def write_outputs(result):
    from capstan_values import Unsupported, jsonable

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


def call(function):
    from capstan_values import convert, hints_of, plain

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
    return module.__dict__


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
    """The traceback without the frames of this folder."""
    import traceback

    trace = error.__traceback__
    here = os.path.dirname(os.path.abspath(__file__))
    while trace is not None and os.path.dirname(trace.tb_frame.f_code.co_filename) == here:
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
            from capstan_describe import describe

            json.dump(describe(target, load(target)), sys.stdout)
            sys.stdout.write("\n")
        elif mode == "call":
            call(load(target))
        elif mode == "file":
            run_file(os.path.join(CODE_DIR, target), os.path.join(CODE_DIR, target))
        else:
            main_function = run_file(target, "<inline>").get("main")
            if callable(main_function):
                call(main_function)
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
        values = sys.modules.get("capstan_values")
        if values is not None and isinstance(error, values.Invalid):
            write_error(error, type="InvalidInput", retryable=False)
        else:
            write_error(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
