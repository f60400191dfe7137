-- Copies a Parquet file as CSV: all columns as text, in the order of the file.
--
-- parameters  file    name of the Parquet file
--             prefix  first line of the copy, with the names
--             output  file to write
-- columns     Count   number of written rows
--
-- Texts: whole numbers and decimals with all digits; doubles and floats with the fewest digits that give the
-- same number; true and false; dates and times as in ISO 8601, with Z if they are in UTC. NULL is an empty
-- field, and so is an empty text.
--
-- DuckDB writes a decimal without places before the point as '.50', which is another key than '0.50'.

-- parquet_as_csv --
copy (
    select
        case
            when typeof(columns(*)) like 'DECIMAL%' and ltrim(columns(*)::varchar, '-') < '0'
                then replace(columns(*)::varchar, '.', '0.')
            when typeof(columns(*)) in ('TIMESTAMP WITH TIME ZONE', 'TIMESTAMPTZ_NS', 'TIME WITH TIME ZONE')
                then replace(replace(columns(*)::varchar, '+00', 'Z'), ' ', 'T')
            when typeof(columns(*)) like 'TIMESTAMP%' then replace(columns(*)::varchar, ' ', 'T')
            else columns(*)::varchar
        end
    from read_parquet($file, hive_partitioning = false)
) to $output (format csv, header false, prefix $prefix, suffix e'\n', nullstr '', use_tmp_file false);

-- parquet_source --

-- The columns of a Parquet file; a single row.
--
-- parameters  file
-- columns     names    list of the columns, in file order
--             refused  list of columns, and their types, that have no text: nested ones, and bytes; and
--                      decimals of more than 38 digits, which DuckDB reads as doubles
select
    list(name order by column_id) as names,
    list({'name': name, 'type': type} order by column_id) filter (is_refused) as refused
from (
    select
        column_id, name,
        if(precision > 38, format('DECIMAL({},{})', precision, scale), coalesce(duckdb_type, 'nested'))
            as type,
        num_children > 0
        or repetition_type = 'REPEATED'
        or duckdb_type in ('BLOB', 'BIT', 'INTERVAL', 'GEOMETRY', 'VARIANT')
        or precision > 38 as is_refused
    from parquet_schema($file)
    where column_id > 0
);
