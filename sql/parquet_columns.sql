-- The columns of a Parquet file; a single row.
--
-- parameters  output  the file
-- columns     names   list of them, in file order
select list(name order by column_id) as names
from parquet_schema($output)
where column_id > 0;
