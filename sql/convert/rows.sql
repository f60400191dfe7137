-- Loads the CSV of a diff into a table, in its order, with all columns as text. Empty is NULL.
--
-- parameters  file          path, with glob characters in brackets
--             file_columns  struct of VARCHAR columns by name, in file order, as in parquet.sql

-- rows --
create table rows as
select *
from
    read_csv(
        $file, columns = $file_columns, auto_detect = false,
        header = false, skip = 1,
        delim = ',', quote = '"', escape = '"', comment = '', strict_mode = true,
        nullstr = '', allow_quoted_nulls = true,
        compression = 'none', parallel = false,
        max_line_size = 16000000, buffer_size = 16000000
    );
