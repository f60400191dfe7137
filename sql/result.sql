-- Writes the added and changed rows, in the order of new, as they stood there.
--
-- parameters  header  struct with the roles of new's columns, in file order
--             prefix  what the file begins with, its line of names: to unite names and rows in one
--                     query takes the rows' room in memory, for the sorting cannot go to disk then
--             output  file to write
-- reads       outcome
copy (
    select nullif(columns('[kvx][0-9]+'), '')
    from (
        select 0 as row, unnest($header) -- for their order
        where false
        union all by name
        select row, unnest(fields[1])
        from outcome
        where kind in ('added', 'changed')
    )
    order by row
) to $output (
    format csv, header false, prefix $prefix, suffix e'\n', comment '', use_tmp_file false
);
