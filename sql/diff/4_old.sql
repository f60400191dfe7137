-- The old side of the join, which is held in memory. The plan picks one of these by its name.
--
-- columns  key              as key_of makes it
--          copies           rows of old that a row here stands for
--          of any values:   old_value_0 …, and old_not_numbers, how many values in those rows are neither
--                           empty nor a number; old_once leaves it to be counted after the join
--          of numbers:      old_number_0 …, and old_mark, which rows_of_numbers calls mark
--
-- `where row > 0`: numbers that nobody looks at would not be made, and then several threads would read
-- one file.

-- old_once --

-- Any values; old as it is. Where a key repeats, the join gives too many rows.
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

-- Numbers; old as it is.
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

-- Any values; one row a key, with the values of one of its rows, so that the join cannot multiply rows. A
-- table of its own takes more memory than to group within the join, but when memory is short it goes to
-- disk by itself.
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

-- Numbers; one row a key, with the numbers and the mark of one of its rows.
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
