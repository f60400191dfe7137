-- Writes the added and changed rows, in the order of new, as they stood there.
--
-- parameters  header  struct of new's column names, in file order
--             output  file to write
-- reads       outcome
copy (
    select unnest(fields)
    from (
        select 0 as row, $header as fields
        union all
        select row, fields
        from outcome
        where kind in ('added', 'changed')
    )
    order by row
) to $output (format csv, header false, comment '', use_tmp_file false);
