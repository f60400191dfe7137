-- Writes a line of column names, as CSV: what output files begin with.
--
-- parameters  header  struct of the names
--             output  file to write
copy (
    select unnest($header)
) to $output (format csv, header false, comment '', use_tmp_file false);
