-- For analysts: a diff of two CSV files in the duckdb shell, 1.5 or later. Start it where this folder is:
--
--   $ duckdb -init sql/shell.sql
--   D from diff('old.csv', 'new.csv', key := ['date', 'stat'], value := ['value']);
--   D select _change, count(*) from diff_revenue('old.csv', 'new.csv') group by all;
--
-- Paths in this file are relative to the folder in which the shell was started. Other programs run
-- the SQL of the three files in this order, without the two lines that begin with a dot.
--
-- The rules and the definition of equal are those of the service. But it checks each file first, which
-- a macro cannot. Rows of a wrong length, unclosed quotes, mixed line ends and text that is not UTF-8
-- are errors here too. DuckDB says nothing when it
--   * reads the header as a row as well, because a blank line stands before it,
--   * renames a column: a second `a` or `A` becomes a_1, one without a name column1, and spaces around
--     a name go; `key` and `value` then mean the first of that name,
--   * drops spaces between a comma and a quote,
--   * ignores a comma too many at the end of every row (1.5),
--   * reads a damaged .gz or .zst, or the part of it that there is,
--   * loses rows after a broken one, or reads a last row of several lines twice: where a thread begins
--     to read, so in files over 8 MB alone,
--   * takes *, ? or [ in a path for a pattern, which may match several files.

.read sql/equality.sql
.read sql/anti_join.sql

-- The rows of a CSV file: text, NULL where the field is empty; .gz and .zst by suffix.
--
-- Nothing is guessed but the names and the kind of line end. The null string cannot stand in a file
-- without quotes, so that only nullif makes NULLs; with '' a surplus empty field goes unnoticed. nullif
-- also stands between the reader and a try_cast of its columns, which would otherwise become a cast
-- that raises (duckdb#23818).
create or replace temp macro csv_fields(file varchar) as table
    select nullif(columns(*), '')
    from
        read_csv(
            file, all_varchar = true, header = true, skip = 0,
            delim = ',', quote = '"', escape = '"', comment = '', strict_mode = true,
            null_padding = false, nullstr = e'\n', allow_quoted_nulls = false,
            max_line_size = 16000000, buffer_size = 32000000
        );

-- The same, packed at once: no column can have the name of something else then.
--
-- columns  row_key  struct of the key columns
--          texts    list of the values
--          before   struct of the values
--          fields   struct of all columns
--          row      place in the file, from 1
--
-- Columns stand in the order of the file `model`, for the texts of two files are compared by their
-- place, and columns(…) gives them in the order of its table.
create or replace temp macro csv_rows_like(
    model varchar, file varchar, key varchar[], value varchar[]
) as table
    select
        struct_pack(*columns(key)) as row_key,
        [*columns(value)] as texts,
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
--             key, value        lists of columns; all others do not matter
--             rel_tol, abs_tol  tolerances of every value column
-- columns     _change        added, changed or removed
--             …              the columns of new; a removed row has its fields of old there, but no
--                            values, as it has none in new
--             _old_<column>  for each value column what stood in old, where a key repeats in its
--                            first row; NULL in an added row
--             …              columns that old alone has, in removed rows
-- order       added and changed rows in that of new, then removed rows in that of old
create or replace temp macro diff(
    old varchar, new varchar, key varchar[], value varchar[],
    rel_tol double := 1e-9, abs_tol double := 0
) as table
    with
    -- distinct: a key may stand 100,000 times on each side, with few values
    old_values as (
        select row_key, texts, any_value(before) as before, min(row) as row
        from csv_rows_like(new, old, key, value)
        group by row_key, texts
    ),
    -- one row a key, so that the join below cannot multiply rows
    old_keys as (
        select row_key, list(texts) as candidates, arg_min(before, row) as before
        from old_values
        group by row_key
    ),
    compared as (
        select
            case
                when row is null then 'removed'
                when candidates is null then 'added'
                when list_contains(candidates, texts) then 'unchanged'
                when list_bool_or([
                    all_values_equal(
                        texts, candidate, numbers_in(texts), numbers_in(candidate),
                        [rel_tol for _ in value], [abs_tol for _ in value]
                    )
                    for candidate in candidates
                ]) then 'unchanged'
                else 'changed'
            end as change,
            row,
            fields,
            old_keys.before,
            old_keys.row_key as old_key
        from csv_rows_like(new, new, key, value) as new_rows
        -- on the key alone: with a condition more, 1.5 would compare each row with each
        full join old_keys on new_rows.row_key is not distinct from old_keys.row_key
    ),
    changes as materialized (
        select * from compared where change <> 'unchanged'
    ),
    -- without a model: a column that old lacks must be an error
    old_rows as (
        select
            struct_pack(*columns(key)) as row_key,
            struct_pack(*columns(value)) as before,
            struct_pack(
                *columns(lambda name: not list_contains([lower(v) for v in value], lower(name)))
            ) as others,
            row_number() over () as row
        from csv_fields(old)
    ),
    removed as (
        select row, others, before
        from old_rows
        semi join (select old_key from changes where change = 'removed') as gone
            on old_rows.row_key is not distinct from gone.old_key
    ),
    -- from here on columns bear the names of the files, so all else needs names that no file has
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

-- The bundled metrics, as service/diffing/metrics.toml has them.
create or replace temp macro diff_revenue(old, new) as table
    from diff(
        old, new,
        key := ['date', 'segment_field', 'segment_value_id', 'stat'],
        value := ['value']
    );

create or replace temp macro diff_c_revenue(old, new) as table
    from diff(
        old, new,
        key := ['cohort', 'cohort_id', 'month_nth', 'segment_field', 'segment_value_id', 'stat'],
        value := ['value']
    );
