-- Writes the added and changed rows, in the order of new, with what they were before.
--
-- parameters  header         struct of new's column names, in file order
--             change_header  name of the column that says added or changed
--             before_header  struct of the names of the columns of old values, by o0, o1 …
--             output         file to write
-- reads       outcome, made with_detail
copy (
    select nullif(columns('[kvxo][0-9]+|kind'), '')
    from (
        select 0 as row, unnest($header), $change_header as kind, unnest($before_header)
        union all by name
        select row, unnest(fields[1]), kind, unnest(before[1])
        from outcome
        where kind in ('added', 'changed')
    )
    order by row
) to $output (format csv, header false, comment '', use_tmp_file false);
