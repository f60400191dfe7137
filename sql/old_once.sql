-- The old side of the join: old as it is. Where a key repeats, the join gives too many rows.
--
-- parameters  as old_rows.sql has them
-- columns     those of old_rows, and copies, the rows that each stands for: 1
create or replace temp macro old_side(files, file_columns, roles, rewritten, key_columns, salt) as table
    select *, 1::utinyint as copies
    from old_rows(files, file_columns, roles, rewritten, key_columns, salt);
