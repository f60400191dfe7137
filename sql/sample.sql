-- What a sample of a file tells of all of it; a single row.
--
-- parameters  file, file_columns, roles, rewritten  as csv.sql takes them
--             key, salt  names of the key columns, and what keys_hashed.sql needs
-- reads       old_rows
-- columns     repeats    a key stands in two rows
--             numbers    all values are numbers or empty
select count(*) > count(distinct key) as repeats, coalesce(sum(not_numbers), 0) = 0 as numbers
from old_rows($file, $file_columns, $roles, $rewritten, $key, $salt);
