-- Gives old_rows the columns of old_keys_repeated.sql when no key stands in two rows: as it is.
--
-- reads       old_rows
-- makes       old_keys
create or replace temp view old_keys as
select key, columns('o[0-9]+'), 1::utinyint as copies, not_numbers
from old_rows;
