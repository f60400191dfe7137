-- Counts for the rows that two files share, which need no comparison.

-- keys_met --

-- parameters  side  four pieces of a file: what old is to others
-- columns     rows, and their different keys
select count(*) as rows, count(distinct struct_pack(*columns('^key_[0-9]+$'))) as keys
from in_four_pieces($side)
where row > 0; -- makes one thread read a piece, as in 4_old.sql

-- no_numbers --

-- parameters  texts   values that are not empty
--             copies  how often each occurs
-- columns     no_numbers  how many of them are no number
select coalesce(sum(value.copies), 0) as no_numbers
from (select unnest(list_zip($texts, $copies)) as pair),
    lateral (select pair[1] as text, pair[2] as copies) as value
where number_in(value.text) is null;
