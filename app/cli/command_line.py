"""``bayplan [FILE]`` opens the window; ``bayplan COMMAND`` works without one.

Exit codes: 0 done; 1 the answer is no (the plan is wrong, the runs differ, nothing fits); 2 the call or
something in the world is wrong, said in one line; 3 no answer in time; 70 a bug of ours; 130 stopped by
Ctrl+C; 141 nobody reads on.
"""

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

from solver.errors import BayplanError

COMMANDS = (
    "capture",
    "solve",
    "curve",
    "fit",
    "plans",
    "check",
    "explain",
    "place",
    "snapshot",
    "map",
    "export",
    "verify",
    "bench",
    "demo",
    "desktop",
    "window",
)
"""Each is the module of that name beside this one: only the one that is asked for is imported."""
USAGE, BUG, STOPPED, NO_READER = 2, 70, 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; its exit code."""
    given = list(sys.argv[1:] if argv is None else argv)
    if not given or given[0] not in (*COMMANDS, "-h", "--help", "--version"):
        given.insert(0, "window")  # ``bayplan [FILE]``
    try:
        command = _command(given[0]) if given[0] in COMMANDS else None
        arguments = _parser(given[0]).parse_args(given)
    except SystemExit as exit_:  # argparse has said what was wrong, or was asked for help.
        return exit_.code if isinstance(exit_.code, int) else USAGE
    try:
        result = 0 if command is None else int(command.run(arguments))
        sys.stdout.flush()
    except BayplanError as error:
        print(f"bayplan: {error}", file=sys.stderr)
        if error.details and (arguments.verbose or arguments.command == "capture"):
            print(error.details.rstrip(), file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        print("bayplan: stopped.", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:
        # Whoever read our output has gone; Python must not complain about it again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NO_READER
    except Exception:
        traceback.print_exc()
        print(
            "bayplan: this is a bug in Bayplan; please report it with the lines above.", file=sys.stderr
        )
        return BUG
    return result


def _command(name: str) -> ModuleType:
    return importlib.import_module(f"app.cli.{name}")


def _parser(asked: str) -> argparse.ArgumentParser:
    """Knows the command ``asked``; all of them where it is none."""
    parser = argparse.ArgumentParser(
        prog="bayplan",
        description="Plans the memory of a PyTorch training step: order, addresses, proof, map, "
        "and a module that runs it. Without a command it opens the window: bayplan [FILE].",
    )
    parser.add_argument("--version", action="version", version=f"bayplan {_version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--verbose", action="store_true", help="show the details of an error")
    for name in (asked,) if asked in COMMANDS else COMMANDS:
        command = _command(name)
        summary = command.__doc__.splitlines()[0] if command.__doc__ else name
        command.add(commands.add_parser(name, parents=[common], help=summary, description=summary))
    return parser


def _version() -> str:
    try:
        return version("bayplan")
    except PackageNotFoundError:
        return "(not installed)"
