-- For analysts: a diff of two CSV files in the duckdb shell, 1.5 or later. Start it in the parent folder:
--
--   $ duckdb -init sql/shell.sql
--   D from diff('old.csv', 'new.csv', key := ['date', 'stat'], value := ['value']);
--   D select _change, count(*) from diff_revenue('old.csv', 'new.csv') group by all;
--
-- Paths in this file are relative to the folder in which the shell was started. Other programs run
-- the SQL of the three files in this order, without the two lines that begin with a dot.
--
-- The rules are those of the service, with the same definition of equal values. But the service first
-- checks each file, which a macro cannot. Rows of a wrong length, unclosed quotes, mixed line ends and
-- text that is not UTF-8 are errors here, too. DuckDB does the following without an error:
--   * It reads the header as a row, too, if a blank line precedes it.
--   * It renames columns. A second `a` or `A` becomes a_1, a column without a name column1, and spaces
--     around a name vanish. `key` and `value` then select the first column of that name.
--   * It drops spaces between a comma and a quote.
--   * It ignores a surplus comma at the end of every row (1.5).
--   * It reads damaged or truncated .gz and .zst files.
--   * In files over 8 MB, it may lose the rows after a broken one, or read a last row of several lines
--     twice.
--   * It drops a CR that begins a line, if the line begins a buffer of 32 MB. Any other CR outside quotes,
--     unless before LF, is an error.
--   * It loses a last row of more than 32 MB that does not end its line.
--   * It reads *, ? or [ in a path as a pattern, which may match several files.

.read sql/equality.sql
.read sql/anti_join.sql

-- The rows of a CSV file as text, with NULL for an empty field; .gz and .zst by suffix.
--
-- DuckDB guesses only the names and the kind of line end. An unquoted field cannot contain the null
-- string, so only nullif makes NULLs. With '', the reader would ignore a surplus empty field. nullif also
-- prevents that a try_cast of a column becomes a cast that raises (duckdb#23818).
create or replace temp macro csv_fields(file varchar) as table
    select nullif(columns(*), '')
    from
        read_csv(
            file, all_varchar = true, header = true, skip = 0,
            delim = ',', quote = '"', escape = '"', comment = '', strict_mode = true,
            null_padding = false, nullstr = e'\n', allow_quoted_nulls = false,
            max_line_size = 16000000, buffer_size = 32000000,
            parallel = false -- otherwise a last row longer than the buffer vanishes (duckdb#25825)
        );

-- The same, packed at once, so no column of the file can hide another name.
--
-- columns  row_key  list of the key columns, as they are compared
--          row_texts  list of the values, as they are compared
--          names    list of the value columns
--          before   struct of the values
--          fields   struct of all columns
--          row      number in the file, from 1
--
-- The columns have the order of the file `model`, because the texts of two files are compared by
-- position, and columns(…) returns them in the order of its table.
create or replace temp macro csv_rows_like(
    model varchar, file varchar, key varchar[], value varchar[], has_trim, has_nocase, empty_words
) as table
    select
        compared_fields([*columns(key)], has_trim, has_nocase, empty_words) as row_key,
        compared_fields([*columns(value)], has_trim, has_nocase, empty_words) as row_texts,
        struct_keys(struct_pack(*columns(value))) as names,
        struct_pack(*columns(value)) as before,
        struct_pack(*columns(*)) as fields,
        row_number() over () as row
    from (
        (from csv_fields(model) limit 0)
        union all by name
        from csv_fields(file)
    );

-- The rows that were added, changed or removed between two CSV files.
--
-- parameters  old, new          paths
--             key, value        lists of columns; other columns are not compared
--             rel_tol, abs_tol  tolerances of every value column; without rel_tol it is 1e-9, but whole
--                               numbers must be the same
--             texts, times      lists of value columns that are compared as such
--             time_tol          interval, the tolerance of times
--             trim_blanks, nocase  whether to ignore blanks and case
--             empty             list of words that mean an empty field
-- columns     _change        added, changed or removed
--             …              the columns of new; a removed row has its fields of old there, but
--                            NULL for values
--             _old_<column>  for each value column the value in old, of the first row if a key
--                            repeats; NULL in an added row
--             …              columns of old that new lacks, in removed rows
-- order       added and changed rows in the order of new, then removed rows in the order of old
create or replace temp macro diff(
    old varchar, new varchar, key varchar[], value varchar[],
    rel_tol double := null, abs_tol double := 0,
    texts := []::varchar[], times := []::varchar[], time_tol := interval 0 second,
    trim_blanks := false, nocase := false, empty := []::varchar[]
) as table
    with
    -- distinct: a key may repeat 100,000 times on each side, with few values
    old_values as (
        select row_key, row_texts, arg_min(before, row) as before, min(row) as row
        from csv_rows_like(new, old, key, value, trim_blanks, nocase, empty)
        group by row_key, row_texts
    ),
    -- one row per key, so the join below cannot multiply rows
    old_keys as (
        select row_key, list(row_texts) as candidates, arg_min(before, row) as before
        from old_values
        group by row_key
    ),
    compared as (
        select
            case
                when row is null then 'removed'
                when candidates is null then 'added'
                when list_contains(candidates, row_texts) then 'unchanged'
                when list_bool_or([
                    all_values_equal(
                        row_texts, candidate,
                        numbers_of_columns(row_texts, names, texts || times),
                        numbers_of_columns(candidate, names, texts || times),
                        [rel_tol for _ in value], [abs_tol for _ in value],
                        time_tols_of_columns(names, times, time_tol)
                    )
                    for candidate in candidates
                ]) then 'unchanged'
                else 'changed'
            end as change,
            row,
            fields,
            old_keys.before,
            old_keys.row_key as old_key
        from csv_rows_like(new, new, key, value, trim_blanks, nocase, empty) as new_rows
        -- only on the key: with another condition, 1.5 would compare all pairs of rows
        full join old_keys on new_rows.row_key is not distinct from old_keys.row_key
    ),
    changes as materialized (
        select * from compared where change <> 'unchanged'
    ),
    -- without a model: a column that old lacks must be an error
    old_rows as (
        select
            compared_fields([*columns(key)], trim_blanks, nocase, empty) as row_key,
            struct_pack(*columns(value)) as before,
            struct_pack(
                *columns(lambda name: not list_contains([lower(v) for v in value], lower(name)))
            ) as others,
            row_number() over () as row
        from (
            (select columns(key) from csv_fields(new) limit 0) -- for the order of the keys
            union all by name
            (select columns(key) from csv_fields(old) limit 0) -- an error if one is missing
            union all by name
            from csv_fields(old)
        )
    ),
    removed as (
        select row, others, before
        from old_rows
        semi join (select old_key from changes where change = 'removed') as gone
            on old_rows.row_key is not distinct from gone.old_key
    ),
    -- from here on, columns have names of the files, so other columns need names that no file has
    named as (
        select _change, _diff_row, unnest(_diff_fields), columns(value) as '_old_\0'
        from (
            select change as _change, row as _diff_row, fields as _diff_fields, unnest(before)
            from changes
            where change <> 'removed'
        )
        union all by name
        select _change, _diff_row, unnest(_diff_fields), columns(value) as '_old_\0'
        from (
            select 'removed' as _change, row as _diff_row, others as _diff_fields, unnest(before)
            from removed
        )
    )
    select * exclude (_diff_row)
    from named
    order by _change = 'removed', _diff_row;

-- The bridge from old to new: what each group adds to the sums of the value columns. net is
-- added - removed + up - down + other.
--
-- parameters  those of diff()
--             by             list of key columns; rows with equal texts there are a group
-- columns     column         the value column
--             texts          list of the texts of a group, in the order of the file
--             added, removed, up, down, other  sums; other is a change from or to a text, an empty field,
--                            infinity or NaN
--             added_rows, removed_rows, up_rows, down_rows, other_rows
--             net
-- order       most rows first, per column
create or replace temp macro diff_bridge(
    old varchar, new varchar, key varchar[], value varchar[],
    "by" varchar[] := []::varchar[], rel_tol double := null, abs_tol double := 0
) as table
    with
    found as (
        select
            _change as change,
            [*columns(list_concat(['_change'], "by"))] as change_and_texts,
            struct_keys(struct_pack(*columns(value))) as names,
            [*columns(value)] as news,
            [*columns([concat('_old_', name) for name in value])] as olds
        from diff(old, new, key, value, rel_tol, abs_tol)
    ),
    cells as (
        select
            change, change_and_texts[2:] as texts,
            unnest(range(1, len(names) + 1)) as nth,
            unnest(names) as name, unnest(news) as new_text, unnest(olds) as old_text
        from found
    ),
    moves as (
        select
            nth, name, texts,
            case
                when change <> 'changed' then change
                when isfinite(new_number) and isfinite(old_number) and new_number > old_number then 'up'
                when isfinite(new_number) and isfinite(old_number) and new_number < old_number then 'down'
                else 'other'
            end as part,
            if(isfinite(new_number), new_number, 0) - if(isfinite(old_number), old_number, 0) as moved
        from (select *, number_in(new_text) as new_number, number_in(old_text) as old_number from cells)
        where change <> 'changed' or not values_equal(new_text, old_text, rel_tol, abs_tol)
    )
    select
        name as column, texts,
        count(*) filter (part = 'added') as added_rows,
        coalesce(fsum(moved) filter (part = 'added'), 0) as added,
        count(*) filter (part = 'removed') as removed_rows,
        coalesce(fsum(-moved) filter (part = 'removed'), 0) as removed,
        count(*) filter (part = 'up') as up_rows,
        coalesce(fsum(moved) filter (part = 'up'), 0) as up,
        count(*) filter (part = 'down') as down_rows,
        coalesce(fsum(-moved) filter (part = 'down'), 0) as down,
        count(*) filter (part = 'other') as other_rows,
        coalesce(fsum(moved) filter (part = 'other'), 0) as other,
        fsum(moved) as net
    from moves
    group by nth, name, texts
    order by nth, count(*) desc, texts;

-- The bundled metrics of service/diffing/metrics.toml.
create or replace temp macro diff_revenue(old, new) as table
    from diff(
        old, new,
        key := ['date', 'segment_field', 'segment_value_id', 'stat'],
        value := ['value'], rel_tol := 1e-9
    );

create or replace temp macro diff_c_revenue(old, new) as table
    from diff(
        old, new,
        key := ['cohort', 'cohort_id', 'month_nth', 'segment_field', 'segment_value_id', 'stat'],
        value := ['value'], rel_tol := 1e-9
    );
