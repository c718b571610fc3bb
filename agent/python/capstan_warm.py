"""Runs `python` actions warm: one attempt after another in one interpreter. Standard library only, Python 3.9 and later.

    capstan_warm.py SOCKET     orders and answers are JSON lines

Each attempt has its own environment, folder and streams; modules stay imported. What runs is bootstrap.py, as it runs cold.
"""

import json
import os
import socket
import sys
import threading

import bootstrap


def mark(text):
    sys.stdout.flush()
    sys.stderr.flush()
    for descriptor in (1, 2):
        rest = text.encode("latin1")
        while rest:
            rest = rest[os.write(descriptor, rest):]


def code_of(stop):
    """The exit code that a process would have ended with."""
    if stop.code is None:
        return 0
    if isinstance(stop.code, int):
        return stop.code & 0xFF
    print(stop.code, file=sys.stderr)
    return 1


def carry(order):
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    sys.stdout, sys.stderr, sys.argv = sys.__stdout__, sys.__stderr__, [order["mode"]]
    if "tempfile" in sys.modules:
        sys.modules["tempfile"].tempdir = None
    own = sys.modules["__main__"]
    mark(order["begin"])
    try:
        code = bootstrap.main([order["mode"], order["target"]])
    except SystemExit as stop:
        code = code_of(stop)
    except BaseException as error:
        bootstrap.print_own_traceback(error)
        bootstrap.write_error(error)
        code = 1
    # A process waits for these at its end too.
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    sys.modules["__main__"] = own
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
    mark(order["end"])
    return code


def serve(path):
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(path)
    lines = connection.makefile("r", encoding="utf-8", newline="\n")
    connection.sendall(b"{}\n")
    for line in lines:
        connection.sendall(b'{"code": %d}\n' % carry(json.loads(line)))


if __name__ == "__main__":
    serve(sys.argv[1])
