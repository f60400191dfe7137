"""Files that are packed, and Parquet files."""

import csv
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import duckdb
import pyarrow
import pytest
from pyarrow import parquet

from diffing.core.comparison import Comparison
from diffing.core.errors import BadInput, Interrupted
from diffing.core.input_file import InputFile
from diffing.core.spec import DiffSpec
from diffing.csvfiles.named_files import SourceFile
from diffing.csvfiles.open import open_csv
from diffing.engine.diff import Diff
from diffing.files.results import Outputs
from diffing.sandbox.limits import Limits
from tests.command_line import CHANGED, DIFF, NEW, OLD, REMOVED, refused_by, run_here
from tests.service_under_test import Client, Service


def zipped(*contents: tuple[str, str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in contents:
            archive.writestr(name, content)
    return packed.getvalue()


class TestZip:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "data.zip"

    @pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    def test_the_only_file_is_read(self, path: Path, method: int) -> None:
        path.write_bytes(
            zipped(("folder/", ""), ("folder/a.csv", OLD), ("__MACOSX/._a.csv", "?"), method=method)
        )

        found = open_csv(InputFile.given(path), path.parent, ["id", "value"])

        assert OLD == found.path.read_text()
        assert path.stat().st_size == found.bytes

    BAD = (
        (zipped(("a.csv", OLD), ("b.csv", OLD)), "the ZIP archive contains 2 files, not one. "),
        (zipped(), "the ZIP archive contains 0 files, not one. "),
        (zipped(("[Content_Types].xml", "<x/>"), ("xl/a", "")), "is an Excel workbook. Save it"),
        (zipped(("a.csv", OLD), method=zipfile.ZIP_LZMA), "is packed in an unusual way."),
        (zipped(("a.csv", OLD))[:-5], "the zip file is damaged. Export or copy it again."),
        (zipped(("a.csv", OLD), method=zipfile.ZIP_STORED).replace(b"20", b"21"), "is damaged."),
        (OLD.encode(), "is not compressed with zip, but its name ends in .zip."),
        (zipped(("a.csv", "")), "the file is empty."),
    )

    @pytest.mark.parametrize(("content", "said"), BAD)
    def test_other_archives_are_refused(self, path: Path, content: bytes, said: str) -> None:
        path.write_bytes(content)

        with pytest.raises(BadInput) as caught:
            open_csv(InputFile.given(path), path.parent)

        assert said in caught.value.detail

    def test_an_encrypted_file_is_refused(self, path: Path) -> None:
        content = bytearray(zipped(("a.csv", OLD)))
        content[6] |= 1
        content[content.index(b"PK\x01\x02") + 8] |= 1
        path.write_bytes(content)

        with pytest.raises(BadInput, match="the ZIP archive is encrypted"):
            open_csv(InputFile.given(path), path.parent)

    def test_a_file_that_unpacks_to_too_much_is_refused(self, path: Path) -> None:
        path.write_bytes(zipped(("a.csv", "a,b\n" + "1,2\n" * 1_000_000)))

        with pytest.raises(BadInput, match="contains more than 1,000,000 bytes of CSV"):
            open_csv(InputFile.given(path), path.parent, most=1_000_000)
        assert [path] == list(path.parent.iterdir())


def write_parquet(path: Path, query: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"copy ({query}) to '{path}' (format parquet, row_group_size 2048)")


VALUES = (
    ("1::tinyint", "1"),
    ("18446744073709551615::ubigint", "18446744073709551615"),
    ("'-9223372036854775808'::bigint", "-9223372036854775808"),
    ("1.50::decimal(9,2)", "1.50"),
    ("1234567890123456789012345678.0123456789::decimal(38,10)",) * 2,
    ("0.50::decimal(2,2)", "0.50"),
    ("-0.05::decimal(2,2)", "-0.05"),
    ("0.1::double", "0.1"),
    ("(0.1::double + 0.2::double)", "0.30000000000000004"),
    ("1e22::double", "1e+22"),
    ("5e-324::double", "5e-324"),
    ("0.1::float", "0.1"),
    ("'nan'::double", "nan"),
    ("'-infinity'::double", "-inf"),
    ("true", "true"),
    ("date '2024-02-29'", "2024-02-29"),
    ("time '01:02:03.004'", "01:02:03.004"),
    ("timetz '01:02:03+02'", "23:02:03Z"),
    ("timestamp '2024-02-29 01:02:03.000004'", "2024-02-29T01:02:03.000004"),
    ("timestamp_ns '2024-02-29 01:02:03.123456789'", "2024-02-29T01:02:03.123456789"),
    ("timestamptz '2024-02-29 01:02:03+02'", "2024-02-28T23:02:03Z"),
    ("timestamptz_ns '2024-02-29 01:02:03.000000001+02'", "2024-02-28T23:02:03.000000001Z"),
    ("null::varchar", ""),
    ("''", ""),
    ("'a,\"b\"' || chr(13) || chr(10) || 'é'", 'a,"b"\r\né'),
    ("'6ccd780c-baba-1026-9564-5b8c656024db'::uuid", "6ccd780c-baba-1026-9564-5b8c656024db"),
)


class TestParquet:
    def test_each_type_has_its_text(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TZ", "Asia/Tokyo")
        texts = [value[1].removesuffix("::decimal(38,10)") for value in VALUES]
        columns = ", ".join(f"{value[0]} as c{i}" for i, value in enumerate(VALUES))
        write_parquet(tmp_path / "new.parquet", f"select 1 as id, {columns}")
        names = [f"c{i}" for i in range(len(VALUES))]
        (tmp_path / "old.csv").write_text(",".join(["id", *names]) + "\n")
        spec = DiffSpec(
            InputFile.given(tmp_path / "old.csv"),
            InputFile.given(tmp_path / "new.parquet"),
            Comparison.of(key=["id"], value=names),
        )
        (tmp_path / "scratch").mkdir()
        outputs = Outputs(result=tmp_path / "out.csv")

        summary = Diff(spec, Limits(1, "1GB", tmp_path / "scratch")).run(outputs)

        with (tmp_path / "out.csv").open(newline="") as file:
            assert [["id", *names], ["1", *texts]] == list(csv.reader(file))
        assert (tmp_path / "new.parquet").stat().st_size == summary.new.bytes
        assert [] == list((tmp_path / "scratch").iterdir())

    def test_beside_a_csv_file(self, folder: Path) -> None:
        rows = "(1, 'a', 10), (2, null, 20), (null, 'c', 30), (5, 'e', 50)"
        write_parquet(folder / "old.parquet", f"from (values {rows}) v(id, note, value)")

        done = run_here(
            folder,
            *DIFF[:2],
            "old.parquet",
            *DIFF[3:],
            "-q",
            "--output",
            "out.csv",
            "--removed",
            "r.csv",
        )

        assert (0, "") == (done.returncode, done.stderr)
        assert CHANGED == (folder / "out.csv").read_text()
        assert REMOVED == (folder / "r.csv").read_text()

    def test_two_files_of_many_row_groups_keep_the_order_of_new(self, tmp_path: Path) -> None:
        query = "select (i * 7919) % 100000 as id, i{} as value from range(100000) r(i)"
        write_parquet(tmp_path / "old.parquet", query.format(""))
        write_parquet(tmp_path / "new.parquet", query.format(" + i % 2"))
        files = ("--old", "old.parquet", "--new", "new.parquet")

        done = run_here(tmp_path, "diff", *files, *DIFF[6:], "-q", "--output", "out.csv")

        assert (0, "") == (done.returncode, done.stderr)
        rows = (tmp_path / "out.csv").read_text().splitlines()[1:]
        assert [f"{i * 7919 % 100000},{i + 1}" for i in range(1, 100_000, 2)] == rows

    def test_each_thread_reads_at_its_own_place(self, tmp_path: Path) -> None:
        path = tmp_path / "digits"
        path.write_bytes(b"0123456789")
        with path.open("rb") as file, ThreadPoolExecutor(1) as other:
            shared = SourceFile(file.fileno(), "source", at_places=True).open("source://file")
            shared.seek(2)
            other.submit(shared.seek, 7).result()

            assert b"234" == shared.read(3)
            assert b"789" == other.submit(shared.read, 9).result()
            assert (5, b"56789", b"") == (shared.tell(), shared.read(), shared.read(1))

    BAD: tuple[tuple[str, Callable[[bytes], bytes], str], ...] = (
        ("select 1 id, [1] as value", bytes, "the column value is INTEGER[], which has no text"),
        ("select 1 id, {'a': 1} as value", bytes, "the column value is STRUCT"),
        ("select 1 id, 'x'::blob as value", bytes, "the column value is BLOB, which has no text"),
        ("select 1 id, 2 as val", bytes, "no column 'value'. Did you mean 'val'?"),
        ("select 1 id, 2 as value", lambda b: b[:-9], "the Parquet file is damaged"),
        ("select 1 id, 2 as value", lambda b: b[:8] + b"\xff" * 9 + b[17:], "file is damaged"),
        ("select 1 id, 2 as value", lambda _: b"id,value\n", ".parquet. Rename it: mv"),
        ("select 1 id, 2 as value", lambda _: b"", "the file is empty"),
    )

    @pytest.mark.parametrize(("query", "change", "said"), BAD)
    def test_a_file_without_texts_is_refused_by_name(
        self, folder: Path, query: str, change: Callable[[bytes], bytes], said: str
    ) -> None:
        path = folder / "old.parquet"
        write_parquet(path, query)
        path.write_bytes(change(path.read_bytes()))

        done = refused_by(folder, *DIFF[:2], "old.parquet", *DIFF[3:], "--output", "out.csv")

        assert 2 == done.returncode
        assert done.stderr.startswith("diffing: old.parquet: ")
        assert said in done.stderr
        assert str(folder) not in done.stderr

    @pytest.mark.parametrize(
        ("number", "kind", "said"),
        [
            (10**38, pyarrow.decimal256(39), "the column value is DECIMAL(39,0), which"),
            (2**62, pyarrow.timestamp("ms"), "the Parquet file is damaged"),
        ],
    )
    def test_a_value_that_duckdb_cannot_read_exactly_is_refused(
        self, folder: Path, number: int, kind: pyarrow.DataType, said: str
    ) -> None:
        values = pyarrow.array([number], kind)
        parquet.write_table(pyarrow.table({"id": [1], "value": values}), folder / "old.parquet")

        done = refused_by(folder, *DIFF[:2], "old.parquet", *DIFF[3:], "--output", "out.csv")

        assert done.stderr.startswith(f"diffing: old.parquet: {said}")

    @pytest.mark.parametrize(("most", "error"), [(100_000, BadInput), (1e12, None)])
    def test_a_copy_grows_only_so_far(
        self, tmp_path: Path, most: float, error: type[Exception] | None
    ) -> None:
        query = "select i id, repeat('x', 900) as value from range(3000) r(i)"
        for name in ("old", "new"):
            write_parquet(tmp_path / f"{name}.parquet", query)
        (tmp_path / "scratch").mkdir()
        spec = DiffSpec(
            InputFile.given(tmp_path / "old.parquet"),
            InputFile.given(tmp_path / "new.parquet"),
            Comparison.of(key=["id"], value=["value"]),
        )
        diff = Diff(spec, Limits(1, "1GB", tmp_path / "scratch", max_unpacked_bytes=most))
        outputs = Outputs(result=tmp_path / "out.csv")

        if error:
            with pytest.raises(error, match="contains more than 100,000 bytes of CSV"):
                diff.run(outputs)
        else:
            assert 3000 == diff.run(outputs).unchanged
        assert [] == list((tmp_path / "scratch").iterdir())

    def test_a_copy_that_is_interrupted_ends(self, tmp_path: Path) -> None:
        for name in ("old", "new"):
            write_parquet(tmp_path / f"{name}.parquet", "select 1 id, 2 as value")
        (tmp_path / "scratch").mkdir()
        spec = DiffSpec(
            InputFile.given(tmp_path / "old.parquet"),
            InputFile.given(tmp_path / "new.parquet"),
            Comparison.of(key=["id"], value=["value"]),
        )
        diff = Diff(spec, Limits(1, "1GB", tmp_path / "scratch"))
        diff.interrupt()

        with pytest.raises(Interrupted):
            diff.run(Outputs(result=tmp_path / "out.csv"))


@pytest.fixture(scope="module")
def client(shared: Service) -> Client:
    """A client of a service with packed files and Parquet files."""
    folder = shared.settings.input_dir
    shared.write("packed.zip", zipped(("a.csv", OLD)))
    write_parquet(folder / "columns.parquet", f"from read_csv('{shared.write('n.csv', NEW)}')")
    client, _ = shared.api_and_worker()
    return client


COLUMNS = {"key": ["id"], "value": ["value"]}


def test_the_service_reads_them_inside_the_sandbox(client: Client) -> None:
    members = {"old": "packed.zip", "new": "columns.parquet"} | COLUMNS
    job_id = client.post("/api/diffing/new", json=members).json()["job_id"]
    client.wait_for_success(job_id)

    assert b"id,note,value\n9,x,90.0\n,c,31.0\n" == client.result_of(job_id)


def test_uploads_are_known_by_their_content(client: Client, shared: Service) -> None:
    parquet = (shared.settings.input_dir / "columns.parquet").read_bytes()
    answer = client.post(
        "/api/diffing/new",
        data={"key": "id", "value": "value"},
        files={"old": ("a.bin", zipped(("a.csv", OLD))), "new": ("b.bin", parquet)},
    )
    job_id = answer.json()["job_id"]
    client.wait_for_success(job_id)

    summary = client.get(f"/api/diffing/job/{job_id}/summary").json()
    assert ("a.bin", "b.bin") == (summary["old"]["name"], summary["new"]["name"])
    assert (1, 1, 1) == (summary["added"], summary["changed"], summary["removed"])


def test_a_name_of_another_ending_is_refused(client: Client) -> None:
    answer = client.post("/api/diffing/new", json={"old": "a.xlsx", "new": "b.csv"} | COLUMNS)

    assert 422 == answer.status_code
    assert answer.json()["detail"] == (
        "old: must name a .csv, .tsv, .txt, .zip or .parquet file, without a folder."
    )
