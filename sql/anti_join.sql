-- The specification of a diff, as a single join. The other files in this folder give the same answer at
-- less cost. tests/test_cases.py and tests/test_diff.py compare the two.
--
-- A row of new is added or changed if no row of old has the same key and equal values.
--
-- parameters  old, new            names of tables or views, text in all columns, NULL for an empty field
--             key, value          lists of columns; other columns are not compared
--             rel_tol, abs_tol    tolerances of every value column; rel_tol is NULL if it is not set
--             rel_tols, abs_tols  maps of other tolerances, by the name of a value column
--             texts, times        lists of value columns that are compared as such
--             time_tol            interval, the tolerance of times
--             trim_blanks, nocase whether to ignore blanks and case
--             empty               list of words that mean an empty field
-- columns     the columns of new
-- order       the order of new
--
--   D create view old as from csv_fields('old.csv');
--   D create view new as from csv_fields('new.csv');
--   D from anti_join('old', 'new', ['date', 'stat'], ['value'], abs_tols := map {'value': 0.005});
--
-- DuckDB 2.0 runs it as one hash join. 1.5 compares all pairs of rows: use diff() of shell.sql there.

-- anti_join --

-- The columns of a table by role, in the order of the table `model`, because the texts of two tables
-- are compared by position; as they are compared.
create or replace temp macro packed_rows(model, name, key, value, has_trim, has_nocase, empty_words) as table
    select
        compared_fields([*columns(key)], has_trim, has_nocase, empty_words) as row_key,
        compared_fields([*columns(value)], has_trim, has_nocase, empty_words) as texts,
        struct_keys(struct_pack(*columns(value))) as names,
        struct_pack(*columns(*)) as fields,
        row_number() over () as row
    from ((from query_table(model) limit 0) union all by name from query_table(name));

create or replace temp macro anti_join(
    old, new, key, value, rel_tol := null, abs_tol := 0,
    rel_tols := map([]::varchar[], []::double[]), abs_tols := map([]::varchar[], []::double[]),
    texts := []::varchar[], times := []::varchar[], time_tol := interval 0 second,
    trim_blanks := false, nocase := false, empty := []::varchar[]
) as table
    select unnest(new_rows.fields)
    from packed_rows(new, new, key, value, trim_blanks, nocase, empty) as new_rows
    anti join packed_rows(new, old, key, value, trim_blanks, nocase, empty) as old_rows
        on new_rows.row_key is not distinct from old_rows.row_key
        and all_values_equal(
            new_rows.texts, old_rows.texts,
            numbers_of_columns(new_rows.texts, new_rows.names, texts || times),
            numbers_of_columns(old_rows.texts, new_rows.names, texts || times),
            [coalesce(rel_tols[name], rel_tol) for name in new_rows.names],
            [coalesce(abs_tols[name], abs_tol) for name in new_rows.names],
            time_tols_of_columns(new_rows.names, times, time_tol)
        )
    order by new_rows.row;
