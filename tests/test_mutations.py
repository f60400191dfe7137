"""Each line of SQL that decides is held by a case: broken, that case fails.

Not among them are changes that change no answer: `=` for `is not distinct from` between structs of
keys (structs with NULL fields are equal to their like either way), and the `distinct` in
duplicates.sql, which only saves work (test_plan.py holds it).
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from service import queries
from service.errors import DiffingError
from tests import test_cases

CASES = {case.name: case for case in test_cases.CASES}


@dataclass(frozen=True)
class Mutant:
    """A query with one thing changed, and the case that notices."""

    file: str
    original: str
    changed: str
    case: str

    def __str__(self) -> str:
        return f"{self.file}: {' '.join(self.original.split())}"


MUTANTS = [
    # when two values are equal
    Mutant(
        "macros",
        "<= greatest(rel_tol",
        "< greatest(rel_tol",
        "values_at_the_absolute_tolerance",
    ),
    Mutant(
        "macros",
        "<= greatest(rel_tol",
        "< greatest(rel_tol",
        "values_at_the_relative_tolerance",
    ),
    Mutant("macros", "isfinite(a) and isfinite(b)", "true", "values_nan_and_infinity"),
    Mutant("macros", "isfinite(a) and isfinite(b)", "isfinite(a)", "values_nan_and_infinity"),
    Mutant("macros", "a = b\n    or (", "(", "values_nan_and_infinity"),
    Mutant("macros", "greatest(abs(a), abs(b))", "abs(a)", "values_tolerance_is_symmetric"),
    Mutant("macros", "greatest(abs(a), abs(b))", "abs(b)", "values_tolerance_is_symmetric"),
    Mutant("macros", "contains(field, '+-') or", "", "values_that_are_no_numbers"),
    Mutant("macros", "or contains(field, '(')", "", "values_that_are_no_numbers"),
    Mutant(
        "macros",
        "rel_tol = 0 and abs_tol = 0,",
        "false,",
        "values_without_tolerance_are_decimals",
    ),
    Mutant(
        "macros",
        "rel_tol = 0 and abs_tol = 0,",
        "rel_tol = 0,",
        "values_tolerance_per_column",
    ),
    Mutant(
        "numbers_with_tolerance",
        "numbers_close(a, b, rel_tol, abs_tol)",
        "a = b",
        "values_default_tolerance",
    ),
    Mutant("macros", "(isnan(a) or ", "(", "values_nan_without_tolerance"),
    Mutant(
        "macros",
        "rtrim(number.digits, '0') || 'e'",
        "number.digits || 'e'",
        "values_without_tolerance_are_decimals",
    ),
    Mutant(
        "macros",
        "ltrim(part.whole || part.fraction, '0')",
        "part.whole || part.fraction",
        "values_without_tolerance_are_decimals",
    ),
    Mutant("macros", "- length(part.fraction)", "", "values_without_tolerance_are_decimals"),
    Mutant("macros", "replace(field, '_', '')", "field", "values_without_tolerance_are_decimals"),
    Mutant(
        "macros", "), false\n        )", "), true\n        )", "values_all_columns_must_be_equal"
    ),
    Mutant("macros", "field = '' or", "", "values_null"),
    Mutant("macros", "list_bool_and", "list_bool_or", "values_all_columns_must_be_equal"),
    # how a file is read
    Mutant(
        "csv",
        "select unnest(roles)\n    where false\n    union all by name\n",
        "",
        "values_tolerance_per_column",
    ),
    Mutant("csv", "comment = ''", "comment = '#'", "text_signs_that_begin_comments"),
    Mutant("old_rows", "no_number(columns(", "(columns(", "values_ways_to_write_a_number"),
    # what stands for a key
    Mutant(
        "keys_hashed",
        "md5_number(text)",
        "md5_number(replace(text, e'\\x1f', ''))",
        "keys_are_never_joined",
    ),
    Mutant(
        "keys_hashed",
        "md5_number(text)",
        "md5_number(lower(text))",
        "keys_differ_in_case_or_blanks",
    ),
    # how rows are sorted into added, changed, removed, unchanged
    Mutant("classify", "full join", "left join", "rows_none_in_new"),
    Mutant("classify", "when copies > 1 then 'ambiguous'", "", "duplicates_shuffled"),
    Mutant(
        "classify",
        "new_texts = old_texts)",
        "new_text = old_text)",
        "values_all_columns_must_be_equal",
    ),
    Mutant("classify", "new_text <> '' and ", "", "values_null"),
    Mutant(
        "classify",
        "$with_detail and kind = 'changed'",
        "false",
        "output_detail_shows_old_values",
    ),
    Mutant(
        "pieces_four", "row_number() over ()", "-row_number() over ()", "rows_in_the_order_of_new"
    ),
    Mutant("pieces_four", "(1::bigint << 40) +", "-", "rows_in_the_order_of_new"),
    Mutant(
        "classify",
        "sum(if(row is null, copies, 0))",
        "count_if(row is null)",
        "duplicates_added_and_removed",
    ),
    Mutant("old_keys_repeated", "count(*) as copies", "1 as copies", "duplicates_in_old_only"),
    # keys that stand several times
    Mutant(
        "duplicates",
        "select row, 'unchanged' as kind",
        "select row, 'changed' as kind",
        "duplicates_shuffled",
    ),
    Mutant(
        "duplicates",
        "close_values.key is null, 'changed'",
        "true, 'changed'",
        "duplicates_within_tolerance",
    ),
    Mutant(
        "duplicates",
        "and all_values_equal(",
        "or all_values_equal(",
        "duplicates_near_but_not_within_tolerance",
    ),
    Mutant(
        "duplicates",
        "arg_min(fields, row)",
        "arg_max(fields, row)",
        "duplicates_detail_shows_the_first",
    ),
    Mutant("counts", "- added_keys.keys", "", "duplicates_added_and_removed"),
    Mutant(
        "counts",
        "- (old_side.keys - removed_keys)",
        "- old_side.keys",
        "duplicates_added_and_removed",
    ),
    # what is written
    Mutant("result", "order by row", "order by row desc", "rows_in_the_order_of_new"),
    Mutant("result", "nullif(columns('[kvx][0-9]+'), '')", "columns('[kvx][0-9]+')", "values_null"),
    Mutant("result", "('added', 'changed')", "('added')", "rows_in_the_order_of_new"),
    Mutant("detail", "order by row", "order by row desc", "output_detail_shows_old_values"),
    Mutant("removed", "order by row", "order by row desc", "output_removed_is_old"),
    Mutant("removed", "semi join", "anti join", "output_removed_is_old"),
]


@pytest.fixture
def sql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the queries, which a diff runs instead of those of the project."""
    copy = shutil.copytree(queries.SQL_DIR, tmp_path / "sql")
    monkeypatch.setattr(queries, "SQL_DIR", copy)
    queries.query.cache_clear()
    yield copy
    queries.query.cache_clear()


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_query_that_is_broken_is_noticed(mutant: Mutant, sql: Path, tmp_path: Path) -> None:
    query = sql / f"{mutant.file}.sql"
    text = query.read_text()
    assert mutant.original in text
    query.write_text(text.replace(mutant.original, mutant.changed, 1))
    folder = tmp_path / "outputs"
    folder.mkdir()

    with pytest.raises((AssertionError, DiffingError)) as caught:
        test_cases.test_a_diff_says_what_the_case_expects(
            CASES[mutant.case], 4, exact_keys=False, tmp_path=folder
        )

    # a query that does not run at all proves nothing
    noticed_itself = "a fault of the service" in str(caught.value)
    assert noticed_itself or isinstance(caught.value, AssertionError)
