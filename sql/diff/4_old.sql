-- The old side of the join, which DuckDB keeps in memory. The plan picks one of these by its name.
--
-- columns  key              as key_of makes it
--          copies           number of rows of old in this row
--          of any values:   old_value_0 …, and old_not_numbers, the number of values in those rows that
--                           are neither empty nor a number; with old_once, 5_classify.sql counts them
--          of numbers:      old_number_0 …, and old_mark, the mark of rows_of_numbers
--
-- `where row > 0` uses the numbers of the rows. DuckDB omits unused numbers, and then several threads
-- would read one file.

-- old_once --

-- Any values; the rows of old, ungrouped. If a key repeats, the join returns too many rows.
--
-- parameters  old_rows, keys, salt.
set variable old_rows = $old_rows;
set variable keys = $keys;
set variable salt = $salt;
create temp view old_once as
select
    key,
    columns('^value_([0-9]+)$') as 'old_value_\1',
    1::utinyint as copies,
    0 as old_not_numbers
from keyed_rows(getvariable('old_rows'), getvariable('keys'), getvariable('salt'))
where row > 0;

-- old_once_numbers --

-- Numbers; the rows of old, ungrouped.
--
-- parameters  old_rows, keys, salt
set variable old_rows = $old_rows;
set variable keys = $keys;
set variable salt = $salt;
create temp view old_once_numbers as
select
    key,
    columns('^number_([0-9]+)$') as 'old_number_\1',
    mark as old_mark,
    1::utinyint as copies
from rows_of_numbers(getvariable('old_rows'), getvariable('keys'), getvariable('salt'))
where row > 0;

-- old_grouped --

-- Any values; one row per key, with the values of one of its rows, so the join cannot multiply rows. A
-- table needs more memory than a grouping within the join, but DuckDB can spill it.
--
-- parameters  old_rows, keys, salt
create temp table old_grouped as
select
    key,
    first(columns('^value_([0-9]+)$')) as 'old_value_\1',
    count(*) as copies,
    sum(not_numbers)::bigint as old_not_numbers
from rows_of_any($old_rows, $keys, $salt)
where row > 0
group by key;

-- old_grouped_numbers --

-- Numbers; one row per key, with the numbers and the mark of one of its rows.
--
-- parameters  old_rows, keys, salt
create temp table old_grouped_numbers as
select
    key,
    first(columns('^number_([0-9]+)$')) as 'old_number_\1',
    first(mark) as old_mark,
    count(*) as copies
from rows_of_numbers($old_rows, $keys, $salt)
where row > 0
group by key;
