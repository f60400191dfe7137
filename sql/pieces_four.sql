-- The rows of a file that was cut in pieces: one thread reads a file, so several threads need several.
--
-- parameters  files   list of four files; those at the end may be empty
--             others  as csv.sql takes them
-- columns     those of csv_rows, and row, a number that grows in the order of the file
create or replace temp macro numbered_rows(files, file_columns, roles, rewritten) as table
    select *, row_number() over () as row
    from csv_rows(files[1], file_columns, roles, rewritten)
    union all
    select *, (1::bigint << 40) + row_number() over ()
    from csv_rows(files[2], file_columns, roles, rewritten)
    union all
    select *, (2::bigint << 40) + row_number() over ()
    from csv_rows(files[3], file_columns, roles, rewritten)
    union all
    select *, (3::bigint << 40) + row_number() over ()
    from csv_rows(files[4], file_columns, roles, rewritten);
