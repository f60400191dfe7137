"""Takes the picture of a page that the README shows, from sample data: `make picture`."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import expect, sync_playwright

from diffing.core.catalogue import load_catalogue
from diffing.engine.samples import write_sample
from tests.browser import chromium
from tests.service_under_test import Service

_ROWS = 20_000
_WIDTH, _HEIGHT = 1_000, 650


def take(target: Path) -> None:
    """Diff sample data of revenue by a service, and write a picture of the top of its page."""
    metric = load_catalogue(None).find("revenue")
    with TemporaryDirectory() as folder, Service(Path(folder) / "data") as service:
        inputs = service.settings.input_dir
        service.settings.make_folders()
        write_sample(metric.id, _ROWS, inputs / metric.old, inputs / metric.new)
        client, _ = service.api_and_worker()
        job_id = client.new_job()
        client.wait_for_success(job_id)
        with sync_playwright() as programs:
            browser = programs.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": _WIDTH, "height": _HEIGHT})
            page.goto(str(client.base_url.join(f"/jobs/{job_id}")))
            expect(page.get_by_role("heading", name="Which columns")).to_be_visible()
            page.screenshot(path=target)
            browser.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]))
