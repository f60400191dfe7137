"""The first night: a missing or empty old file, in which no row is."""

import gzip
import json
from pathlib import Path

import pytest

from tests.command_line import DIFF, NEW, diffing, refused_by
from tests.service_under_test import Service

FIRST = (*DIFF, "--old-may-be-missing")
EMPTY = {"empty": b"", "blank lines": b"\n\r\n", "a byte order mark": b"\xef\xbb\xbf"}


@pytest.mark.parametrize("content", [None, *EMPTY.values()], ids=["missing", *EMPTY])
def test_every_row_of_new_is_added(folder: Path, content: bytes | None) -> None:
    if content is None:
        (folder / "old.csv").unlink()
    else:
        (folder / "old.csv").write_bytes(content)
    outputs = ("--removed", "gone.csv", "--summary", "summary.json", "--fingerprint")
    done = diffing(folder, *FIRST, *outputs)
    summary = json.loads((folder / "summary.json").read_text())

    assert (0, NEW) == (done.returncode, done.stdout)
    assert done.stderr == (
        "diffing: warning: old.csv is missing or empty, so every row of new.csv is added.\n"
    )
    assert ["urn:diffing:old-missing"] == [warning["type"] for warning in summary["warnings"]]
    assert "id,note,value\n" == (folder / "gone.csv").read_text()
    assert (4, 0, 0, 0) == tuple(
        summary[name] for name in ("added", "changed", "removed", "unchanged")
    )
    assert ("old.csv", 0, 0) == tuple(summary["old"][name] for name in ("name", "rows", "bytes"))
    assert {"only_old": [], "only_new": [], "changed": {"value": 0}} == summary["columns"]


def test_detail_says_that_they_were_added(folder: Path) -> None:
    (folder / "old.csv").unlink()

    done = diffing(folder, *FIRST, "--detail")

    lines = NEW.splitlines()
    expected = [
        f"{lines[0]},_change,_changed,_old_value",
        *(f"{line},added,," for line in lines[1:]),
    ]
    assert expected == done.stdout.splitlines()


def test_a_packed_old_file_may_be_empty(folder: Path) -> None:
    (folder / "old.csv.gz").write_bytes(gzip.compress(b""))

    done = diffing(folder, *FIRST[:2], "old.csv.gz", *FIRST[3:])

    assert (0, NEW) == (done.returncode, done.stdout)


def test_columns_of_odd_names_are_those_of_new(folder: Path) -> None:
    new = 'id,"a\nb","x, ""y"""\n1,2,3\n'
    (folder / "new.csv").write_text(new)
    (folder / "old.csv").unlink()

    done = diffing(folder, *DIFF[:-1], 'x, "y"', "--value", "a\nb", "--old-may-be-missing")

    assert (0, new) == (done.returncode, done.stdout)


def test_an_old_file_with_rows_is_compared(folder: Path) -> None:
    assert diffing(folder, *DIFF).stdout == diffing(folder, *FIRST).stdout


@pytest.mark.parametrize("content", [None, b""], ids=["missing", "empty"])
def test_without_the_option_it_is_an_error(folder: Path, content: bytes | None) -> None:
    (folder / "old.csv").unlink()
    if content is not None:
        (folder / "old.csv").write_bytes(content)

    assert 2 == refused_by(folder, *DIFF).returncode


REFUSED = {
    "new": ("new.csv", None, "new.csv: no such file"),
    "an empty new": ("new.csv", b"", "new.csv: the file is empty"),
    "a broken old": ("old.csv", b"x\n1\n", "old.csv: no column 'id', 'value'"),
    "a damaged old": ("old.csv", b"PK\x03\x04", "old.csv: is a ZIP archive"),
}


@pytest.mark.parametrize(("name", "content", "said"), REFUSED.values(), ids=REFUSED)
def test_nothing_else_may_be_missing_or_empty(
    folder: Path, name: str, content: bytes | None, said: str
) -> None:
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)

    done = refused_by(folder, *FIRST)

    assert 2 == done.returncode
    assert said in done.stderr


@pytest.mark.parametrize("old", ["https://host/old.csv", "folder"])
def test_an_address_or_a_folder_is_not_missing(folder: Path, old: str) -> None:
    (folder / "folder").mkdir()

    assert 2 == refused_by(folder, *FIRST[:2], old, *FIRST[3:]).returncode


def test_a_metric_may_begin_without_its_old_file(service: Service) -> None:
    service.write_small_pair()
    (service.settings.input_dir / "revenue_old.csv").unlink()
    (service.settings.data_dir / "metrics.toml").write_text(
        """
        [metric.revenue]
        old = "revenue_old.csv"
        new = "revenue_new.csv"
        key = ["date", "segment_field", "segment_value_id", "stat"]
        value = ["value"]
        first = "added"
        """
    )
    client, _ = service.api_and_worker()
    new = (service.settings.input_dir / "revenue_new.csv").read_bytes()
    job_id = client.new_job()
    client.wait_for_success(job_id)
    refused = client.post("/api/diffing/new/revenue", json={"first": "error"})

    assert new == client.result_of(job_id)
    assert 404 == refused.status_code
    assert "Missing input file revenue_old.csv" in refused.text


def test_a_one_off_diff_may_name_an_old_file_that_is_missing(service: Service) -> None:
    service.write_small_pair()
    client, _ = service.api_and_worker()
    columns = {"key": ["date", "segment_value_id", "stat"], "value": ["value"]}
    files = {"old": "not_yet.csv", "new": "revenue_new.csv"}
    asked = {**files, **columns, "first": "added"}
    job_id = int(client.post("/api/diffing/new", json=asked).json()["job_id"])
    client.wait_for_success(job_id)
    upload = {"old": ("old.csv", b""), "new": ("new.csv", b"a,b\n1,2\n")}
    fields = {"key": "a", "value": "b", "first": "added"}
    uploaded = int(client.post("/api/diffing/new", files=upload, data=fields).json()["job_id"])
    client.wait_for_success(uploaded)

    assert (service.settings.input_dir / "revenue_new.csv").read_bytes() == client.result_of(job_id)
    assert b"a,b\n1,2\n" == client.result_of(uploaded)
