-- The old side of the join with one row a key, so that the join cannot multiply rows. A table of its own
-- takes more memory than to group within the join, but when memory is short it goes to disk by itself.
--
-- parameters  old, old_columns, old_roles, old_rewritten  as pieces_four.sql takes them
--             key, salt  names of the key columns, and what keys_hashed.sql needs
-- makes       old_keys, which takes the place of old in old_side:
--               key, o0, o1 … w0, w1 … mark  as old_rows has them, of one of the rows with that key
--               copies                       rows with that key
--               not_numbers                  values in those rows that are neither empty nor a number
create or replace temp table old_keys as
select
    key,
    first(columns('[ow][0-9]+|mark')) as '\0',
    count(*) as copies,
    sum(not_numbers)::bigint as not_numbers
from old_rows($old, $old_columns, $old_roles, $old_rewritten, $key, $salt)
group by key;

create or replace temp macro old_side(files, file_columns, roles, rewritten, key_columns, salt) as table
    from old_keys;
