-- Writes the added and changed rows, in the order of new, as they stood there.
--
-- parameters  header  struct of new's column names, in file order
--             output  file to write
-- reads       outcome
copy (
    select * exclude (row)
    from (
        select 0 as row, unnest($header)
        union all by name
        select row, unnest(fields)
        from outcome
        where kind in ('added', 'changed')
    )
    order by row
) to $output (format csv, header false, comment '', use_tmp_file false);
