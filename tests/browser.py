"""The browser for the tests of the pages: Debian's Chromium, which `make test` installs."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.service_under_test import PATIENCE_SECONDS, Client

# for what ought to happen soon, however busy the machine is
expect.set_options(timeout=PATIENCE_SECONDS * 1000)
WIDTHS = (360, 768, 1280)
HOSTILE = '<img src=x onerror="fail()"><script>fail()</script>'


def chromium() -> str:
    """The path of a Chromium. Without one, the test is skipped."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    pytest.skip("no browser: `make browser` installs Debian's package chromium, as root")


class Visit:
    """A browser that looks at the pages of a service, and what went wrong in it."""

    def __init__(self, context: BrowserContext, base: str) -> None:
        self.faults: list[str] = []
        self._base, self._context = base, context
        self.page = self._new_page()

    def _new_page(self) -> Page:
        page = self._context.new_page()
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", self.watch)
        return page

    def _note(self, message: ConsoleMessage) -> None:
        # a browser reports each answer that is an error; those are tested by their status
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.faults.append(message.text)

    def watch(self, request: object) -> None:
        """Note a request that is not for the service."""
        url = str(getattr(request, "url", ""))
        if not url.startswith((self._base, "data:", "blob:")):
            self.faults.append(f"foreign request: {url}")

    def opens(self, path: str) -> Page:
        """The page there in a new tab, once it is loaded."""
        page = self._new_page()
        page.goto(f"{self._base}{path}")
        return page

    def goes_to(self, path: str) -> Page:
        """The page there, once it is loaded."""
        self.page.goto(f"{self._base}{path}")
        return self.page


def visits(browser: Browser, client: Client, **options: object) -> Iterator[Visit]:
    """A visit, which fails if anything went wrong in the browser."""
    with browser.new_context(**options) as context:  # type: ignore[arg-type]
        visit = Visit(context, str(client.base_url).rstrip("/"))
        yield visit
        assert [] == visit.faults


def wait_until_it_fits(page: Page, width: int) -> None:
    """Wait until a page is no wider than that; its layout may follow later than its size."""
    page.wait_for_function("width => document.documentElement.scrollWidth <= width", arg=width)
