"""The browser for the tests of the pages: Debian's Chromium, which `make test` installs."""

import shutil

import pytest


def chromium() -> str:
    """The path of a Chromium. Without one, the test is skipped."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    pytest.skip("no browser: `make browser` installs Debian's package chromium, as root")
