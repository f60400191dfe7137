"""Each line of SQL that decides is held by a case: broken, that case fails.

Not among them are changes that change no answer: `=` for `is not distinct from` between structs of
keys (structs with NULL fields are equal to their like either way), and what only saves work: the
`distinct` in duplicates.sql (test_plan.py holds it) and all of sample.sql (test_diff.py).
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from diffing.core.errors import DiffingError
from diffing.engine import sql as queries
from tests import test_cases

CASES = {case.name: case for case in test_cases.CASES}


@dataclass(frozen=True)
class Mutant:
    """A query with one thing changed, and the case that notices."""

    file: str
    original: str
    changed: str
    case: str
    sample: int = test_cases.SEES_ALL

    def __str__(self) -> str:
        return f"{self.file}: {' '.join(self.original.split())}"


MUTANTS = [
    # when two values are equal
    Mutant(
        "macros",
        "abs(a - b) <= abs_tol",
        "abs(a - b) < abs_tol",
        "values_at_the_absolute_tolerance",
    ),
    Mutant(
        "macros",
        "abs(a - b) <= rel_tol * abs(a)",
        "abs(a - b) < rel_tol * abs(a)",
        "values_at_the_relative_tolerance",
    ),
    Mutant(
        "macros",
        "abs(a - b) <= rel_tol * abs(b)",
        "abs(a - b) < rel_tol * abs(b)",
        "values_at_the_relative_tolerance",
    ),
    Mutant("macros", "isfinite(a) and isfinite(b)", "true", "values_nan_and_infinity"),
    Mutant("macros", "isfinite(a) and isfinite(b)", "isfinite(a)", "values_nan_and_infinity"),
    Mutant("macros", "a = b\n    or (", "(", "values_nan_and_infinity"),
    Mutant("macros", "rel_tol * abs(b)", "rel_tol * abs(a)", "values_tolerance_is_symmetric"),
    Mutant("macros", "rel_tol * abs(a)", "rel_tol * abs(b)", "values_tolerance_is_symmetric"),
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
        sample=test_cases.NONE,
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
    Mutant("numbers", "cell.text <> '' and ", "", "values_null"),
    Mutant("macros", "list_bool_and", "list_bool_or", "values_all_columns_must_be_equal"),
    # how a file is read
    Mutant(
        "csv",
        "select unnest(roles)\n    where false\n    union all by name\n",
        "",
        "values_tolerance_per_column",
    ),
    Mutant("csv", "comment = ''", "comment = '#'", "text_signs_that_begin_comments"),
    Mutant("old_rows", "list_count([*columns('f[0-9]+')]), 0", "0, 0", "duplicates_of_text_in_new"),
    Mutant(
        "numbers",
        "numbers_close(pair[1], pair[2], rel_tol, abs_tol), pair[1] is null and pair[2] is null",
        "numbers_close(pair[1], pair[2], rel_tol, abs_tol), false",
        "values_numbers_in_several_columns",
    ),
    Mutant(
        "numbers",
        "numbers_close(pair[1], pair[2], rel_tol, abs_tol), pair[1] is null and pair[2] is null",
        "numbers_close(pair[1], pair[2], rel_tol, abs_tol), true",
        "values_numbers_in_several_columns",
    ),
    Mutant(
        "numbers",
        "numbers_close(pair[1], pair[2], pair[3], pair[4]), pair[1] is null and pair[2] is null",
        "numbers_close(pair[1], pair[2], pair[3], pair[4]), false",
        "values_numbers_with_their_own_tolerances",
    ),
    Mutant(
        "numbers",
        "numbers_close(pair[1], pair[2], pair[3], pair[4]), pair[1] is null and pair[2] is null",
        "numbers_close(pair[1], pair[2], pair[3], pair[4]), true",
        "values_numbers_with_their_own_tolerances",
    ),
    Mutant(
        "numbers",
        "list_bool_and([\n        coalesce(numbers_close(pair[1], pair[2], rel_tol",
        "list_bool_or([\n        coalesce(numbers_close(pair[1], pair[2], rel_tol",
        "values_numbers_in_several_columns",
    ),
    Mutant("numbers", "list_bool_and", "list_bool_or", "values_numbers_with_their_own_tolerances"),
    Mutant("macros", "contains(field, '+-') or", "", "values_two_signs"),
    Mutant("macros", "or contains(field, '(')", "", "values_nan_with_more"),
    Mutant("only_numbers", "then ('no ' || field)::double", "then null", "values_two_signs"),
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
    Mutant("classify", "when grouped and copies > 1 then 'ambiguous'", "", "duplicates_shuffled"),
    Mutant(
        "classify",
        "new_row = old_row",
        "new_text = old_text",
        "values_all_columns_must_be_equal",
        sample=test_cases.NONE,
    ),
    Mutant(
        "classify",
        "new_mark = mark and new_number is",
        "new_number is",
        "values_with_one_tolerance_are_doubles",
    ),
    Mutant(
        "classify",
        "new_mark = mark and new_number_row",
        "new_number_row",
        "values_numbers_in_several_columns",
    ),
    Mutant(
        "classify", "when same then new_not_numbers", "", "values_text_is_compared_by_character"
    ),
    Mutant(
        "outcome_of_numbers",
        "where kind <> 'within_tolerance'",
        "",
        "values_with_one_tolerance_are_doubles",
    ),
    Mutant("classify", "and alike", "", "values_numbers_with_their_own_tolerances"),
    Mutant("classify", "or old_not_numbers > 0", "", "values_text_is_compared_by_character"),
    Mutant(
        "pieces_four", "row_number() over ()", "-row_number() over ()", "rows_in_the_order_of_new"
    ),
    Mutant("pieces_four", "(1::bigint << 40) +", "-", "rows_in_the_order_of_new"),
    Mutant(
        "outcome",
        "sum(if(kind = 'removed', copies, 0))",
        "count_if(kind = 'removed')",
        "duplicates_added_and_removed",
        sample=test_cases.NONE,
    ),
    Mutant(
        "outcome_of_numbers",
        "if(kind = 'removed', copies, 0)",
        "if(kind = 'removed', 1, 0)",
        "duplicates_added_and_removed",
    ),
    Mutant(
        "counts",
        "count(distinct removed_key)",
        "count(removed_key)",
        "duplicates_added_and_removed",
        sample=test_cases.SEES_NOTHING,
    ),
    Mutant(
        "old_grouped",
        "count(*) as copies",
        "1 as copies",
        "duplicates_added_and_removed",
        sample=test_cases.NONE,
    ),
    Mutant(
        "old_grouped",
        "sum(not_numbers)",
        "0 * count(*)",
        "values_number_against_text",
        sample=test_cases.NONE,
    ),
    Mutant(
        "old_grouped_of_numbers",
        "count(*) as copies",
        "1 as copies",
        "duplicates_added_and_removed",
    ),
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
    Mutant("counts", "- added_keys.keys", "", "duplicates_added_and_removed"),
    Mutant(
        "counts",
        "- ($old_side - removed_side))",
        "- $old_side)",
        "duplicates_added_and_removed",
    ),
    Mutant(
        "counts",
        "+ removed_keys",
        "+ removed_side",
        "duplicates_added_and_removed",
        sample=test_cases.SEES_NOTHING,
    ),
    # what is written
    Mutant("result", "order by row", "order by row desc", "rows_in_the_order_of_new"),
    Mutant("result", "nullif(columns('[kvx][0-9]+'), '')", "columns('[kvx][0-9]+')", "values_null"),
    Mutant("result", "('added', 'changed')", "('added')", "rows_in_the_order_of_new"),
    Mutant("detail", "order by row", "order by row desc", "output_detail_shows_old_values"),
    Mutant("detail", "arg_min(", "arg_max(", "duplicates_detail_shows_the_first"),
    Mutant("old_kept", "and kind = 'changed'", "and false", "output_detail_shows_old_values"),
    Mutant("old_kept", "and kind = 'removed'", "and false", "output_removed_is_old"),
    Mutant("removed", "order by row", "order by row desc", "output_removed_is_old"),
    Mutant("removed", "semi join", "anti join", "output_removed_is_old"),
]


@pytest.fixture
def sql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the sql, which a diff runs instead of those of the project."""
    copy = shutil.copytree(queries.SQL_DIR, tmp_path / "sql")
    monkeypatch.setattr(queries, "SQL_DIR", copy)
    queries.query.cache_clear()
    yield copy
    queries.query.cache_clear()


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_query_that_is_broken_is_noticed(
    mutant: Mutant, sql: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = sql / f"{mutant.file}.sql"
    text = query.read_text()
    assert mutant.original in text
    query.write_text(text.replace(mutant.original, mutant.changed, 1))
    folder = tmp_path / "outputs"
    folder.mkdir()

    with pytest.raises((AssertionError, DiffingError)) as caught:
        test_cases.test_a_diff_says_what_the_case_expects(
            CASES[mutant.case], 4, False, mutant.sample, folder, monkeypatch
        )

    # a query that does not run at all proves nothing
    noticed_itself = "a fault of the service" in str(caught.value)
    assert noticed_itself or isinstance(caught.value, AssertionError)
