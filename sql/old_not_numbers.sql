-- Counts the values of old that are neither empty nor a number; a single row. Only for files in which
-- keys of new repeat: the join meets some rows of old several times then.
--
-- parameters  old, old_columns, old_roles, old_rewritten  as pieces_four.sql takes them
--             key, salt  names of the key columns, and what keys_hashed.sql needs
-- reads       old_rows
-- columns     cells
select coalesce(sum(not_numbers), 0)::bigint as cells
from old_rows($old, $old_columns, $old_roles, $old_rewritten, $key, $salt);
