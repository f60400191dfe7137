-- The old side of the join, which DuckDB keeps in memory. The plan picks one of these by its name.
--
-- columns  key              as key_of makes it
--          copies           number of rows of old in this row
--          counted          whether 6_multisets.sql decides the rows of this key: duplicates = 'count', and
--                           the key repeats in one of the files
--          of any values:   old_value, or old_packed if keys are hashed, or old_texts;
--                           old_not_numbers, the number of values in those rows
--                           that are neither empty nor a number; with old_once, 5_classify.sql counts them
--          of numbers:      old_number, old_numbers, and old_mark, the mark of rows_of_numbers
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
    value as old_value,
    if(getvariable('keys') = 'hashed', packed, null) as old_packed,
    if(getvariable('keys') = 'hashed', null, texts) as old_texts,
    1::utinyint as copies,
    0 as old_not_numbers,
    false as counted
from compact_rows(getvariable('old_rows'), getvariable('keys'), getvariable('salt'))
where row > 0;

-- old_once_numbers --

-- Numbers; the rows of old, ungrouped.
--
-- parameters  old_rows, keys, salt, exact_from
set variable exact_from = $exact_from;
set variable old_rows = $old_rows;
set variable keys = $keys;
set variable salt = $salt;
create temp view old_once_numbers as
select
    key,
    number as old_number,
    numbers as old_numbers,
    mark as old_mark,
    1::utinyint as copies,
    false as counted
from
    rows_of_numbers(
        getvariable('old_rows'), getvariable('keys'), getvariable('salt'), getvariable('exact_from')
    )
where row > 0;

-- old_grouped --

-- Any values; one row per key, with the values of one of its rows, so the join cannot multiply rows. A
-- table needs more memory than a grouping within the join, but DuckDB can spill it.
--
-- parameters  old_rows, keys, salt, single
--             counts  whether duplicates = 'count'
create temp table old_grouped as
select
    key,
    first(if($single, value, null)) as old_value,
    first(if(not $single and $keys = 'hashed', packed, null)) as old_packed,
    first(if(not $single and $keys = 'exact', texts, null)) as old_texts,
    count(*) as copies,
    sum(not_numbers)::bigint as old_not_numbers,
    $counts and count(*) > 1 as counted
from rows_of_any($old_rows, $keys, $salt, $single)
where row > 0
group by key;

-- old_grouped_numbers --

-- Numbers; one row per key, with the numbers and the mark of one of its rows.
--
-- parameters  old_rows, keys, salt, single, counts
create temp table old_grouped_numbers as
select
    key,
    first(if($single, number, null)) as old_number,
    first(if($single, null, numbers)) as old_numbers,
    first(mark) as old_mark,
    count(*) as copies,
    $counts and count(*) > 1 as counted
from rows_of_numbers($old_rows, $keys, $salt, $exact_from)
where row > 0
group by key;

-- new_repeats --

-- The keys that repeat in new, for duplicates = 'count'.
--
-- parameters  new_rows, keys, salt
create temp table new_repeats as
select key
from keyed_rows($new_rows, $keys, $salt)
where row > 0
group by key
having count(*) > 1;

-- counted_in_old_grouped --
update old_grouped
set counted = true
from new_repeats
where old_grouped.key is not distinct from new_repeats.key;

-- counted_in_old_grouped_numbers --
update old_grouped_numbers
set counted = true
from new_repeats
where old_grouped_numbers.key is not distinct from new_repeats.key;
