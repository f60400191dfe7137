-- Brings old to one row a key, so that a join with it cannot multiply rows.
--
-- reads       old_rows, and drops it
-- makes       old_keys:
--               key          as in old_rows
--               o0, o1 …     values of one of the rows with that key
--               copies       rows with that key
--               not_numbers  values in those rows that are neither empty nor a number
create or replace temp table old_keys as
select
    key,
    first(columns('o[0-9]+')) as '\0',
    count(*) as copies,
    sum(not_numbers)::bigint as not_numbers
from old_rows
group by key;

drop table old_rows;
