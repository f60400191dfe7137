-- The rows of a CSV file: how every query here reads one.
--
-- parameters  file          path; glob characters stand in brackets
--             file_columns  struct of VARCHAR columns in file order, named by their role in the diff:
--                           k0, k1 … the key, v0, v1 … the values, x0, x1 … the rest
--             in_parallel   false for a copy that the service made: only then are records that go
--                           over a border of the reader's buffers read right; a broken file is
--                           noticed only when true
-- columns     those, as text, NULL where the field is empty; ordinality, the row's place from 1
-- order       that of the file
--
-- Nothing is guessed: sniffing drops rows and rounds numbers. The null string cannot stand in a file
-- without quotes, so that only nullif makes NULLs; with '' a surplus empty field goes unnoticed.
create or replace temp macro csv_rows(file, file_columns, in_parallel) as table
    select
        nullif(columns('([kvx][0-9]+)'), '') as '\1',
        ordinality - 1 as ordinality
    from
        read_csv(
            file, columns = file_columns, auto_detect = false, header = false,
            delim = ',', quote = '"', escape = '"', comment = '', strict_mode = true,
            nullstr = e'\n', allow_quoted_nulls = false,
            compression = 'none', parallel = in_parallel,
            max_line_size = 16000000, buffer_size = 32000000
        ) with ordinality
    -- the header is a row like any other to the reader: told that there is one, it finds no rows at
    -- all where it misjudges the line ends
    where ordinality > 1;
