"""The browser for the tests of the pages: Debian's Chromium, which `make test` installs."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    ViewportSize,
    expect,
)

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
    """A browser that looks at the pages of a service, and what went wrong in it.

    Args:
        context: where its tabs are. Earlier and later visits share it, and leave nothing in it.
        base: the address of the service, or of a file.
    """

    def __init__(self, context: BrowserContext, base: str) -> None:
        self.faults: list[str] = []
        self._base, self._context = base, context
        self.page = self._new_page()

    def close(self) -> None:
        """Close its tabs, and let the browser forget what they stored."""
        first, *others = self._context.pages
        for tab in others:
            tab.goto("about:blank")  # a tab that was closed while it loaded once hung the browser
            tab.close()
        session = self._context.new_cdp_session(first)
        session.send("Network.clearBrowserCache")
        everything = {"origin": self._base, "storageTypes": "all"}
        session.send("Storage.clearDataForOrigin", everything)
        session.detach()
        self._context.clear_cookies()
        self._context.clear_permissions()
        self._context.unroute_all()

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


# To make a context, and the first tab in it, takes a browser longer than to show most pages.
_contexts: dict[tuple[Browser, bool], BrowserContext] = {}


def _context_of(browser: Browser, scripts: bool) -> BrowserContext:
    if (browser, scripts) not in _contexts:
        context = browser.new_context(java_script_enabled=scripts)
        context.new_page()  # without any tab, the browser would end the process that shows tabs
        _contexts[browser, scripts] = context
    return _contexts[browser, scripts]


@contextmanager
def visit_of(
    browser: Browser,
    base: str,
    java_script_enabled: bool = True,
    color_scheme: Literal["light", "dark"] | None = None,
    viewport: ViewportSize | None = None,
) -> Iterator[Visit]:
    """A visit of an address, with a new tab."""
    visit = Visit(_context_of(browser, java_script_enabled), base)
    try:
        if color_scheme:
            visit.page.emulate_media(color_scheme=color_scheme)
        if viewport:
            visit.page.set_viewport_size(viewport)
        yield visit
    finally:
        visit.close()


def visits(browser: Browser, client: Client, **options: Any) -> Iterator[Visit]:
    """A visit, which fails if anything went wrong in the browser."""
    with visit_of(browser, str(client.base_url).rstrip("/"), **options) as visit:
        yield visit
        assert [] == visit.faults


def wait_until_it_fits(page: Page, width: int) -> None:
    """Wait until a page is at most that wide; its layout may follow later than its size."""
    page.wait_for_function("width => document.documentElement.scrollWidth <= width", arg=width)
