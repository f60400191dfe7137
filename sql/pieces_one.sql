-- The same as pieces_four.sql when the first file is all: to plan four takes longer than to read a few
-- rows.
create or replace temp macro numbered_rows(files, file_columns, roles, rewritten) as table
    select *, row_number() over () as row
    from csv_rows(files[1], file_columns, roles, rewritten);
