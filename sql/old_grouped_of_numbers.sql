-- The same as old_grouped.sql where all values are numbers, each compared with a tolerance.
--
-- parameters  those of old_grouped.sql
-- makes       old_keys:
--               key                as old_rows has it
--               w0, w1 … and mark  of one of the rows with that key
--               copies             rows with that key
create or replace temp table old_keys as
select
    key,
    first(columns('w[0-9]+|mark')) as '\0',
    count(*) as copies
from old_rows($old, $old_columns, $old_roles, $old_rewritten, $key, $salt)
group by key;

-- columns  those of old_once.sql; there is nothing in o0, o1 …, where numbers are compared
create or replace temp macro old_side(files, file_columns, roles, rewritten, key_columns, salt) as table
    select *, left(columns('w([0-9]+)')::varchar, 0) as 'o\1', 0 as not_numbers
    from old_keys;
