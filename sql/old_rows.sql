-- Reads old.
--
-- parameters  old, old_columns, old_roles, old_rewritten  as csv.sql takes them
--             key, salt    names of the key columns, and what keys_hashed.sql needs
-- makes       old_rows, as many rows as old has:
--               key          as key_of makes it
--               o0, o1 …     values, in the order of v0, v1 …
--               not_numbers  how many of the values are neither empty nor a number
create or replace temp table old_rows as
select
    key_of(struct_pack(*columns($key)), concat_ws(e'\x1f', $salt, *columns($key))) as key,
    columns('v([0-9]+)') as 'o\1',
    list_count([*columns('f[0-9]+')])::integer as not_numbers
from (
    select *, no_number(columns('v([0-9]+)')) as 'f\1'
    from csv_rows($old, $old_columns, $old_roles, $old_rewritten)
);
