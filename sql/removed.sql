-- Writes the rows of old whose key is not in new, in the order of old, as they stood there.
--
-- parameters  header  struct with the roles of old's columns, in file order
--             prefix  what the file begins with, its line of names: to unite names and rows in one
--                     query takes the rows' room in memory, for the sorting cannot go to disk then
--             output  file to write
-- reads       outcome, old_kept
copy (
    with
    removed as (
        select old_kept.*
        from old_kept
        semi join (select removed_key from outcome where kind = 'removed') as gone
            on old_kept.key is not distinct from gone.removed_key
    )
    select nullif(columns('[kvx][0-9]+'), '')
    from (
        select 0 as row, unnest($header) -- for their order
        where false
        union all by name
        from removed
    )
    order by row
) to $output (
    format csv, header false, prefix $prefix, suffix e'\n', comment '', use_tmp_file false
);
