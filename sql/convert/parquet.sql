-- Writes a CSV file that a diff wrote as Parquet: the same rows in the same order, all of them text.
--
-- parameters  file          path; glob characters stand in brackets
--             file_columns  struct of VARCHAR columns by name, in file order; no name is empty, and no
--                           two differ only in case
--             output        file to write
-- columns     Count         the rows that were written
--
-- The first line, the header, must hold all names: what DuckDB finds as the first line end it takes
-- for that of all lines. Records of several lines are read right only by one thread. An empty field is
-- NULL, as it is in a diff. Row groups are bounded by their size, for there may be 2,000 columns.

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
-- columns     names   list of them, in file order
select list(name order by column_id) as names
from parquet_schema($output)
where column_id > 0;
