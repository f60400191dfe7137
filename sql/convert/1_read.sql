-- Reads the CSV of a diff: its rows in their order, with all columns as text.
--
-- parameters  file          path, with glob characters in brackets, or name of a copy
--             file_columns  struct of VARCHAR columns by name, in file order. Names must not be empty,
--                           and must differ in more than case.
--
-- The first line must contain the whole header, because DuckDB assumes that all lines end like the first.
-- Only a single thread reads records of several lines correctly. An empty field is NULL, as in a diff.

-- read_result --
create temp macro rows_of_result(file, file_columns) as table
    from
        read_csv(
            file, columns = file_columns, auto_detect = false,
            header = false, skip = 1,
            delim = ',', quote = '"', escape = '"', comment = '', strict_mode = true,
            nullstr = '', allow_quoted_nulls = true,
            compression = 'none', parallel = false,
            max_line_size = 16000000, buffer_size = 16000000
        );
