-- Converts the CSV of a diff to Parquet: the same rows in the same order, with all columns as text.
--
-- parameters  file          path, with glob characters in brackets
--             file_columns  struct of VARCHAR columns by name, in file order. Names must not be empty,
--                           and must differ in more than case.
--             output        file to write
-- columns     Count         number of written rows
--
-- The first line must contain the whole header, because DuckDB assumes that all lines end like the first.
-- Only a single thread reads records of several lines correctly. An empty field is NULL, as in a diff.
-- Row groups have a size limit, because a file may have 2,000 columns.

-- parquet --
copy (
    select *
    from
        read_csv(
            $file, columns = $file_columns, auto_detect = false,
            header = false, skip = 1,
            delim = ',', quote = '"', escape = '"', comment = '', strict_mode = true,
            nullstr = '', allow_quoted_nulls = true,
            compression = 'none', parallel = false,
            max_line_size = 16000000, buffer_size = 16000000
        )
) to $output (format parquet, compression zstd, row_group_size_bytes '16MB', use_tmp_file false);

-- parquet_columns --

-- The columns of a Parquet file; a single row.
--
-- parameters  output  the file
-- columns     names   list of the columns, in file order
select list(name order by column_id) as names
from parquet_schema($output)
where column_id > 0;
