-- Loads the CSV of a diff into a table.
--
-- parameters  file, file_columns  as in 1_read.sql

-- rows --
create table rows as
from rows_of_result($file, $file_columns);
