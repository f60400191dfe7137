-- The old side of the join with one row a key, so that the join cannot multiply rows. A table of its own
-- takes more memory than to group within the join, but when memory is short it goes to disk by itself.
--
-- parameters  old, old_columns, old_roles, old_rewritten  as pieces_four.sql takes them
--             key, salt  names of the key columns, and what keys_hashed.sql needs
-- makes       old_keys, which takes the place of old in old_side:
--               key          as old_rows has it
--               o0, o1 …     the values of one of the rows with that key
--               copies       rows with that key
--               not_numbers  values in those rows that are neither empty nor a number
create or replace temp table old_keys as
select
    key,
    first(columns('o[0-9]+')) as '\0',
    count(*) as copies,
    sum(not_numbers)::bigint as not_numbers
from old_rows($old, $old_columns, $old_roles, $old_rewritten, $key, $salt)
group by key;

-- columns  those of old_once.sql; there is nothing in w0, w1 … and mark, where texts are compared
create or replace temp macro old_side(files, file_columns, roles, rewritten, key_columns, salt) as table
    select *, try_cast(left(columns('o([0-9]+)'), 0) as double) as 'w\1', null::ubigint as mark
    from old_keys;
