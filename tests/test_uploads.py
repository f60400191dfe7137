"""Diffs of what comes with the request: files in a form, names and tolerances in JSON."""

import gzip
import re
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from diffing.cli.written import written
from diffing.core.catalogue import load_catalogue
from diffing.core.settings import Settings
from diffing.files.publish import locked_folder
from diffing.files.uploads import Upload
from tests import reference
from tests.command_line import refused_by
from tests.conftest import Mount
from tests.service_under_test import NEW, OLD, PATIENCE_SECONDS, Client, LargePair, Program, Service
from tests.test_api import assert_problem
from tests.waiting import STALE_AFTER, wait_until

ONE_OFF = "/api/diffing/new"
REVENUE = "/api/diffing/new/revenue"
FILES: dict[str, tuple[str, str | bytes]] = {"old": ("a.csv", OLD), "new": ("b.csv", NEW)}
HEADER = OLD.splitlines(keepends=True)[0]
COLUMNS = {"key": ["date", "segment_field", "segment_value_id", "stat"], "value": ["value"]}
METRIC = load_catalogue(None).find("revenue")


@pytest.fixture(scope="module")
def working_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A data folder with the input files of the metric revenue, and others."""
    with Service(tmp_path_factory.mktemp("working")) as service:
        service.write_small_pair()
        service.write("monday.csv", OLD)
        service.write("tuesday.csv.gz", gzip.compress(NEW.encode()))
        yield service


@pytest.fixture(scope="module")
def working(working_service: Service) -> Client:
    """An API with a worker."""
    client, _ = working_service.api_and_worker()
    return client


@pytest.fixture(scope="module")
def idle(idle_service: Service) -> Client:
    """An API without a worker, whose uploads are small."""
    return idle_service.api(max_upload_bytes=100_000)


@dataclass
class Roomy:
    """An API without a worker that takes large uploads."""

    service: Service
    program: Program
    client: Client

    def new_uploads(self) -> Callable[[], list[Path]]:
        """A function that tells which files were uploaded since, and are there."""
        before = {*self.service.settings.uploads_dir.glob("*/*")}
        return lambda: sorted({*self.service.settings.uploads_dir.glob("*/*")} - before)


@pytest.fixture(scope="module")
def roomy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Roomy]:
    with Service(tmp_path_factory.mktemp("roomy")) as service:
        service.write_small_pair()
        program = service.start("api", "--port", "0")
        yield Roomy(service, program, service.client_of(program))


def accepted(response: httpx2.Response) -> int:
    """The id of the job."""
    assert response.status_code == 202, response.text
    assert list(response.json()) == ["job_id"]
    return int(response.json()["job_id"])


def uploads_of(service: Service) -> list[str]:
    """All there is in the folder of uploads, without the names of the folders in it."""
    folder = service.settings.uploads_dir
    return sorted(path.name for path in folder.glob("*/*"))


def nothing_is_uploaded(service: Service) -> bool:
    return not [*service.settings.uploads_dir.iterdir()]


def answer(**options: Any) -> reference.Answer:
    return reference.diff(OLD, NEW, COLUMNS["key"], COLUMNS["value"], **options)


# files with the request


def test_the_files_of_a_form_are_compared_as_the_metric_says(
    working: Client, working_service: Service
) -> None:
    new = NEW.replace("Norway,NO,revenue-30,100.5", "Norway,NO,revenue-30,101")
    job_id = accepted(working.post(REVENUE, files={**FILES, "new": ("b.csv", new)}))
    working.wait_for_success(job_id)
    summary = working.get(f"/api/diffing/job/{job_id}/summary").json()
    expected = reference.diff(OLD, new, list(METRIC.key), list(METRIC.value))

    assert expected.csv.encode() == working.result_of(job_id)
    assert ("revenue", "a.csv", "b.csv") == (
        summary["metric"],
        summary["old"]["name"],
        summary["new"]["name"],
    )
    # and they stay for as long as the job does
    (name,) = [
        path.parent
        for path in working_service.settings.uploads_dir.glob("*/new.csv")
        if path.read_text() == new
    ]
    assert (name / "old.csv").read_text() == OLD


def test_the_fields_of_a_form_take_the_place_of_what_the_metric_says(working: Client) -> None:
    fields = {"abs_tol": "50", "rel_tol": "0", "duplicates": "error"}
    job_id = accepted(working.post(REVENUE, files=FILES, data=fields))
    working.wait_for_success(job_id)
    summary = working.get(f"/api/diffing/job/{job_id}/summary").json()

    assert (50, 0, "error") == tuple(summary[k] for k in ("abs_tol", "rel_tol", "duplicates"))
    assert answer(rel_tol=0, abs_tol=50).csv.encode() == working.result_of(job_id)


KINDS_OLD = 'id,code,at,note\nA,0042,2026-11-27T09:00Z,"a,b"\nb,7,2026-11-27,-\n'
KINDS_NEW = "id,code,at,note\n a,42,2026-11-27T10:00+01:00,\nB,7,2026-11-27T00:00:01,\n"
KINDS = {
    "text": ["code"],
    "time": ["at"],
    "time_tol": "1s",
    "trim": True,
    "nocase": True,
    "empty": ["a,b", "-"],
    "measure": "id",
    "additive": False,
    "totals": True,
    "totals_by": ["id"],
}


@pytest.mark.parametrize("as_form", [True, False])
def test_kinds_of_columns_come_as_a_form_or_as_json(
    working: Client, working_service: Service, as_form: bool
) -> None:
    columns = {"key": ["id"], "value": ["code", "at", "note"]}
    if as_form:
        files = {"old": ("o.csv", KINDS_OLD), "new": ("n.csv", KINDS_NEW)}
        fields = KINDS | columns | {"trim": "true", "nocase": "true", "empty": ['"a,b"', "-"]}
        fields |= {"additive": "false", "totals": "true"}
        response = working.post("/api/diffing/new", files=files, data=fields)
    else:
        working_service.write("o.csv", KINDS_OLD)
        working_service.write("n.csv", KINDS_NEW)
        names = {"old": "o.csv", "new": "n.csv"}
        response = working.post("/api/diffing/new", json=KINDS | columns | names)
    job_id = accepted(response)
    working.wait_for_success(job_id)
    summary = working.get(f"/api/diffing/job/{job_id}/summary").json()

    assert KINDS == {name: summary[name] for name in KINDS}
    assert (1, 1) == (summary["changed"], summary["within_tolerance"])
    assert b"id,code,at,note\n a,42,2026-11-27T10:00+01:00,\n" == working.result_of(job_id)


@pytest.mark.parametrize("field", [{"trim": "yes"}, {"nocase": ""}, {"trim": ["true", "true"]}])
def test_what_is_neither_true_nor_false_in_a_form_is_a_422(
    idle: Client, field: dict[str, Any]
) -> None:
    assert_problem(idle.post(REVENUE, files=FILES, data=field), 422, next(iter(field)))


def test_a_part_of_a_form_may_name_several_columns(working: Client) -> None:
    names = ["id", "a,b", 'c"d', "two\nlines", *(f"v{i}" for i in range(300))]
    old = reference.csv_of([tuple(names), ("1", *"x" * (len(names) - 1))])
    new = reference.csv_of([tuple(names), ("1", *"x" * (len(names) - 2), "y")])
    several = f'"a,b","c""d",{",".join(names[4:200])}'
    data = {"key": "id", "value": [several, "two\nlines", *names[200:]]}

    job_id = accepted(working.post(ONE_OFF, files={"old": old, "new": new}, data=data))
    working.wait_for_success(job_id)
    summary = working.get(f"/api/diffing/job/{job_id}/summary").json()

    assert {*names[1:]} == {*summary["value"]}
    assert 1 == summary["changed"]


def test_a_form_has_as_many_parts_as_a_file_may_have_columns(working: Client) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    content = BOTH + part("rel_tol", "0") * 4_100 + "--b--"

    response = working.post(REVENUE, content=content.encode(), headers=headers)

    assert_problem(response, 413, "more than 4,100 parts")


def test_a_part_of_a_form_sets_the_tolerance_of_one_value_column(working: Client) -> None:
    data = {**COLUMNS, "rel_tol": ["0", "value=0.5"], "abs_tol": "value=1"}

    job_id = accepted(working.post(ONE_OFF, files=FILES, data=data))
    working.wait_for_success(job_id)
    summary = working.get(f"/api/diffing/job/{job_id}/summary").json()

    assert 0 == summary["rel_tol"]
    assert {"value": {"rel_tol": 0.5, "abs_tol": 1}} == summary["tolerance"]


def test_columns_that_are_no_csv_record_are_refused(idle: Client) -> None:
    data = {"key": 'id,"a', "value": "v"}

    response = idle.post(ONE_OFF, files=FILES, data=data)

    assert_problem(response, 422, "key is not a CSV record")


def test_a_diff_of_no_metric_names_its_columns(working: Client) -> None:
    response = working.post(ONE_OFF, files=FILES, data=COLUMNS)
    job_id = accepted(response)
    status = working.wait_for_success(job_id)
    result = working.get(f"/api/diffing/job/{job_id}")
    summary = working.get(f"/api/diffing/job/{job_id}/summary").json()

    assert f"/api/diffing/job/{job_id}" == response.headers["location"]
    assert answer().csv.encode() == result.content
    assert f'filename="one-off_diff_{job_id}.csv"' in result.headers["content-disposition"]
    assert (None, None) == (status["metric"], summary["metric"])
    assert COLUMNS == {name: summary[name] for name in COLUMNS}
    assert summary["rel_tol"] is None
    for what in ("detail", "removed"):
        path = "?detail=1" if what == "detail" else "/removed"
        expected = answer().detail_csv if what == "detail" else answer().removed_csv
        assert expected.encode() == working.get(f"/api/diffing/job/{job_id}{path}").content


def test_a_compressed_file_is_known_by_what_is_in_it(working: Client) -> None:
    files: dict[str, tuple[str, str | bytes]] = {
        "old": ("x.bin", gzip.compress(OLD.encode())),
        "new": ("new.csv.zst", NEW),
    }
    job_id = accepted(working.post(REVENUE, files=files))
    working.wait_for_success(job_id)
    summary = working.get(f"/api/diffing/job/{job_id}/summary").json()

    assert answer().csv.encode() == working.result_of(job_id)
    assert ("x.bin", "new.csv.zst") == (summary["old"]["name"], summary["new"]["name"])


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65_535, 65_536, 300_000])
def test_each_byte_of_a_file_arrives(roomy: Roomy, size: int) -> None:
    # what looks like the end of a part, and like the boundary
    trick = b"\r\n--\r\n--boundar\r\r\n--boundarx\n\0"
    content = HEADER.encode() + (trick * (size // 20 + 1))[:size]
    body = b"".join(
        b'--boundary\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (side, content)
        for side in (b"new", b"old")
    )
    headers = {"Content-Type": "multipart/form-data; boundary=boundary"}
    uploads = roomy.new_uploads()
    accepted(roomy.client.post(REVENUE, content=body + b"--boundary--\r\n", headers=headers))

    assert ["new.csv", "old.csv"] == [path.name for path in uploads()]
    assert {content} == {path.read_bytes() for path in uploads()}


def test_a_text_of_several_columns_counts_as_a_file(roomy: Roomy) -> None:
    uploads = roomy.new_uploads()
    body = part("old", HEADER.strip()) + part("new", HEADER) + "--b--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    accepted(roomy.client.post(REVENUE, content=body.encode(), headers=headers))

    assert [HEADER, HEADER.strip()] == [path.read_text() for path in uploads()]


def test_a_bad_upload_says_what_it_is(working: Client) -> None:
    files = {**FILES, "new": ("b.csv", b"%PDF-1.7\n" + b"\0" * 99)}

    assert_problem(
        working.post(REVENUE, files=files),
        422,
        "b.csv: is a PDF document. Export it as CSV.",
    )


def test_a_bad_upload_is_told_by_its_own_name(working: Client) -> None:
    files = {"old": ("a.csv", OLD), "new": ("../../secret.csv", f"{NEW}1,2\n")}
    error = working.wait_for_failure(accepted(working.post(REVENUE, files=files)))["error"]

    assert error["type"] == "urn:diffing:bad-input"
    assert error["detail"].startswith("secret.csv, line ")


def test_two_bad_uploads_of_one_name_are_told_apart(working: Client) -> None:
    files = {"old": ("a/data.csv", OLD), "new": ("b/data.csv", f"{NEW}1,2\n")}
    error = working.wait_for_failure(accepted(working.post(REVENUE, files=files)))["error"]

    assert error["detail"].startswith("data.csv (new), line ")


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "zstd": zstd.compress,
}


@pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED)
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"key": "date,nope"},
            "a.csv: no column 'nope'. Line 1 names the columns 'date', ",
        ),
        ({"key": "date", "value": "valeu"}, "a.csv: no column 'valeu'. Did you mean 'value'?"),
        ({"key": "date", "value": "cost_*"}, "No column of both files matches 'cost_*'. a.csv has"),
        ({"key": "date", "rename": "amount=value"}, "a.csv: no column 'amount'."),
        ({"key": "date", "ignore": "*"}, "No value column is left: "),
        (
            {"key": "auto", "value": "value", "abs_tol": "stat=1"},
            "tolerance set for stat, which is not a value column",
        ),
    ],
)
def test_a_header_is_checked_before_a_job_is_made(
    idle: Client,
    tmp_path: Path,
    pack: Callable[[bytes], bytes],
    options: dict[str, str],
    said: str,
) -> None:
    files = {side: (name, pack(str(text).encode())) for side, (name, text) in FILES.items()}

    refused = idle.post(ONE_OFF, files=files, data=options)

    assert_problem(refused, 422, said)
    if "tolerance" not in said:  # a diff of the same files has the same words
        (tmp_path / "a.csv").write_text(OLD)
        (tmp_path / "b.csv").write_text(NEW)
        given = [f"--{name}={one}" for name, text in options.items() for one in text.split(",")]
        done = refused_by(tmp_path, "diff", "--old", "a.csv", "--new", "b.csv", *given)
        assert f"diffing: {written(refused.json()['detail'])}\n" == done.stderr


def test_a_header_that_is_too_long_to_check_is_left_to_the_job(roomy: Roomy) -> None:
    names = ",".join(f"column {number:>1000}" for number in range(1_500))
    files = {side: (f"{side}.csv", f"{names}\n") for side in ("old", "new")}

    accepted(roomy.client.post(ONE_OFF, files=files, data={"key": "none"}))


def test_without_a_key_the_columns_of_both_files_are_named(idle: Client) -> None:
    files = {**FILES, "new": ("b.csv", NEW.replace("segment_name", "label"))}
    named = {"old": "revenue_old.csv", "new": "revenue_new.csv"}
    both = ["date", "segment_field", "segment_value", "segment_value_id", "stat", "value"]

    uploaded, in_folder = idle.post(ONE_OFF, files=files), idle.post(ONE_OFF, json=named)

    assert_problem(uploaded, 422, f"Both files have the columns {str(both)[1:-1]}.")
    assert_problem(in_folder, 422, "key: missing. Name the columns", "'segment_name'")


def test_without_a_key_columns_of_other_dialects_are_named(idle: Client) -> None:
    old = f"made today\n{OLD.replace(',', ';')}".encode("utf-16")
    files = {"old": ("a.csv", old), "new": ("b.csv", NEW.replace("stat", "kind").encode())}
    options = {
        "old_delimiter": ";",
        "old_encoding": "utf-16",
        "old_skip_lines": "1",
        "rename": "stat=kind",
    }

    keyless = idle.post(ONE_OFF, files=files, data=options)
    wrong = idle.post(ONE_OFF, files=files, data={**options, "key": "date", "value": "valeu"})

    assert_problem(keyless, 422, "key: missing.", "'segment_value_id', 'kind', 'value'.")
    assert_problem(wrong, 422, "a.csv: no column 'valeu'. Did you mean 'value'? Line 2 names")


def test_an_empty_delimiter_says_how_curl_sends_one(idle: Client) -> None:
    refused = idle.post(ONE_OFF, files=FILES, data={"key": "date", "old_delimiter": ""})

    assert_problem(refused, 422, "use --form-string 'old_delimiter=;'")


def test_a_form_names_columns_as_the_command_line_does(working: Client) -> None:
    new = NEW.replace("segment_name", "label")
    files = {**FILES, "new": ("b.csv", new)}
    options = {"key": "date,segment_field,segment_value_id,stat", "rename": "segment_name=label"}

    job_id = accepted(
        working.post(ONE_OFF, files=files, data={**options, "ignore": ["value", "segment_v*"]})
    )
    working.wait_for_success(job_id)
    summary = working.get(f"/api/diffing/job/{job_id}/summary").json()

    assert ["label"] == summary["value"]
    assert {"segment_name": "label"} == summary["rename"]
    assert {"only_old": [], "only_new": [], "changed": {"label": 0}} == summary["columns"]


def test_json_may_ask_for_a_key(working: Client) -> None:
    asked = {"old": "monday.csv", "new": "tuesday.csv", "key": "auto", "value": ["value"]}
    job_id = accepted(working.post(ONE_OFF, json=asked))
    warnings = working.wait_for_success(job_id)["warnings"]

    assert "urn:diffing:key-found" in [warning["type"] for warning in warnings]


def test_the_summary_names_uploaded_files_as_their_sender_does(working: Client) -> None:
    job_id = accepted(working.post(REVENUE, files=FILES))
    working.wait_for_success(job_id)

    summary = working.get(f"/api/diffing/job/{job_id}/summary").json()
    assert ("a.csv", "b.csv") == (summary["old"]["name"], summary["new"]["name"])


def test_the_names_of_uploaded_files_are_the_servers(
    idle: Client, idle_service: Service, tmp_path: Path
) -> None:
    for name in ("../../up.csv", str(tmp_path / "abs.csv"), "a\0b.csv", "x" * 3_000, ".hidden", ""):
        accepted(idle.post(REVENUE, files={"old": (name, OLD), "new": (name, NEW)}))

    assert {"old.csv", "new.csv"} == set(uploads_of(idle_service))
    written = [p.name for p in idle_service.folder.rglob("*.csv")]
    assert {"old.csv", "new.csv", "revenue_old.csv", "revenue_new.csv"} == set(written)
    assert [] == [*tmp_path.iterdir()]


def test_what_an_upload_takes_of_the_memory_does_not_hang_on_its_size(roomy: Roomy) -> None:
    piece = b"1,2026-01-31,revenue-30,100.5\n" * 10_000
    uploads = roomy.new_uploads()
    with upload(roomy.client, ONE_OFF) as sender:
        for field in ("key", "value"):
            sender.part(field, b"id" if field == "key" else b"x")
        for side in ("old", "new"):
            sender.part(side, b"id,x,stat,value\n")
            for _ in range(400):
                sender.more(piece)
        sender.end()
        assert b"202 Accepted" in sender.answer()
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{roomy.program.pid}/status").read_text())

    assert peak
    assert int(peak[1]) < 150_000
    assert [400 * len(piece) + len("id,x,stat,value\n")] * 2 == [
        path.stat().st_size for path in uploads()
    ]
    for path in uploads():
        path.unlink()


# files and tolerances in JSON


def test_json_names_files_among_the_inputs(working: Client) -> None:
    asked = {"old": "monday.csv", "new": "tuesday.csv", **COLUMNS, "tolerance": {}}
    job_id = accepted(working.post(ONE_OFF, json=asked))
    working.wait_for_success(job_id)
    summary = working.get(f"/api/diffing/job/{job_id}/summary").json()

    assert answer().csv.encode() == working.result_of(job_id)
    assert ("monday.csv", "tuesday.csv.gz") == (summary["old"]["name"], summary["new"]["name"])


def test_a_file_that_json_does_not_name_is_that_of_the_metric(working: Client) -> None:
    job_id = accepted(working.post(REVENUE, json={"new": "monday.csv"}))
    counts = working.wait_for_success(job_id)["counts"]
    summary = working.get(f"/api/diffing/job/{job_id}/summary").json()

    assert (0, 4) == (counts["emitted"], counts["unchanged"])
    assert ("revenue_old.csv", "monday.csv") == (summary["old"]["name"], summary["new"]["name"])


def test_json_takes_the_place_of_what_the_metric_says(service: Service) -> None:
    catalogue = service.write(
        "metrics.toml",
        """
        [metric.revenue]
        old = "revenue_old.csv"
        new = "revenue_new.csv"
        key = ["date", "segment_field", "segment_value_id", "stat"]
        value = ["segment_name", "value"]
        rel_tol = 0.5
        tolerance = { segment_name = { abs_tol = 3 }, value = { abs_tol = 50 } }
        duplicates = "error"
        """,
    )
    service.write_small_pair()
    client, _ = service.api_and_worker(metrics=catalogue)
    asked = {"tolerance": {"value": {"rel_tol": 0.03}}, "abs_tol": 1e-300, "duplicates": "allow"}
    job_id = accepted(client.post(REVENUE, json=asked))
    client.wait_for_success(job_id)
    summary = client.get(f"/api/diffing/job/{job_id}/summary").json()

    assert (0.5, 1e-300, "allow") == tuple(
        summary[name] for name in ("rel_tol", "abs_tol", "duplicates")
    )
    assert {
        "segment_name": {"rel_tol": None, "abs_tol": 3},
        "value": {"rel_tol": 0.03, "abs_tol": None},
    } == summary["tolerance"]


def test_the_comparison_that_was_asked_for_is_kept_with_the_job(service: Service) -> None:
    service.write_small_pair()
    client = service.api()
    job_id = accepted(client.post(REVENUE, json={"abs_tol": 50}))
    plain = accepted(client.post(REVENUE, json={}))
    # what the catalogue says meanwhile changes nothing about it
    other = service.write(
        "metrics.toml",
        '[metric.revenue]\nold = "none.csv"\nnew = "none.csv"\nkey = ["date"]\nvalue = ["stat"]\n',
    )
    found = service.jobs().get(job_id).comparison
    service.write("none.csv", OLD)
    service.worker(metrics=other)
    for each in (job_id, plain):
        client.wait_for_success(each)

    assert {**METRIC.comparison.model_dump(mode="json"), "abs_tol": 50.0} == found
    summary = client.get(f"/api/diffing/job/{job_id}/summary").json()
    assert list(METRIC.key) == summary["key"]
    assert service.jobs().get(plain).comparison is None


@pytest.mark.parametrize("named", ["gone.csv", "x" * 246 + ".csv", "é" * 120 + ".csv"])
def test_a_named_file_that_is_not_there_is_a_404(idle: Client, named: str) -> None:
    for path, more in ((REVENUE, {}), (ONE_OFF, COLUMNS)):
        asked = {"old": "revenue_old.csv", "new": named, **more}
        assert_problem(idle.post(path, json=asked), 404, "Missing input file", named[:50])


def test_a_named_file_that_went_before_a_worker_came_is_told(service: Service) -> None:
    service.write_small_pair()
    client = service.api()
    asked = {"old": "revenue_old.csv", "new": "revenue_new.csv", **COLUMNS}
    job_id = accepted(client.post(ONE_OFF, json=asked))
    (service.settings.input_dir / "revenue_new.csv").unlink()
    service.worker()
    error = client.wait_for_failure(job_id)["error"]

    assert error["type"] == "urn:diffing:missing-input"
    assert "revenue_new.csv" in error["detail"]


# what makes no sense


NAMES_OF_NO_INPUT = {
    "up": "../revenue_old.csv",
    "absolute": "/etc/passwd",
    "folder": "a/b.csv",
    "file address": "file:///etc/passwd",
    "backslash": "..\\revenue_old.csv",
    "hidden": ".revenue_old.csv",
    "dots": "..csv",
    "no CSV": "passwd",
    "bare suffix": ".csv",
    "NUL": "revenue_old.csv\0.csv",
    "line end": "revenue_old.csv\n",
    "too long": "x" * 300 + ".csv",
    "too many bytes": "é" * 130 + ".csv",
    "empty": "",
}


@pytest.mark.parametrize("name", NAMES_OF_NO_INPUT.values(), ids=NAMES_OF_NO_INPUT)
def test_what_is_no_name_of_an_input_file_is_a_422(idle: Client, name: str) -> None:
    for path, more in ((REVENUE, {}), (ONE_OFF, {**COLUMNS, "new": "revenue_new.csv"})):
        assert_problem(idle.post(path, json={"old": name, **more}), 422, "old: must name a .csv")


@pytest.mark.parametrize("name", ["https://host/o.csv", "S3://bucket/o.csv.gz"])
def test_a_url_in_place_of_a_file_is_a_422(idle: Client, name: str) -> None:
    for body in ({"old": name}, {"new": name}):
        answer = idle.post(REVENUE, json=body)
        words = "a request cannot name a URL. Send the file, or name the URL in the catalogue."
        assert_problem(answer, 422, f"{next(iter(body))}: {words}")


@pytest.mark.parametrize("name", ["ftp://host/o.csv", "sftp://bucket/o.csv.gz"])
def test_an_address_in_place_of_a_file_is_a_422(idle: Client, name: str) -> None:
    scheme = name.partition("/")[0]
    answer = idle.post(REVENUE, json={"old": name})

    assert_problem(answer, 422, f"old: {name}: addresses such as {scheme}// are not taken.")
    assert answer.json()["detail"].endswith(" and name the copy.")
    assert ".." not in answer.json()["detail"]


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "unknown member": ({"colour": "red"}, "colour"),
    "unknown member of odd characters": ({"\0\x1b" + "x" * 9_000: "red"}, "??xx"),
    "negative": ({"rel_tol": -1}, "rel_tol"),
    "text for a number": ({"abs_tol": "0.5"}, "abs_tol"),
    "true for a number": ({"abs_tol": True}, "abs_tol"),
    "null": ({"abs_tol": None}, "abs_tol"),
    "a very large whole number": ({"abs_tol": 10**400}, "abs_tol"),
    "key of a metric": ({"key": ["date"]}, "key"),
    "tolerance of no value column": ({"tolerance": {"stat": {"abs_tol": 1}}}, "stat"),
    "tolerance of nothing": ({"tolerance": {"value": None}}, "tolerance.value"),
    "tolerance that there is not": ({"tolerance": {"value": {"x": 1}}}, "tolerance.value.x"),
    "duplicates": ({"duplicates": "some"}, "duplicates"),
    "first": ({"first": "removed"}, "first"),
    "text of no value column": ({"text": ["stat"]}, "text names stat"),
    "text for a list": ({"time": "value"}, "time"),
    "text for true": ({"trim": "true"}, "trim"),
    "number for true": ({"nocase": 1}, "nocase"),
    "tolerance of no time": ({"time_tol": "1s"}, "no column is a time"),
    "tolerance without a unit": ({"time": ["value"], "time_tol": "1"}, "time_tol"),
    "words that are numbers": ({"empty": [0]}, "empty.0"),
    "number for a name": ({"old": 1}, "old"),
}


@pytest.mark.parametrize(("asked", "named"), WRONG.values(), ids=WRONG)
def test_what_makes_no_sense_is_a_422_that_names_it(
    idle: Client, asked: dict[str, Any], named: str
) -> None:
    assert_problem(idle.post(REVENUE, json=asked), 422, named)


WRONG_ONE_OFF: dict[str, tuple[dict[str, Any], str]] = {
    "no key": ({"key": None}, "key"),
    "empty key": ({"key": []}, "key"),
    "no list": ({"key": "date"}, "key"),
    "a number": ({"key": [1]}, "key.0"),
    "column twice": (
        {"value": ["value", "value"]},
        "column named twice among key and value: value",
    ),
    "key and value": ({"value": ["date"]}, "date"),
}


@pytest.mark.parametrize(("asked", "named"), WRONG_ONE_OFF.values(), ids=WRONG_ONE_OFF)
def test_columns_that_make_no_sense_are_a_422(
    idle: Client, asked: dict[str, Any], named: str
) -> None:
    sound = {"old": "revenue_old.csv", "new": "revenue_new.csv", **COLUMNS}
    assert_problem(idle.post(ONE_OFF, json={**sound, **asked}), 422, named)


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_diff_of_no_metric_needs_files_and_a_key(idle: Client, slash: str) -> None:
    bodies: list[dict[str, str] | None] = [None, {}]
    for body in bodies:
        response = idle.post(f"{ONE_OFF}{slash}", json=body)
        assert_problem(response, 422, "old: ", "new: ", "key: ")


MALFORMED = {
    "nothing closed": b'{"rel_tol": ',
    "no JSON": b"rel_tol=1",
    "no UTF-8": b'{"old": "\xff"}',
    "UTF-16": '{"rel_tol": 1}'.encode("utf-16"),
    "NaN": b'{"rel_tol": NaN}',
    "Infinity": b'{"tolerance": {"value": {"abs_tol": -Infinity}}}',
    "a member twice": b'{"rel_tol": 1, "rel_tol": 2}',
    "half a character": rb'{"old": "\ud800.csv"}',
    "half a character in a name": rb'{"tolerance": {"\udfff": {}}}',
    "deep": b"[" * 60_000,
    "deep objects": b'{"a":' * 10_000,
    "a number of 5,000 digits": b'{"rel_tol": %s}' % (b"9" * 5_000),
    "nothing": b" ",
}


@pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED)
def test_malformed_json_is_a_400(idle: Client, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    for path in (REVENUE, ONE_OFF):
        assert_problem(idle.post(path, content=content, headers=headers), 400, " body")


@pytest.mark.parametrize("content", [b"[]", b"1", b"null", b'"x"', b'{"rel_tol": 1e999}'])
def test_json_that_is_no_object_of_finite_numbers_is_a_422(idle: Client, content: bytes) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    assert_problem(idle.post(REVENUE, content=content, headers=headers), 422)


@pytest.mark.parametrize(
    ("kind", "encoding"),
    [
        ("text/csv", None),
        ("application/x-www-form-urlencoded", None),
        ("multipart/mixed; boundary=x", None),
        ("ÿ;=;", None),
        ("application/json", "gzip"),
    ],
)
def test_a_body_of_another_type_is_a_415(idle: Client, kind: str, encoding: str | None) -> None:
    headers = {b"Content-Type": kind.encode("latin-1")}
    if encoding:
        headers[b"Content-Encoding"] = encoding.encode()
    for content in (b"{}", iter([b"{}"]), b"x" * 200_000):
        response = idle.post(REVENUE, content=content, headers=headers)
        assert_problem(response, 415, "Unsupported Content-")


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "multipart/form-data", "text/csv", None]
)
def test_an_empty_body_of_any_type_is_none(idle: Client, kind: str | None) -> None:
    headers = {"Content-Type": kind} if kind else {}
    accepted(idle.post(REVENUE, content=b"", headers=headers))
    accepted(idle.post(REVENUE, content=iter([b"", b""]), headers=headers))


def test_what_get_sends_along_is_no_body(idle: Client) -> None:
    accepted(idle.request("GET", REVENUE, content=b"no JSON"))


def part(name: str, content: str = "x", more: str = "") -> str:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{content}\r\n'


BOTH = part("old", OLD) + part("new", NEW)
FORMS: dict[str, tuple[str, int, str]] = {
    "no file": ("--b--\r\n", 422, "lacks the file old and the file new"),
    "one file": (part("old", OLD) + "--b--", 422, "lacks the file new"),
    "the name of a file": (
        part("old", "o.csv") + part("new", NEW) + "--b--",
        422,
        "The part old is the text o.csv, not a file. Send the file with an @: -F old=@o.csv",
    ),
    "the name of a file with a comma": (
        part("new", "data/a,b.csv.gz") + "--b--",
        422,
        "-F new=@data/a,b.csv.gz",
    ),
    "a file twice": (BOTH + part("old") + "--b--", 422, "the file old twice"),
    "a field twice": (
        BOTH + part("rel_tol", "1") + part("rel_tol", "2") + "--b--",
        422,
        "rel_tol is given twice",
    ),
    "an unknown part": (BOTH + part("\x1bcolour") + "--b--", 422, "?colour"),
    "columns of a metric": (BOTH + part("key") + "--b--", 422, "key"),
    "no number": (BOTH + part("rel_tol", "much") + "--b--", 422, "rel_tol"),
    "not a number": (BOTH + part("rel_tol", "nan") + "--b--", 422, "rel_tol"),
    "infinity": (BOTH + part("abs_tol", "1e999") + "--b--", 422, "abs_tol"),
    "no UTF-8": (BOTH + part("duplicates", "\xff") + "--b--", 422, "not UTF-8"),
    "encoded": (
        part("old", OLD, "\r\nContent-Transfer-Encoding: base64") + "--b--",
        422,
        "Unsupported Content-Transfer-Encoding",
    ),
    "cut off in a file": (BOTH[:-20], 400, "ends in the middle"),
    "cut off after a part": (BOTH, 400, "ends in the middle"),
    "cut off in a header": ("--b\r\nContent-Disp", 400, "ends in the middle"),
    "no form": ("{}", 400, "not valid multipart/form-data"),
    "a part without a name": ("--b\r\n\r\nx\r\n--b--", 400, "no name"),
    "a header without end": ("--b\r\nA: " + "x" * 9_000, 400, "not valid multipart/form-data"),
    "headers without end": ("--b\r\n" + "A: b\r\n" * 100, 400, "not valid multipart/form-data"),
    "a long field": (BOTH + part("rel_tol", "0" * 9_000) + "--b--", 413, "8,192 bytes"),
}


@pytest.mark.parametrize(("content", "status", "named"), FORMS.values(), ids=FORMS)
def test_a_form_that_cannot_be_used_says_why_and_leaves_nothing(
    idle: Client, idle_service: Service, content: str, status: int, named: str
) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    before = uploads_of(idle_service)
    response = idle.post(REVENUE, content=content.encode("latin-1"), headers=headers)

    assert_problem(response, status, named)
    assert before == uploads_of(idle_service)


@pytest.mark.parametrize("boundary", ["", "; boundary=", "; boundary=" + "x" * 300])
def test_a_form_without_a_boundary_is_a_400(idle: Client, boundary: str) -> None:
    headers = {"Content-Type": f"multipart/form-data{boundary}"}
    assert_problem(idle.post(REVENUE, content=BOTH.encode(), headers=headers), 400, "boundary")


def test_odd_column_names_are_taken_as_they_are(working: Client) -> None:
    name = 'a"; drop table jobs; -- \0 💥'
    texts = [f'"{name.replace(chr(34), 2 * chr(34))}",value\n1,{n}\n' for n in (1, 2)]
    files = {"old": texts[0], "new": texts[1]}
    fields = {"key": [name], "value": ["value"]}
    end = working.wait_until(
        accepted(working.post(ONE_OFF, files=files, data=fields)),
        lambda job: bool(job["finished_at"]),
    )

    # a NUL may be refused by the diff, which then says so
    assert end["status"] == "succeeded" or end["error"]["type"] == "urn:diffing:bad-input", end


# too much


class Sender:
    """A client that sends a form bit by bit, as it likes."""

    def __init__(self, client: Client, path: str, headers: dict[str, str]) -> None:
        url = urlsplit(str(client.base_url))
        self.socket = socket.create_connection(
            (url.hostname or "", url.port or 0), timeout=PATIENCE_SECONDS
        )
        self._chunked = "Content-Length" not in headers
        lines = [
            f"POST {path} HTTP/1.1",
            f"Host: {url.netloc}",
            "Content-Type: multipart/form-data; boundary=b",
            *(["Transfer-Encoding: chunked"] if self._chunked else []),
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self._next = b"--b"

    def part(self, name: str, content: bytes) -> None:
        """Begin a part."""
        head = f'\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode()
        self.more(self._next + head + content)
        self._next = b"\r\n--b"

    def more(self, content: bytes) -> None:
        """Go on with it."""
        framed = b"%x\r\n%s\r\n" % (len(content), content) if self._chunked else content
        self.socket.sendall(framed)

    def end(self) -> None:
        """Send the end of the form and of the body."""
        self.more(self._next + b"--\r\n")
        if self._chunked:
            self.socket.sendall(b"0\r\n\r\n")

    def answer(self) -> bytes:
        """The next answer, all of it."""
        said = b""
        while not (head := re.match(rb".*?content-length: (\d+)\r\n.*?\r\n\r\n", said, re.S)) or (
            len(said) < head.end() + int(head[1])
        ):
            more = self.socket.recv(65_536)
            assert more, said
            said += more
        return said


@contextmanager
def upload(client: Client, path: str = REVENUE, **headers: str) -> Iterator[Sender]:
    """A form that is about to be sent; at the end of the block the client goes away."""
    sender = Sender(client, path, {name.replace("_", "-"): v for name, v in headers.items()})
    with closing(sender.socket):
        yield sender


def test_an_upload_that_says_it_is_too_large_is_refused_before_it_is_sent(idle: Client) -> None:
    with upload(idle, Content_Length="100001", Expect="100-continue") as sender:
        said = sender.answer()

    assert said.startswith(b"HTTP/1.1 413 ")
    assert b"urn:diffing:too-large" in said


def test_an_upload_that_grows_too_large_is_refused_while_it_is_sent(
    idle: Client, idle_service: Service
) -> None:
    before = uploads_of(idle_service)
    with upload(idle) as sender:
        sender.part("old", b"x" * 99_000)
        sender.more(b"x" * 2_000)
        said = sender.answer()
        assert said.startswith(b"HTTP/1.1 413 ")
        assert b"more than 100,000 bytes" in said
        # the client that does not listen is heard out, and may ask again
        for _ in range(100):
            sender.more(b"x" * 65_536)
        sender.end()
        sender.socket.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert sender.answer().startswith(b"HTTP/1.1 200 ")

    assert before == uploads_of(idle_service)


def test_json_that_is_too_large_is_a_413(idle: Client) -> None:
    headers = {"Content-Type": "application/json"}
    for content in (b" " * 65_537, iter([b" " * 40_000] * 2)):
        assert_problem(idle.post(REVENUE, content=content, headers=headers), 413, "65,536 bytes")


def test_an_upload_is_not_read_when_no_job_can_be_queued(service: Service) -> None:
    service.write_small_pair()
    client = service.api(max_queued=1)
    headers = {"Idempotency-Key": "first"}
    first = accepted(client.post(REVENUE, files=FILES, headers=headers))
    with upload(client, Content_Length="100000", Expect="100-continue") as sender:
        said = sender.answer()

    assert said.startswith(b"HTTP/1.1 503 ")
    assert b"urn:diffing:queue-full" in said
    assert first == accepted(client.post(REVENUE, files=FILES, headers=headers))


def test_an_upload_for_no_metric_is_not_read(idle: Client) -> None:
    path = "/api/diffing/new/revenu"
    with upload(idle, path, Content_Length="100000", Expect="100-continue") as sender:
        assert sender.answer().startswith(b"HTTP/1.1 404 ")


# the same request again


def test_the_same_upload_with_the_same_key_is_the_same_job_and_kept_once(roomy: Roomy) -> None:
    client, queued = roomy.client, roomy.service.queued_tasks()
    headers = {"Idempotency-Key": "tuesday"}

    def ask(path: str = REVENUE, **fields: Any) -> httpx2.Response:
        files = {**FILES, **fields.pop("files", {})}
        return client.post(path, files=files, data=fields, headers=headers)

    uploads = roomy.new_uploads()
    first = ask()
    again = ask()
    named_otherwise = ask(files={"old": ("c.csv", OLD)})

    assert first.request.headers["content-type"] != again.request.headers["content-type"]
    assert {accepted(first)} == {accepted(again), accepted(named_otherwise)}
    assert [*queued, ((accepted(first),), {})] == roomy.service.queued_tasks()
    others = [
        ask(files={"old": ("a.csv", OLD + " ")}),
        ask(files={"old": ("a.csv", NEW), "new": ("b.csv", OLD)}),
        ask(rel_tol="0"),
        ask(ONE_OFF, **COLUMNS),
        client.post(REVENUE, headers=headers),
        client.post(REVENUE, headers=headers, json={}),
    ]
    for other in others:
        assert_problem(other, 409, "Idempotency-Key")
    assert ["new.csv", "old.csv"] == [path.name for path in uploads()]


def test_a_diff_of_no_metric_is_not_that_of_a_metric_of_the_same_body(idle: Client) -> None:
    headers = {"Idempotency-Key": "json"}
    asked = {"old": "revenue_old.csv", "new": "revenue_new.csv", **COLUMNS}
    first = accepted(idle.post(ONE_OFF, json=asked, headers=headers))

    assert first == accepted(idle.post(ONE_OFF, json=asked, headers=headers))
    assert_problem(idle.post(ONE_OFF, json={**asked, "abs_tol": 1}, headers=headers), 409)


# what goes wrong meanwhile


def test_an_upload_whose_client_goes_away_leaves_nothing(roomy: Roomy) -> None:
    folders = {*roomy.service.settings.uploads_dir.iterdir()}
    uploads = roomy.new_uploads()
    with upload(roomy.client) as sender:
        sender.part("old", b"x" * 200_000)
        wait_until(lambda: ["old.csv"] == [p.name for p in uploads()], "nothing was written")

    wait_until(lambda: folders == {*roomy.service.settings.uploads_dir.iterdir()}, "it is left")
    lines = roomy.program.lines()
    assert [] == [line for line in lines if "Traceback" in line or "ERROR" in line]
    assert roomy.client.get("/health").status_code == 200


def test_an_upload_that_is_cut_off_by_a_stop_leaves_nothing(service: Service) -> None:
    program = service.start("api", "--port", "0", grace=0)
    with upload(service.client_of(program)) as sender:
        sender.part("old", b"x" * 200_000)
        wait_until(lambda: uploads_of(service) == ["old.csv"], "nothing was written")
        program.signal(signal.SIGTERM)
        program.ended()

    assert nothing_is_uploaded(service)


def _uploaded(folder: Path) -> None:
    upload = Upload(folder)
    upload.write("old", b"a")
    upload.close()


def _locked(folder: Path) -> None:
    with locked_folder(folder / "own") as own:
        assert own.is_dir()


@pytest.mark.parametrize("opened", [_uploaded, _locked], ids=["of an upload", "of a worker"])
def test_a_folder_that_is_swept_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Callable[[Path], None]
) -> None:
    made: list[Path] = []
    mkdir = Path.mkdir

    def swept(folder: Path, **options: bool) -> None:
        mkdir(folder, **options)
        made.append(folder)
        if len(made) == 1:
            folder.rmdir()

    monkeypatch.setattr(Path, "mkdir", swept)
    opened(tmp_path)

    assert 2 == len(made)
    assert [] == [*tmp_path.iterdir()]


def test_what_a_killed_api_left_is_swept_and_what_is_being_written_is_not(
    service: Service,
) -> None:
    first, second = (service.start("api", "--port", "0") for _ in range(2))
    clients = [service.client_of(program) for program in (first, second)]
    (service.settings.uploads_dir / "notes.txt").touch()
    with upload(clients[0]) as dead, upload(clients[1]) as alive:
        for sender in (dead, alive):
            sender.part("old", OLD.encode() + b" " * 200_000)
            # more than is kept in memory until there is enough to write
            sender.part("new", NEW.encode() + b" " * 1_000_000)
        wait_until(lambda: len(uploads_of(service)) == 4, "nothing was written")
        first.signal(signal.SIGKILL)
        first.ended()
        # sweeps four times a second
        service.worker(retention=1)
        wait_until(lambda: len(uploads_of(service)) == 2, "what is dead is left")
        later = clients[1].post(REVENUE, files=FILES)
        clients[1].wait_until(accepted(later), lambda job: bool(job["finished_at"]))

        alive.end()
        assert b"202 Accepted" in alive.answer()
    assert (service.settings.uploads_dir / "notes.txt").exists()


def test_an_upload_is_removed_with_its_job_and_not_before(service: Service) -> None:
    client, worker = service.api_and_worker(retention=1.5)
    ended = [accepted(client.post(REVENUE, files=FILES)) for _ in range(2)]
    wait_until(
        lambda: client.get(f"/api/diffing/job/{ended[0]}/status").status_code == 410,
        "the job is left",
    )
    wait_until(lambda: nothing_is_uploaded(service), "the uploads are left")
    worker.signal(signal.SIGTERM)
    worker.ended()

    waiting = accepted(client.post(REVENUE, files=FILES))
    cancelled = accepted(client.post(REVENUE, files=FILES))
    client.delete(f"/api/diffing/job/{cancelled}")
    service.worker(retention=3600, max_attempts=1)
    client.wait_for_success(waiting)
    assert ["new.csv", "new.csv", "old.csv", "old.csv"] == uploads_of(service)


@pytest.mark.slow
def test_another_attempt_at_a_job_finds_its_uploads(
    service: Service, large_pair: LargePair
) -> None:
    client, worker = service.api_and_worker(stale_after=STALE_AFTER)
    with large_pair.old.open("rb") as old, large_pair.new.open("rb") as new:
        job_id = accepted(client.post(REVENUE, files={"old": old, "new": new}))
    client.wait_for_diff(job_id)
    worker.signal(signal.SIGKILL)
    service.worker(stale_after=STALE_AFTER)

    assert 2 == client.wait_for_success(job_id)["attempt"]
    assert large_pair.result == client.result_of(job_id)


def test_a_disk_that_is_full_is_a_503_and_nothing_is_left(tmp_path: Path, mount: Mount) -> None:
    data = tmp_path / "data"
    mount(Settings(data_dir=data).uploads_dir, "1m")
    with Service(data) as service:
        client, _ = service.api_and_worker()
        response = client.post(REVENUE, files={"old": OLD, "new": "x" * 3_000_000})
        assert_problem(response, 503, "The disk is full")
        assert "urn:diffing:disk-unavailable" == response.json()["type"]
        assert int(response.headers["retry-after"]) >= 1
        assert nothing_is_uploaded(service)

        client.wait_for_success(accepted(client.post(REVENUE, files=FILES)))
