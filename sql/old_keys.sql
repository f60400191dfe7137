-- Brings old to one row a key, so that a join with it cannot multiply rows.
--
-- parameters  old, old_columns, old_roles, old_rewritten  as csv.sql takes them
--             key                              names of the key columns
-- makes       old_keys:
--               key          struct of the key columns
--               o0, o1 …     values, in the order of v0, v1 …, of one of the rows with that key
--               copies       rows with that key
--               not_numbers  values in those rows that are neither empty nor a number
create or replace temp table old_keys as
select
    struct_pack(*columns($key)) as key,
    first(columns('v([0-9]+)')) as 'o\1',
    count(*) as copies,
    sum(not_numbers)::bigint as not_numbers
from csv_rows_examined($old, $old_columns, $old_roles, $old_rewritten)
group by key;
