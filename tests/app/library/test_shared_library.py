"""Several windows, threads and processes on one library; and it opens late."""

import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

from app.library import Library
from solver.plan import Plan
from solver.step import Step


def test_making_a_library_touches_and_imports_nothing(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from app.library import Library; "
        "Library(Path(sys.argv[1])); "
        "print(sorted({'sqlalchemy', 'alembic', 'torch', 'ortools', 'PySide6'} & set(sys.modules)))"
    )
    path = tmp_path / "folder" / "library.sqlite"

    out = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )

    assert out.stdout.strip() == "[]"
    assert not path.parent.exists()


def test_reopening_a_library_of_today_needs_no_migration_machinery(
    library: Library, toy_step: Step
) -> None:
    library.add_step(toy_step)
    library.close()
    code = (
        "import sys; from pathlib import Path; from app.library import Library; "
        "print(len(Library(Path(sys.argv[1])).steps()), 'alembic' in sys.modules)"
    )

    out = subprocess.run(
        [sys.executable, "-c", code, str(library.path)], capture_output=True, text=True, check=True
    )

    assert out.stdout.split() == ["1", "False"]


def test_what_one_window_stores_the_other_sees(
    library: Library, toy_step: Step, toy_plan: Plan
) -> None:
    other = Library(library.path)
    assert other.steps() == []
    other.changed()

    plan_id = library.add_plan(library.add_step(toy_step), toy_plan)

    assert other.changed()
    assert not other.changed()
    assert other.plan(plan_id) == toy_plan
    other.close()


def test_another_process_is_noticed(library: Library, toy_step: Step) -> None:
    step_id = library.add_step(toy_step)
    library.changed()
    code = (
        "import sys; from pathlib import Path; from app.library import Library; "
        "Library(Path(sys.argv[1])).rename_step(int(sys.argv[2]), 'From elsewhere')"
    )

    subprocess.run([sys.executable, "-c", code, str(library.path), str(step_id)], check=True)

    assert library.changed()
    assert library.steps()[0].name == "From elsewhere"


def test_a_window_notices_its_own_changes_too(library: Library, toy_step: Step) -> None:
    assert not library.changed()
    library.add_step(toy_step)
    assert library.changed()
    assert not library.changed()


def test_threads_of_two_windows_may_store_at_once(
    library: Library, toy_step: Step, toy_plan: Plan
) -> None:
    other = Library(library.path)
    step_id = library.add_step(toy_step)
    failures: list[BaseException] = []

    def store(window: Library, start: int) -> None:
        try:
            for number in range(start, start + 10):
                step = replace(toy_step, origin=replace(toy_step.origin, target=f"device {number}"))
                window.add_step(step)
                window.set_step_tags(step_id, [f"tag {number}"])
        except BaseException as error:
            failures.append(error)

    threads = [
        threading.Thread(target=store, args=(window, 100 * index))
        for index, window in enumerate((library, other, library))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()

    assert failures == []
    assert len(library.steps()) == 31
    assert len(library.search("tag")) == 1


def test_closing_does_not_disturb_a_thread_that_reads(library: Library, toy_step: Step) -> None:
    library.add_step(toy_step)
    failures: list[BaseException] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            try:
                assert len(library.steps()) == 1
            except BaseException as error:
                failures.append(error)
                return

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(30):
        library.close()
        time.sleep(0.01)
    stop.set()
    for thread in threads:
        thread.join()

    assert failures == []


def test_processes_that_create_the_same_library_at_once_all_succeed(tmp_path: Path) -> None:
    path = tmp_path / "new" / "library.sqlite"
    code = (
        "import sys; from pathlib import Path; from app.library import Library; "
        "print(Library(Path(sys.argv[1])).steps())"
    )

    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(3)
    ]
    results = [process.communicate(timeout=60) for process in processes]

    assert [(out.strip(), err) for out, err in results] == [(b"[]", b"")] * 3
