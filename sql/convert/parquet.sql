-- Converts the CSV of a diff to Parquet: the same rows in the same order, with all columns as text.
--
-- parameters  file, file_columns  as in 1_read.sql
--             output              file to write
-- columns     Count               number of written rows
--
-- Row groups have a size limit, because a file may have 2,000 columns.

-- parquet --
copy (from rows_of_result($file, $file_columns))
to $output (format parquet, compression zstd, row_group_size_bytes '16MB', use_tmp_file false);

-- parquet_columns --

-- The columns of a Parquet file; a single row.
--
-- parameters  output  the file
-- columns     names   list of the columns, in file order
select list(name order by column_id) as names
from parquet_schema($output)
where column_id > 0;
