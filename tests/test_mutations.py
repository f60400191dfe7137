"""Each line of SQL that decides has a case that fails if the line is broken.

Where the result is broken, the specification (`sql/anti_join.sql`, as it is) has to notice, too.

Changes that change no answer are not among them. With `=` in place of `is not distinct from`,
structs of keys with NULL fields are still equal. The grouping by value in 6_duplicates.sql only
saves work (test_plan.py checks it), and so does all of sample.sql (test_diff.py).
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from diffing.core.errors import DiffingError
from diffing.engine import connection
from diffing.engine import sql as queries
from tests import reference, specification, test_cases

# it tests the named cases, and not the service
pytestmark = pytest.mark.slow

CASES = {case.name: case for case in test_cases.CASES}


@dataclass(frozen=True)
class Mutant:
    """A section of `sql/` with one thing changed, and the case that notices."""

    section: str
    original: str
    changed: str
    case: str
    sample: int = test_cases.SEES_ALL

    def __str__(self) -> str:
        return f"{self.section}: {' '.join(self.original.split())}"


MUTANTS = [
    # when two values are equal
    Mutant(
        "equality",
        "abs(a - b) <= abs_tol",
        "abs(a - b) < abs_tol",
        "values_at_the_absolute_tolerance",
    ),
    Mutant(
        "equality",
        "abs(a - b) <= rel_tol * abs(a)",
        "abs(a - b) < rel_tol * abs(a)",
        "values_at_the_relative_tolerance",
    ),
    Mutant(
        "equality",
        "abs(a - b) <= rel_tol * abs(b)",
        "abs(a - b) < rel_tol * abs(b)",
        "values_at_the_relative_tolerance",
    ),
    Mutant("equality", "isfinite(a) and isfinite(b)", "true", "values_nan_and_infinity"),
    Mutant("equality", "isfinite(a) and isfinite(b)", "isfinite(a)", "values_nan_and_infinity"),
    Mutant("equality", "a = b\n    or (", "(", "values_nan_and_infinity"),
    Mutant("equality", "rel_tol * abs(b)", "rel_tol * abs(a)", "values_tolerance_is_symmetric"),
    Mutant("equality", "rel_tol * abs(a)", "rel_tol * abs(b)", "values_tolerance_is_symmetric"),
    Mutant("equality", "contains(field, '+-') or", "", "values_that_are_no_numbers"),
    Mutant("equality", "or contains(field, '(')", "", "values_that_are_no_numbers"),
    Mutant(
        "equality",
        "rel_tol = 0 and abs_tol = 0\n",
        "false\n",
        "values_without_tolerance_are_decimals",
    ),
    Mutant(
        "equality",
        "rel_tol = 0 and abs_tol = 0\n",
        "rel_tol = 0\n",
        "values_with_one_tolerance_are_doubles",
    ),
    Mutant(
        "equality",
        "numbers_close(a, b, relative(rel_tol), abs_tol)",
        "a = b",
        "values_default_tolerance",
        sample=test_cases.NONE,
    ),
    Mutant(
        "equality",
        "rel_tol is null and greatest(abs(a), abs(b)) >= 1e9",
        "false",
        "values_whole_numbers_by_default",
    ),
    Mutant(
        "equality",
        "or a <> b and abs(a - b) <= abs_tol",
        "",
        "values_whole_numbers_in_several_columns",
    ),
    Mutant("equality", "'[.eEnN]'", "'[eEnN]'", "values_whole_numbers_by_default"),
    Mutant(
        "number",
        "or abs(number) >= exact_from and is_whole(field)",
        "",
        "values_whole_numbers_by_default",
        sample=test_cases.SEES_NOTHING,
    ),
    Mutant(
        "outcome_of_numbers", "$wholes_close and", "false and", "values_whole_numbers_of_metrics"
    ),
    Mutant("duplicates", "close_values.whole then", "false then", "duplicates_of_whole_numbers"),
    Mutant(
        "equality", "decimal_in(text, a)", "decimal_in(text, null)", "values_nan_without_tolerance"
    ),
    Mutant(
        "equality", "pair[1] = pair[2] for", "true for", "values_without_tolerance_are_decimals"
    ),
    Mutant(
        "equality",
        "rtrim(notation.digits, '0') || 'e'",
        "notation.digits || 'e'",
        "values_without_tolerance_are_decimals",
    ),
    Mutant(
        "equality",
        "ltrim(part.whole || part.fraction, '0')",
        "part.whole || part.fraction",
        "values_without_tolerance_are_decimals",
    ),
    Mutant("equality", "- length(part.fraction)", "", "values_without_tolerance_are_decimals"),
    Mutant(
        "equality", "replace(field, '_', ''),", "field,", "values_without_tolerance_are_decimals"
    ),
    Mutant(
        "equality",
        "else replace(field, '_', '')",
        "else field",
        "values_long_numbers_with_underscores",
    ),
    Mutant(
        "equality",
        "then 'no number'",
        "then replace(field, '_', '')",
        "values_long_numbers_with_underscores",
    ),
    Mutant(
        "equality",
        "greatest(abs(a), abs(b))",
        "abs(a)",
        "values_whole_numbers_around_a_billion",
    ),
    Mutant(
        "equality",
        "        ),\n        false\n    );",
        "        ),\n        true\n    );",
        "values_all_columns_must_be_equal",
    ),
    Mutant("number", "text <> '' and number", "number", "values_null"),
    Mutant("equality", "list_bool_and", "list_bool_or", "duplicates_of_whole_numbers"),
    # kinds of columns, and rules of fields
    Mutant("equality", "'-', 1, -1)", "'-', 1, 1)", "kinds_time"),
    Mutant("equality", "'-', 1, -1)", "'-', -1, -1)", "kinds_time"),
    Mutant("equality", "'Z' then 2305843009213693952", "'Z' then 0", "kinds_time"),
    Mutant("equality", "else 2305843009213693952 +", "else 0 +", "kinds_time"),
    Mutant("equality", "rpad(left(part.fraction, 6), 6, '0')::bigint", "0", "kinds_time"),
    Mutant("equality", "<= time_tol", "< time_tol", "kinds_time_within_a_tolerance"),
    Mutant("equality", "^[\\pZ", "^[ ", "kinds_keys_by_rules"),
    Mutant("equality", "'ß', 'ss'", "'ß', 'ß'", "kinds_keys_by_rules"),
    Mutant(
        "rules", "packed_keys || e'\\x1f' || packed_values", "packed_values", "kinds_keys_by_rules"
    ),
    Mutant(
        "rules",
        "all_without_blanks_and_case($empty::varchar[], $trim, $nocase)",
        "$empty::varchar[]",
        "kinds_values_by_rules",
    ),
    Mutant("number", "if(pair[2] = 'number', pair[1], '')", "pair[1]", "kinds_text"),
    Mutant("shapes", "time_tol is not null and", "false and", "kinds_duplicates_by_rules"),
    Mutant("shapes", "time / greatest(time_tol, 1000)", "time", "kinds_duplicates_by_rules"),
    Mutant(
        "counts",
        "exact_key_of(struct_pack(*columns('^key_[0-9]+$')), [*columns('^key_[0-9]+$')])",
        "struct_pack(*columns('^key_[0-9]+$'))",
        "kinds_duplicates_by_rules",
    ),
    # how a file is read
    Mutant(
        "reordered",
        "select unnest(getvariable('new_roles')), 0 as row\nwhere false\nunion all by name\n",
        "",
        "values_tolerance_per_column",
    ),
    Mutant("read", "comment = ''", "comment = '#'", "text_signs_that_begin_comments"),
    Mutant(
        "number",
        "not_number(value, number)::usmallint",
        "0::usmallint",
        "columns_without_a_name_as_key",
    ),
    Mutant(
        "number",
        "not_numbers_in(maybe, numbers)::usmallint",
        "0::usmallint",
        "duplicates_of_text_in_new",
    ),
    Mutant(
        "number",
        "numbers_close(pair[1], pair[2], rel_tol, abs_tol), pair[1] is null and pair[2] is null",
        "numbers_close(pair[1], pair[2], rel_tol, abs_tol), false",
        "values_numbers_in_several_columns",
    ),
    Mutant(
        "number",
        "numbers_close(pair[1], pair[2], rel_tol, abs_tol), pair[1] is null and pair[2] is null",
        "numbers_close(pair[1], pair[2], rel_tol, abs_tol), true",
        "values_numbers_in_several_columns",
    ),
    Mutant(
        "number",
        "relative(rel_tol), abs_tol), a is null and b is null",
        "relative(rel_tol), abs_tol), false",
        "values_numbers_with_their_own_tolerances",
    ),
    Mutant(
        "number",
        "relative(rel_tol), abs_tol), a is null and b is null",
        "relative(rel_tol), abs_tol), true",
        "values_numbers_with_their_own_tolerances",
    ),
    Mutant(
        "number",
        "list_bool_and([\n        coalesce(numbers_close(pair[1], pair[2], rel_tol",
        "list_bool_or([\n        coalesce(numbers_close(pair[1], pair[2], rel_tol",
        "values_numbers_in_several_columns",
    ),
    Mutant("number", "list_bool_and", "list_bool_or", "values_numbers_with_their_own_tolerances"),
    Mutant("equality", "contains(field, '+-') or", "", "values_two_signs"),
    Mutant("equality", "or contains(field, '(')", "", "values_nan_with_more"),
    Mutant("number", "then ('no ' || field)::double", "then null", "values_two_signs"),
    Mutant(
        "number",
        "is_limit(number) and number_of",
        "false and number_of",
        "values_of_hex_ids",
        sample=test_cases.SEES_NOTHING,
    ),
    Mutant(
        "number",
        "list_contains(doubles, 0::double)\n            or list_max(doubles) >= exact_from\n"
        "            or list_min(doubles) <= -exact_from",
        "false",
        "values_of_ids_in_several_columns",
        sample=test_cases.SEES_NOTHING,
    ),
    Mutant(
        "equality",
        "list_contains(numbers, 0::double)\n    or",
        "",
        "values_of_ids_in_several_columns",
    ),
    Mutant(
        "equality",
        "or list_contains(numbers, 'inf'::double)",
        "",
        "values_of_ids_in_several_columns",
    ),
    Mutant(
        "equality",
        "or list_contains(numbers, '-inf'::double)",
        "",
        "values_of_ids_in_several_columns",
    ),
    Mutant("equality", "number = 0 or isinf(number)", "isinf(number)", "values_of_hex_ids"),
    Mutant("equality", "number = 0 or isinf(number)", "number = 0", "values_of_hex_ids"),
    Mutant("equality", "[^eE]*[1-9]", ".*[1-9]", "values_zero_in_many_forms"),
    Mutant("equality", "[^eE]*[1-9]", "", "values_zero_in_many_forms"),
    # what stands for a key
    Mutant(
        "rules",
        "md5_number(text)",
        "md5_number(replace(text, e'\\x1f', ''))",
        "keys_are_never_joined",
    ),
    Mutant(
        "rules",
        "md5_number(text)",
        "md5_number(lower(text))",
        "keys_differ_in_case_or_blanks",
    ),
    # how rows are sorted into added, changed, removed, unchanged
    Mutant("outcome_of_numbers", "full join", "left join", "rows_none_in_new"),
    Mutant("outcome_of_text", "full join", "left join", "rows_none_in_new", sample=test_cases.NONE),
    Mutant(
        "outcome_of_numbers",
        "$grouped and (copies > 1 or counted),",
        "false,",
        "duplicates_of_numbers_shuffled",
    ),
    Mutant(
        "outcome_of_text",
        "$grouped and (copies > 1 or counted),",
        "false,",
        "duplicates_shuffled",
        sample=test_cases.NONE,
    ),
    Mutant(
        "outcome_of_texts",
        "packed = old_packed",
        "packed is not null",
        "values_all_columns_must_be_equal",
        sample=test_cases.NONE,
    ),
    Mutant(
        "outcome_of_texts",
        "len(differ) = 0",
        "len(differ) < 2",
        "values_all_columns_must_be_equal",
    ),
    Mutant(
        "number",
        "if pair[1] <> pair[2]",
        "if pair[1] < pair[2]",
        "values_all_columns_must_be_equal",
    ),
    Mutant(
        "number",
        "list_select(abs_tols, places)",
        "list_select(abs_tols, list_reverse(places))",
        "values_tolerance_per_column",
    ),
    Mutant(
        "outcome_of_numbers",
        "and mark = old_mark\n",
        "\n",
        "values_whole_numbers_of_metrics",
    ),
    Mutant(
        "outcome_of_numbers",
        "and mark = old_mark\n",
        "\n",
        "values_numbers_in_several_columns",
    ),
    Mutant("outcome_of_text", "when same then not_numbers", "", "values_zero_in_many_forms"),
    Mutant(
        "outcome_of_numbers",
        "when $alike",
        "when true",
        "values_numbers_with_their_own_tolerances",
    ),
    Mutant("outcome_of_text", "or old_not_numbers > 0", "", "values_text_is_compared_by_character"),
    Mutant(
        "four_pieces", "row_number() over ()", "-row_number() over ()", "rows_in_the_order_of_new"
    ),
    Mutant("four_pieces", "(1::bigint << 40) +", "-", "rows_in_the_order_of_new"),
    Mutant(
        "outcome_of_text",
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
        "old_grouped_text",
        "count(*) as copies",
        "1 as copies",
        "duplicates_added_and_removed",
        sample=test_cases.NONE,
    ),
    Mutant(
        "old_grouped_text",
        "sum(not_numbers)",
        "0 * count(*)",
        "values_number_against_text",
        sample=test_cases.NONE,
    ),
    Mutant(
        "old_grouped_numbers",
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
        "close_values.key is null then",
        "true then",
        "duplicates_within_tolerance",
    ),
    Mutant(
        "duplicates",
        "where all_equal_by_rules(",
        "where true or all_equal_by_rules(",
        "duplicates_near_but_not_within_tolerance",
    ),
    # rows that pair one by one
    Mutant(
        "old_grouped_text",
        "$counts and count(*) > 1 as counted",
        "false as counted",
        "count_lost_rows",
        sample=test_cases.NONE,
    ),
    Mutant(
        "old_grouped_numbers",
        "$counts and count(*) > 1 as counted",
        "false as counted",
        "count_lost_rows",
    ),
    Mutant("new_repeats", "> 1", "> 3", "count_more_rows_in_new", sample=test_cases.NONE),
    Mutant(
        "counted_in_old_grouped_text",
        "counted = true",
        "counted = false",
        "count_more_rows_in_new",
        sample=test_cases.NONE,
    ),
    Mutant(
        "counted_in_old_grouped_numbers",
        "counted = true",
        "counted = false",
        "count_more_rows_in_new",
    ),
    Mutant("outcome_of_text", "and not counted", "", "count_lost_rows", sample=test_cases.NONE),
    # the same with several value columns
    Mutant(
        "outcome_of_texts",
        "full join",
        "left join",
        "kinds_duplicates_by_rules",
    ),
    Mutant(
        "outcome_of_texts",
        "$grouped and (copies > 1 or counted),",
        "false,",
        "duplicates_all_values_of_one_row",
    ),
    Mutant("outcome_of_texts", "when same then not_numbers", "", "columns_placeholders"),
    Mutant("outcome_of_texts", "or old_not_numbers > 0", "", "columns_placeholders"),
    Mutant(
        "outcome_of_texts",
        "sum(if(kind = 'removed', copies, 0))",
        "count_if(kind = 'removed')",
        "count_lost_rows_of_several_columns",
    ),
    Mutant("outcome_of_texts", "and not counted", "", "count_lost_rows_of_several_columns"),
    Mutant("outcome_of_texts", "copies > 1 or counted", "copies > 1", "count_several_columns"),
    Mutant("old_grouped_texts", "count(*) as copies", "1 as copies", "duplicates_of_whole_numbers"),
    Mutant(
        "old_grouped_texts",
        "sum(not_numbers)",
        "0 * count(*)",
        "columns_placeholders",
        sample=test_cases.NONE,
    ),
    Mutant(
        "old_grouped_texts",
        "$counts and count(*) > 1 as counted",
        "false as counted",
        "count_lost_rows_of_several_columns",
    ),
    Mutant(
        "counted_in_old_grouped_texts",
        "counted = true",
        "counted = false",
        "count_several_columns",
    ),
    Mutant(
        "outcome_of_text",
        "and value = old_value",
        "",
        "text_words_for_null_are_values",
        sample=test_cases.NONE,
    ),
    Mutant(
        "outcome_of_text", "else not_number(old_value, old_number)", "else 0", "keys_pair_by_name"
    ),
    Mutant("outcome_of_numbers", "and not counted", "", "count_lost_rows"),
    Mutant(
        "outcome_of_text",
        "copies > 1 or counted",
        "copies > 1",
        "count_more_rows_in_new",
        sample=test_cases.NONE,
    ),
    Mutant("outcome_of_numbers", "copies > 1 or counted", "copies > 1", "count_more_rows_in_new"),
    Mutant("left_over", "order by row", "order by row desc", "count_lost_rows"),
    Mutant("left_over", "and here.place = there.place", "", "count_lost_rows"),
    Mutant(
        "left_over",
        "here.texts is not distinct from there.texts",
        "true",
        "count_pairs_what_is_left",
    ),
    Mutant(
        "close_groups",
        "relative(rel_tol) >= 1 and",
        "false and",
        "count_relative_tolerance_above_1",
    ),
    Mutant(
        "close_groups",
        "relative(rel_tol) < 1 and",
        "",
        "count_relative_tolerance_above_1",
    ),
    Mutant("close_groups", "or one_exact", "or true", "count_whole_numbers"),
    Mutant("close_groups", "when all_exact then 'exact ' || exact", "", "count_whole_numbers"),
    Mutant("close_groups", "and first(abs_tol) = 0", "", "count_whole_numbers_within_a_tolerance"),
    Mutant(
        "close_groups", "order by number, is_exact, row", "order by row", "count_within_tolerance"
    ),
    Mutant(
        "close_groups",
        "null,\n        null\n    from placed",
        "min(number),\n        false\n    from placed",
        "count_several_columns",
    ),
    Mutant("chains", "where not alike", "where false", "count_chains_of_numbers"),
    Mutant("multisets", "if(whole,", "if(false,", "count_within_tolerance"),
    Mutant(
        "multisets", "order by left_over.row", "order by -left_over.row", "count_pairs_what_is_left"
    ),
    Mutant(
        "multisets",
        "here.key is not distinct from there.key and here.place = there.place",
        "here.key is not distinct from there.key",
        "count_pairs_what_is_left",
    ),
    Mutant(
        "multisets",
        "there.key is not distinct from here.key and there.place = here.place",
        "there.key is not distinct from here.key",
        "count_pairs_what_is_left",
    ),
    Mutant("multisets", "set kind = 'unchanged'", "set kind = 'changed'", "count_lost_rows"),
    Mutant(
        "detail",
        "coalesce(changes.old_row, firsts.row)",
        "firsts.row",
        "count_pairs_what_is_left",
    ),
    Mutant("removed", "where old_row is null", "", "count_lost_rows"),
    Mutant(
        "removed",
        "where old_row is not null",
        "where false",
        "count_lost_rows",
    ),
    Mutant("counts", "- added_keys.keys", "", "duplicates_added_and_removed"),
    Mutant(
        "counts",
        "- ($old_held - removed_held))",
        "- $old_held)",
        "duplicates_added_and_removed",
    ),
    Mutant(
        "counts",
        "+ removed_keys",
        "+ removed_held",
        "duplicates_added_and_removed",
        sample=test_cases.SEES_NOTHING,
    ),
    # what is written
    Mutant("write", "order by row", "order by row desc", "rows_in_the_order_of_new"),
    Mutant("write", "row > $after", "row >= $after", "rows_in_the_order_of_new"),
    Mutant("write", "row <= $last", "row < $last", "rows_in_the_order_of_new"),
    Mutant("ends_of_parts", "disc(row", "disc(-row", "rows_in_the_order_of_new"),
    Mutant("write", "nullstr e'\\n', ", "", "values_null"),
    Mutant("result", "('added', 'changed')", "('added')", "rows_in_the_order_of_new"),
    Mutant(
        "number",
        "null,\n                pair[8]",
        "pair[8],\n                null",
        "values_all_columns_must_be_equal",
    ),
    Mutant(
        "number",
        "pair[4]), null, pair[5])",
        "pair[4]), pair[5], null)",
        "values_numbers_with_their_own_tolerances",
    ),
    Mutant("outcome_of_texts", "kind = 'changed', differ", "false, differ", "columns_placeholders"),
    Mutant(
        "outcome_of_numbers",
        "kind = 'changed' and",
        "false and",
        "values_numbers_with_their_own_tolerances",
    ),
    Mutant("duplicates", "arg_min(", "arg_max(", "duplicates_all_values_of_one_row"),
    Mutant("duplicates", "min(old", "max(old", "duplicates_changed_from_the_first"),
    Mutant("changed_columns", "count(*)", "1", "values_all_columns_must_be_equal"),
    Mutant("detail", "then ''", "then 'x'", "rows_in_the_order_of_new"),
    Mutant("detail", "[1]\n            else", "[2]\n            else", "rows_in_the_order_of_new"),
    Mutant(
        "detail",
        "coalesce(old_values[1], getvariable('blanks'))",
        "old_values[1]",
        "output_detail_shows_old_values",
    ),
    Mutant("write_reordered", "row > $after", "row >= $after", "output_detail_shows_old_values"),
    Mutant("write_reordered", "row <= $last", "row < $last", "output_detail_shows_old_values"),
    Mutant(
        "write_reordered", "order by row", "order by row desc", "output_detail_shows_old_values"
    ),
    Mutant("detail", "min(row)", "max(row)", "duplicates_detail_shows_the_first"),
    Mutant("old_kept", "and kind = 'changed'", "and false", "output_detail_shows_old_values"),
    Mutant("old_kept", "and kind = 'removed'", "and false", "output_removed_is_old"),
    Mutant("removed", "semi join", "anti join", "output_removed_is_old"),
]

SPECIFICATION = [
    Mutant("anti_join", "anti join", "semi join", "rows_in_the_order_of_new"),
    Mutant(
        "anti_join",
        "order by new_rows.row",
        "order by new_rows.row desc",
        "rows_in_the_order_of_new",
    ),
    Mutant("anti_join", "and all_values_equal", "or all_values_equal", "rows_in_the_order_of_new"),
    Mutant(
        "anti_join",
        "(from query_table(model) limit 0) union all by name ",
        "",
        "output_detail_shows_old_values",
    ),
    Mutant(
        "anti_join",
        "coalesce(rel_tols[name], rel_tol)",
        "rel_tol",
        "values_tolerance_per_column",
    ),
    Mutant(
        "anti_join", "coalesce(abs_tols[name], abs_tol)", "abs_tol", "values_tolerance_per_column"
    ),
    Mutant("equality", "isfinite(a) and isfinite(b)", "true", "values_nan_and_infinity"),
]


@cache
def specified(name: str) -> list[reference.Row]:
    """The rows of a case to emit, as the specification has them."""
    with TemporaryDirectory() as scratch:
        return CASES[name].specified(Path(scratch))


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_query_that_is_broken_is_noticed(
    mutant: Mutant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_instead(break_it(mutant), monkeypatch)
    case = CASES[mutant.case]

    way = test_cases.Way(4, False, test_cases.sampled(mutant.sample))
    with pytest.raises((AssertionError, DiffingError)) as caught:
        test_cases.answered_by(case, way, tmp_path)

    # a query that does not run at all proves nothing
    noticed_itself = "a fault of the service" in str(caught.value)
    assert noticed_itself or isinstance(caught.value, AssertionError)
    result, expected = tmp_path / "result.csv", case.folder / "expected.csv"
    if case.duplicates == "count":
        return  # the specification compares as "allow"
    if result.exists() and (emitted := rows_in(result)) != rows_in(expected):
        assert specified(mutant.case) != emitted


@pytest.mark.parametrize("mutant", SPECIFICATION, ids=str)
def test_a_specification_that_is_broken_is_noticed(
    mutant: Mutant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = break_it(mutant)
    names = ("equality", "read", "anti_join")
    monkeypatch.setattr(specification, "_SECTIONS", [texts[name] for name in names])

    with pytest.raises(AssertionError):
        test_cases.test_the_anti_join_says_what_the_case_expects(CASES[mutant.case], tmp_path)


def rows_in(path: Path) -> list[reference.Row]:
    """The rows below the header."""
    return reference.rows_of(path.read_bytes().decode())[1:]


def run_instead(broken: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a diff run these sections."""
    found = queries.Queries(broken)
    monkeypatch.setattr(connection, "queries", lambda: found)
    monkeypatch.setattr(queries, "sections", lambda: broken)


def break_it(mutant: Mutant) -> dict[str, str]:
    """All sections, one of them broken."""
    text = queries.query(mutant.section)
    assert mutant.original in text
    return {**queries.sections(), mutant.section: text.replace(mutant.original, mutant.changed, 1)}
