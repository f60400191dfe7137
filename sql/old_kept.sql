-- Reads those rows of old that outputs show: removed ones, and what changed rows were before.
--
-- parameters  old, old_columns, old_roles, old_rewritten  as pieces_four.sql takes them
--             key, salt     names of the key columns, and what keys_hashed.sql needs
--             with_removed  read removed rows
--             with_detail   read what changed rows were before
-- reads       outcome
-- makes       old_kept: key, as key_of makes it; k0 … v0 … x0 …; row, its number in the order of old
create or replace temp table old_kept as
with
wanted as (
    select removed_key as key
    from outcome
    where $with_removed and kind = 'removed'
    union all
    select key_of(struct_pack(*columns($key)), concat_ws(e'\x1f', $salt, *columns($key)))
    from (select unnest(fields[1]) from outcome where $with_detail and kind = 'changed')
),
old_rows as (
    select
        key_of(struct_pack(*columns($key)), concat_ws(e'\x1f', $salt, *columns($key))) as key,
        *
    from numbered_rows($old, $old_columns, $old_roles, $old_rewritten)
)
select old_rows.*
from old_rows
semi join wanted on old_rows.key is not distinct from wanted.key;
