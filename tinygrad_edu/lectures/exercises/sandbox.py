"""A student's program, run in a process of its own with limits on time and memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any

__all__ = ["function_of", "run"]

#: Bytes that a program may take, and write into a file.
MEMORY, WRITTEN = 2 << 30, 1 << 20
#: Starting Python takes time too, on a busy machine more; it counts as nobody's.
STARTING = 20.0


def run(number: str, program: str, seconds: float) -> tuple[str, str]:
    """Run a program, and look at what it defines for an exercise; return verdict and sentence."""
    environment = {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    environment |= {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__, number, str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        try:
            said, _ = process.communicate(program.encode(), STARTING + 2 * seconds)
        except subprocess.TimeoutExpired:
            said = b""
        finally:
            _end(process)
    if said:
        verdict, sentence = json.loads(said.splitlines()[-1])
        return str(verdict), str(sentence)
    if process.returncode in {-9, -24}:  # killed, by us or by the limit on its time
        return "wrong", f"your program did not end within {seconds:g} seconds"
    return "wrong", "your program ended before it was looked at: it left Python, or was stopped"


def function_of(program: str, name: str) -> Callable[..., Any]:
    """Run a program here, and return a function that it defines.

    What a student wrote comes here in the process that `run` starts for it, and nowhere else.
    """
    space: dict[str, Any] = {"__name__": "answer"}
    exec(compile(program, "<answer>", "exec"), space)
    function = space.get(name)
    if not callable(function):
        raise LookupError(f"your program defines no {name}; write def {name}(…)")
    return function  # type: ignore[no-any-return]  # whatever can be called


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process, and what it has started."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
    else:
        process.kill()
    process.wait()


# --- in the process of its own --------------------------------------------------------------------


def _limit(seconds: float) -> None:
    try:
        import resource
    except ImportError:  # elsewhere only the clock limits it
        return
    spent = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    for what, most in (
        (resource.RLIMIT_CPU, int(spent + seconds) + 1),
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_FSIZE, WRITTEN),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def _look(number: str, program: str) -> tuple[str, str]:
    from tinygrad_edu.lectures.exercises import exercise

    asked: Any = exercise(number)
    try:
        asked.examine(function_of(program, asked.function))
    except (SyntaxError, LookupError) as error:
        where = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        return "unreadable", f"{getattr(error, 'msg', error)}{where}"
    except MemoryError:
        return "wrong", f"your program takes more than {MEMORY >> 20} MB"
    except AssertionError as error:
        return "wrong", str(error) or "a test failed"
    except BaseException as error:  # such as sys.exit()
        own = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == "<answer>"]
        where = f" in line {own[-1].lineno}" if own else ""
        return "wrong", f"{type(error).__name__}{where}: {error}"
    return "right", ""


def _main() -> None:
    number, seconds = sys.argv[1:]
    program = sys.stdin.buffer.read().decode()
    answer = os.fdopen(os.dup(1), "wb")  # what the program prints goes nowhere
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    _limit(float(seconds))
    answer.write(json.dumps(_look(number, program)).encode())
    answer.close()
    os._exit(0)  # no thread or exit handler of the program's keeps us


if __name__ == "__main__":
    _main()
