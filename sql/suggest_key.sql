-- Looks for keys: sets of columns that are unique in a file. Python chooses the sets to try.
--
-- parameters of all queries  rows_of_file  name of the view of 1_read.sql that reads the file
--
-- The roles key_0, key_1 … are all columns that may be part of a key. The rules of 2_key.sql say which fields
-- are the same. `where row > 0` makes one thread read a piece, as in 4_old.sql.

-- some_rows --

-- The first rows of a file, or of its pieces; a single row.
--
-- parameters  most  number of rows
-- columns     numbers  of the rows
--             rows  lists of their fields as they are compared, in the order of the file's columns
select coalesce(list(row), []) as numbers, coalesce(list(all_compared(fields)), []) as rows
from (
    select row, [*columns('^key_[0-9]+$')] as fields
    from (
        select *
        from query_table($rows_of_file)
        where row > 0
        limit $most
    )
);

-- uniqueness --

-- Whether a set of columns is unique, NULLs included; a single row.
--
-- parameters  chosen  list of their roles
-- columns     rows, and their different keys
select coalesce(sum(copies), 0)::bigint as rows, count(*) as keys
from (
    select count(*) as copies
    from (
        select exact_key_of(struct_pack(*columns($chosen)), [*columns($chosen)]) as key
        from query_table($rows_of_file)
        where row > 0
    )
    group by key
);

-- rows_that_repeat --

-- Rows that have the same fields in a set of columns; a single row.
--
-- parameters  chosen
--             most  number of different fields in the set
-- columns     numbers, rows  as above, at most four rows for each of them
with
repeated as materialized (
    select key
    from (
        select exact_key_of(struct_pack(*columns($chosen)), [*columns($chosen)]) as key
        from query_table($rows_of_file)
        where row > 0
    )
    group by key
    having count(*) > 1
    limit $most
),
copies as (
    select row, fields, row_number() over (partition by all_rows.key) as copy
    from (
        select
            row,
            exact_key_of(struct_pack(*columns($chosen)), [*columns($chosen)]) as key,
            [*columns('^key_[0-9]+$')] as fields
        from query_table($rows_of_file)
        where row > 0
    ) as all_rows
    semi join repeated on all_rows.key is not distinct from repeated.key
)
select coalesce(list(row), []) as numbers, coalesce(list(all_compared(fields)), []) as rows
from copies
where copy <= 4;
