"""Make ``.venv`` with all that Bayplan needs; run by ``make``, at once done when it is there already.

Uses the standard library alone, and syntax that an old Python can read, so that it can say that it
is too old.
"""

import ctypes
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "bayplan-is-set-up"
OLDEST = (3, 11)

OFFSCREEN = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
}
"""Libraries that Qt loads even without a screen, and the Debian packages that hold them."""
SCREEN = {
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libX11-xcb.so.1": "libx11-xcb1",
}
"""What Qt loads besides for a window under X11."""
TESTS = {"Xvfb": "xvfb", "xdotool": "xdotool"}
"""Programs without which tests on a virtual screen are skipped."""
PATIENCE = 180
"""Seconds that what may be missing is installed for."""

COMPILE = """
import time
from app.heavy import compile_kernels
from solver import compile_ahead
compile_kernels()
while compile_ahead.running():
    time.sleep(0.1)
"""
"""All kernels of solver and map, by as many processes as that has use for."""

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome")
"""Programs in which tests open exported pages; the first one is also the Debian package's name."""
BROWSER_SECONDS = 600
"""For each command that installs one: where the network hangs, the other tests run all the same."""


def main() -> None:
    """Check the machine, then make the environment unless it is there for these very pins."""
    if sys.version_info < OLDEST:
        wanted, found = ".".join(map(str, OLDEST)), sys.version.split()[0]
        stop(
            f"Bayplan needs Python {wanted} or newer; {sys.executable} is {found}. "
            f"Name a newer one: make PYTHON=python{wanted}"
        )
    if sys.platform.startswith("linux"):
        install_system_packages(missing_system_packages())
    if not any(shutil.which(compiler) for compiler in (os.environ.get("CXX", "c++"), "g++", "clang++")):
        stop("There is no C++ compiler, and running a plan needs one. Install it: apt-get install g++")
    pins = fingerprint()
    if STAMP.is_file() and STAMP.read_text() == pins and works():
        return
    print("Setting up .venv; this takes some minutes the first time.", flush=True)
    if not works():
        run(sys.executable, "-m", "venv", "--clear", str(VENV))
    run(
        *(str(python()), "-m", "pip", "install", "--progress-bar", "off", "--quiet"),
        *("--constraint", "constraints.txt", "--editable", ".[zoo,dev]"),
    )
    if sys.platform.startswith("linux"):
        install_for_tests()
    # Otherwise their first use compiles: nobody should wait in the window, nor two tests for the same.
    print("Compiling the solver and the map.", flush=True)
    run(str(python()), "-c", COMPILE, quiet=True)
    sample = "resources/samples/resnet50.step"
    run(str(python()), "-m", "app", "solve", sample, "--deadline", "300", quiet=True)
    STAMP.write_text(pins)


def install_browser():
    """Install a browser for tests when root; without one the tests that need it say so and skip."""
    if any(shutil.which(program) for program in BROWSERS):
        return
    if not sys.platform.startswith("linux") or shutil.which("apt-get") is None or os.geteuid() != 0:
        print("No browser was found: tests of exported pages will be skipped. One that they can use is")
        print("  apt-get install " + BROWSERS[0])
        return
    print("Installing a browser for the tests of exported pages: " + BROWSERS[0], flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", BROWSERS[0]]
    for command in (["apt-get", "update", "--quiet"], install):
        # Not ``run``: other distributions do not have it, and all other tests need none.
        if not succeeds(command, environment):
            print("That failed: tests of exported pages will be skipped.", flush=True)
            return


def succeeds(command, environment):
    """Whether a command ends well, and within BROWSER_SECONDS."""
    try:
        result = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, timeout=BROWSER_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return result.returncode == 0


def missing_system_packages():
    """Debian packages of libraries that cannot be loaded, and of Python's own venv module."""
    wanted = dict(OFFSCREEN)
    if os.environ.get("DISPLAY"):
        wanted.update(SCREEN)
    missing = [package for library, package in wanted.items() if not loads(library)]
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        missing.append(f"python{sys.version_info[0]}.{sys.version_info[1]}-venv")
    return missing


def loads(library):
    """Whether the dynamic linker finds a library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def install_system_packages(packages):
    """Install them when root; otherwise print the command and stop."""
    if not packages:
        return
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    if shutil.which("apt-get") is None:
        stop("These Debian packages, or what holds the same here, are missing: " + " ".join(packages))
    if os.geteuid() != 0:
        stop(
            "System libraries are missing. Install them, then run make again:\n"
            "  sudo " + " ".join(command)
        )
    print("Installing missing system libraries: " + " ".join(packages), flush=True)
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    run("apt-get", "update", "--quiet")
    run(*command)


def install_for_tests():
    """Install what tests on a virtual screen need, when root; without it they are skipped."""
    packages = [package for program, package in TESTS.items() if shutil.which(program) is None]
    packages += [package for library, package in SCREEN.items() if not loads(library)]
    if not packages or shutil.which("apt-get") is None or os.geteuid() != 0:
        return
    print("Installing what tests on a virtual screen need: " + " ".join(packages), flush=True)
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    if not attempt("apt-get", "update", "--quiet"):
        return
    attempt("apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *packages)


def python():
    """The environment's interpreter."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def works():
    """Whether the environment's interpreter starts and is of this Python's version."""
    if not python().exists():
        return False
    code = "import sys, pip; print(sys.version)"
    result = subprocess.run([str(python()), "-c", code], capture_output=True, text=True, check=False)
    return result.returncode == 0 and result.stdout.strip() == sys.version.strip()


def fingerprint():
    """A hash of what decides the environment's content: the pins and the place of the project."""
    content = [str(ROOT).encode(), sys.version.encode()]
    content += [(ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt")]
    return hashlib.sha256(b"\n".join(content)).hexdigest()


def run(*command, quiet=False):
    """Run a command in the project's folder; stop with its exit code when it fails."""
    out = subprocess.DEVNULL if quiet else None
    result = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, check=False)
    if result.returncode != 0:
        stop("This failed (see above):\n  " + " ".join(command), result.returncode)


def attempt(*command):
    """Run a command that may fail; whether it did not."""
    try:
        result = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return result.returncode == 0


def stop(message, code=1):
    """Say why and leave."""
    print(message, file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    if sys.argv[1:] == ["browser"]:
        install_browser()
    else:
        main()
