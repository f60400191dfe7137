-- Counts the rows of old and its different keys; a single row.
--
-- reads       old_rows
-- columns     rows, keys
select
    (select count(*) from old_rows) as rows,
    (select count(*) from (select distinct key from old_rows)) as keys;
