-- Reads what a diff wrote once, for all queries of an analysis.
--
-- In the queries of this folder, names from files never reach the SQL. Columns have the roles of
-- diff/1_read.sql. Key and value columns are numbers from 1, in the order of the comparison.
--
--   cells       table or view, made here
--   by          list of the numbers of key columns; rows with equal texts there are a group
--   chosen      list of the numbers of the value columns that the document names

-- cells --

-- The values of the rows that a diff found, one row each: all of added and removed rows, and those that
-- differ in changed rows.
--
-- parameters of cells_found
--             detail, removed  struct for each CSV, of added and changed rows, and of removed rows:
--               file     path, with glob characters in brackets
--               columns  struct of VARCHAR columns by role, in the order of the file
--               keys, values  for each key and value column its place among those of the file
--             rules      struct:
--               trim, nocase, empty  as `compared_fields` of equality.sql takes them
--               numbers    list of whether each value column has numbers
--               time_tols  list of tolerances in microseconds; NULL for value columns of other kinds
--             rel_tols, abs_tols  lists of tolerances, one for each value column
--             curve      list of larger relative tolerances, ascending
-- reads       equality.sql, convert/1_read.sql
-- columns     row      number of the row; removed rows have negative numbers
--             first    whether this is the first cell of its row
--             kind     added, changed or removed
--             left_by  how many tolerances of the curve leave the row changed
--             keys     list of texts as they are compared; NULL is an empty field, also below
--             nth      number of the value column
--             old_text, new_text, old, new  the values as they are compared, and their numbers
create temp macro by_rules(fields, rules) as
    compared_fields(fields, rules['trim'], rules['nocase'], rules['empty']);

-- The change, in parts of the larger number. Halves, because a difference may be larger than any double.
create temp macro relative_change(old, new) as
    if(
        isinf(new - old) and isfinite(old) and isfinite(new),
        abs(new / 2 - old / 2) / greatest(abs(old / 2), abs(new / 2)),
        abs(new - old) / greatest(abs(old), abs(new))
    );

create temp macro is_close(old, new, rel_tol, abs_tol) as
    coalesce(numbers_close(new, old, rel_tol, abs_tol), false);

-- The number of tolerances of a curve, which are neighbouring powers of ten, that a change exceeds; it may be one off.
create temp macro tolerances_below(change, curve) as
    case
        when change is null or len(curve) = 0 then len(curve)
        when change = 0 then 0
        else least(
            len(curve),
            greatest(0, ceil(log10(change)) - round(log10(curve[1])))
        )::int
    end;

create temp macro cells_found(detail, removed, rules, rel_tols, abs_tols, curve) as table
    with
    rows_found as (
        select
            row_number() over () as row, kind,
            by_rules(list_select(keys, detail['keys']), rules) as keys,
            by_rules(old_texts, rules) as old_texts,
            by_rules(list_select(texts, detail['values']), rules) as new_texts
        from (
            select
                kind,
                [*columns('^key_[0-9]+$')] as keys,
                [*columns('^old_value_[0-9]+$')] as old_texts,
                [*columns('^value_[0-9]+$')] as texts
            from rows_of_result(detail['file'], detail['columns'])
        )
        union all
        select
            -row_number() over (), 'removed',
            by_rules(list_select(keys, removed['keys']), rules),
            by_rules(list_select(texts, removed['values']), rules),
            [null::varchar for _ in rel_tols]
        from (
            select [*columns('^key_[0-9]+$')] as keys, [*columns('^value_[0-9]+$')] as texts
            from rows_of_result(removed['file'], removed['columns'])
        )
    ),
    pairs as (
        select
            row, kind, keys,
            unnest(range(1, len(old_texts) + 1)) as nth,
            unnest(old_texts) as old_text,
            unnest(new_texts) as new_text,
            unnest(rel_tols) as rel_tol,
            unnest(abs_tols) as abs_tol,
            unnest(rules['numbers']) as has_numbers,
            unnest(rules['time_tols']::bigint[]) as time_tol
        from rows_found
    ),
    numbered as (
        select
            *,
            if(has_numbers, number_in(old_text), null) as old,
            if(has_numbers, number_in(new_text), null) as new
        from pairs
    ),
    found as (
        select
            *,
            tolerances_below(relative_change(old, new), curve) as place
        from numbered
        where
            if(
                len(rel_tols) = 1, -- a changed row has a value that differs
                true,
                kind <> 'changed'
                or not texts_equal(new_text, old_text, new, old, rel_tol, abs_tol, time_tol)
            )
    )
    select
        row, kind, keys, nth, old_text, new_text, old, new,
        if(len(rel_tols) = 1, true, row is distinct from lag(row) over ()) as first,
        -- the quotient and its logarithm are rounded, so numbers_close decides about both neighbours
        place
            - is_close(old, new, curve[place], abs_tol)::int
            + (place < len(curve) and not is_close(old, new, curve[place + 1], abs_tol))::int
            as left_by
    from found;

-- cells_in_memory --

-- parameters  those of cells_found
create temp table cells_kept as
from cells_found($detail, $removed, $rules, $rel_tols, $abs_tols, $curve);

-- cells_in_file --

-- parameters  those of cells_found
--             file  Parquet file to write
copy (
    from cells_found($detail, $removed, $rules, $rel_tols, $abs_tols, $curve)
) to $file (format parquet, compression lz4, row_group_size_bytes '16MB', use_tmp_file false);

set variable cells_file = $file;

create temp view cells_written as
from read_parquet(getvariable('cells_file'));

-- all_cells --

-- parameters  source  cells_kept or cells_written
set variable cells_source = $source;

create temp view cells as
from query_table(getvariable('cells_source'));
