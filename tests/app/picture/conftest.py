"""A browser for all tests of pages, or a reason why there is none."""

from collections.abc import Iterator

import pytest

from tests.app.picture.browser import Browser, find_browser


@pytest.fixture(scope="session")
def one_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One for the session: it takes a second to start."""
    program = find_browser()
    if program is None:
        pytest.skip("there is no browser: apt-get install chromium-headless-shell")
    with Browser(program, tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def browser(one_browser: Browser) -> Browser:
    """The browser, its system preferring dark."""
    one_browser.prefer("dark")
    return one_browser
