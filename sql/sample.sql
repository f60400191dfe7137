-- What a sample of a file tells of all of it; a single row.
--
-- parameters  file, file_columns, roles, rewritten  as csv.sql takes them
--             key, salt  names of the key columns, and what keys_hashed.sql needs
-- columns     repeats    a key stands in two rows
--             numbers    all values are numbers or empty
select count(*) > count(distinct key) as repeats, count(coalesce(*columns('f[0-9]+'))) = 0 as numbers
from (
    select
        key_of(struct_pack(*columns($key)), concat_ws(e'\x1f', $salt, *columns($key))) as key,
        no_number(cell_of(columns('v([0-9]+)'))) as 'f\1'
    from csv_rows($file, $file_columns, $roles, $rewritten)
);
