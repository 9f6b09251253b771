"""What holds for the repository as a whole: layers, imports, documentation, packaging, privacy."""

import ast
import gzip
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.cli.command_line import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("app", "runtime", "solver", "resources")
MOST_LINES = 500
"""A file is one idea and fits in one reading; about 400 lines are meant."""

DISTRIBUTIONS = {"PySide6": "PySide6-Essentials"}
"""Import names whose distribution is called otherwise."""
CAPTURE = {"torch", "torchvision", "transformers"}
STANDALONE = {
    "runtime/capture/bayplan_capture": CAPTURE,
    "runtime/replay": {"torch"},
}
"""Folders that run in somebody else's environment, and what they may import there."""


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    """The files of the repository, as git knows them."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listing.returncode != 0:
        pytest.skip("this is not a git checkout")
    files = [ROOT / name for name in listing.stdout.decode().split("\0") if name]
    return [file for file in files if file.is_file()]


def sources() -> list[Path]:
    """All Python files of the program."""
    return [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]


def shown(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("file", sources(), ids=shown)
def test_every_file_says_what_it_is_for_and_fits_in_one_reading(file: Path) -> None:
    text = file.read_text(encoding="utf-8")

    assert ast.get_docstring(ast.parse(text)), "no docstring"
    assert text.count("\n") <= MOST_LINES


def test_every_folder_with_code_is_a_package() -> None:
    folders = {file.parent for file in sources()}

    assert [shown(folder) for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_the_layers_import_only_downwards() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout


def test_whatever_is_imported_is_a_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.split(r"[<>=]", entry)[0] for entry in project["dependencies"]}
    zoo = {re.split(r"[<>=]", entry)[0] for entry in project["optional-dependencies"]["zoo"]}

    for file in sources():
        allowed = declared | zoo if "bayplan_capture" in file.parts else declared
        names = {DISTRIBUTIONS.get(name, name) for name in third_party(file)}
        assert names <= allowed, f"{shown(file)} imports {names - allowed}"


@pytest.mark.parametrize("folder", STANDALONE)
def test_what_leaves_the_program_imports_nothing_of_ours(folder: str) -> None:
    for file in sorted((ROOT / folder).rglob("*.py")):
        ours = {name for name in imported(file) if name in PACKAGES}
        assert third_party(file) <= STANDALONE[folder], shown(file)
        assert not ours, shown(file)


def imported(file: Path) -> set[str]:
    """Top-level names of all absolute imports of a file, lazy ones included."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def third_party(file: Path) -> set[str]:
    # The capture's child process imports its own folder as a package of its own.
    return imported(file) - set(sys.stdlib_module_names) - {*PACKAGES, "bayplan_capture"}


KNOWN_HOSTS = {"www.w3.org", "www.freedesktop.org"}
"""Of the names that every SVG bears, and every list of file types."""
HOST = re.compile(r"https?://([\w.-]+)")
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:home|work|root|opt|Users|mnt)/\w")


def test_no_file_names_a_machine_or_a_host_that_the_program_does_not_need(
    tracked: list[Path],
) -> None:
    for file in tracked:
        text = "" if "LICENSE" in file.name else content(file)
        hosts = {host.rstrip(".") for host in HOST.findall(text)} - KNOWN_HOSTS
        assert not any("." in host for host in hosts), f"{shown(file)} names {hosts}"
        assert not MACHINE_PATH.search(text), f"{shown(file)} has a path of somebody's machine"


def content(file: Path) -> str:
    """A file's text; of a step or plan file what is inside; of a picture or typeface nothing."""
    data = file.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    return "" if b"\0" in data else data.decode("utf-8")


def readme_commands() -> Iterator[str]:
    """The lines of the README's code blocks that call ``bayplan`` or ``make``."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for block in re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if re.match(r"(bayplan|make)\b", line):
                yield line.split("#")[0].strip()


def test_every_command_of_the_readme_exists(capsys: pytest.CaptureFixture[str]) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    lines = list(readme_commands())
    assert {"make run", "make test"} <= set(lines)

    for line in lines:
        program, *words = line.split()
        if program == "make":
            assert f"\n{words[0]}: " in makefile, line
        elif words and words[0] in COMMANDS:
            options = {word.split("=")[0] for word in words if word.startswith("-")}
            assert options <= options_of(words[0], capsys), line
        else:
            assert len(words) <= 1, f"{line}: {words} is neither a command nor one file"


def options_of(command: str, capsys: pytest.CaptureFixture[str]) -> set[str]:
    from app.cli.command_line import main

    capsys.readouterr()
    main([command, "--help"])
    return set(re.findall(r"(?<![\w-])--?[a-z]+", capsys.readouterr().out))


@pytest.fixture(scope="module")
def wheel(tracked: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked wheel, built from the tracked files alone."""
    folder = tmp_path_factory.mktemp("wheel")
    for file in tracked:
        copy = folder / "source" / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run(
        [*command, "--quiet", "--wheel-dir", str(folder), str(folder / "source")],
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


def test_the_wheel_has_every_file_of_the_program(wheel: Path, tracked: list[Path]) -> None:
    wanted = {shown(file) for file in tracked if file.relative_to(ROOT).parts[0] in PACKAGES}
    found = {file.relative_to(wheel).as_posix() for file in wheel.rglob("*") if file.is_file()}

    assert wanted - found == set()
    assert not any(name.startswith("tests/") for name in found)


def test_a_library_is_made_by_the_migrations_of_the_wheel(wheel: Path, tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import app, app.library.schema as schema; "
        "assert app.__file__.startswith(sys.argv[1]); "
        "from pathlib import Path; from app.library import Library; "
        "library = Library(Path(sys.argv[2])); print(library.steps(), schema.HEAD)"
    )
    path = tmp_path / "library.sqlite"
    out = subprocess.run(
        [sys.executable, "-c", code, str(wheel), str(path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert out.stdout.startswith("[] ")
    assert path.stat().st_size > 0
