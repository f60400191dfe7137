-- The rows of a file that was cut in pieces, where their order does not matter.
--
-- parameters  as pieces_four.sql has them
-- reads       numbered_rows
-- columns     those of csv_rows
--
-- Numbers that nobody looks at would not be made, and then several threads would read one file.
create or replace temp macro piece_rows(files, file_columns, roles, rewritten) as table
    select * exclude (row)
    from numbered_rows(files, file_columns, roles, rewritten)
    where row > 0;
