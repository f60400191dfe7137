-- The old side of the join, which DuckDB keeps in memory. The plan picks one of these by its name.
--
-- columns  key              as key_of makes it
--          copies           number of rows of old in this row
--          counted          whether 6_multisets.sql decides the rows of this key: duplicates = 'count', and
--                           the key repeats in one of the files
--          of a text:       old_value
--          of texts:        old_packed if keys are hashed, or old_texts
--          of both:         old_not_numbers, the number of values in those rows that are neither empty nor a
--                           number; if old is not grouped, 5_classify.sql counts them
--          of numbers:      old_number, old_numbers, and old_mark, the mark of rows_of_numbers
--
-- `where row > 0` uses the numbers of the rows. DuckDB omits unused numbers, and then several threads
-- would read one file.

-- old_once_text --

-- A single value column; the rows of old, ungrouped. If a key repeats, the join returns too many rows.
--
-- parameters  old_rows, keys, salt.
set variable old_rows = $old_rows;
set variable keys = $keys;
set variable salt = $salt;
create temp view old_once_text as
select key, value as old_value, 1::utinyint as copies, 0 as old_not_numbers, false as counted
from compact_rows(getvariable('old_rows'), getvariable('keys'), getvariable('salt'))
where row > 0;

-- old_once_texts --

-- Several value columns; the rows of old, ungrouped.
--
-- parameters  old_rows, keys, salt.
set variable old_rows = $old_rows;
set variable keys = $keys;
set variable salt = $salt;
create temp view old_once_texts as
select
    key,
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

-- old_grouped_text --

-- A single value column; one row per key, with the value of one of its rows, so the join cannot multiply
-- rows. A table needs more memory than a grouping within the join, but DuckDB can spill it.
--
-- parameters  old_rows, keys, salt
--             counts  whether duplicates = 'count'
create temp table old_grouped_text as
select
    key,
    first(value) as old_value,
    count(*) as copies,
    sum(not_numbers)::bigint as old_not_numbers,
    $counts and count(*) > 1 as counted
from rows_of_text($old_rows, $keys, $salt)
where row > 0
group by key;

-- old_grouped_texts --

-- Several value columns; one row per key, with the values of one of its rows.
--
-- parameters  old_rows, keys, salt, counts
create temp table old_grouped_texts as
select
    key,
    first(if($keys = 'hashed', packed, null)) as old_packed,
    first(if($keys = 'exact', texts, null)) as old_texts,
    count(*) as copies,
    sum(not_numbers)::bigint as old_not_numbers,
    $counts and count(*) > 1 as counted
from rows_of_texts($old_rows, $keys, $salt)
where row > 0
group by key;

-- old_grouped_numbers --

-- Numbers; one row per key, with the numbers and the mark of one of its rows.
--
-- parameters  old_rows, keys, salt, single, counts, exact_from
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

-- counted_in_old_grouped_text --
update old_grouped_text
set counted = true
from new_repeats
where old_grouped_text.key is not distinct from new_repeats.key;

-- counted_in_old_grouped_texts --
update old_grouped_texts
set counted = true
from new_repeats
where old_grouped_texts.key is not distinct from new_repeats.key;

-- counted_in_old_grouped_numbers --
update old_grouped_numbers
set counted = true
from new_repeats
where old_grouped_numbers.key is not distinct from new_repeats.key;
