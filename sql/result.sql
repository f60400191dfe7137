-- Writes the added and changed rows, in the order of new, as they stood there.
--
-- parameters  header  struct of new's column names, in file order
--             output  file to write
-- reads       outcome
copy (
    select nullif(columns('[kvx][0-9]+'), '')
    from (
        select 0 as row, unnest($header)
        union all by name
        select row, unnest(fields[1])
        from outcome
        where kind in ('added', 'changed')
    )
    order by row
) to $output (format csv, header false, comment '', use_tmp_file false);
