-- Writes the added and changed rows, in the order of new, with what they were before: in the first row
-- of old, where the key stands several times.
--
-- parameters  key, salt      names of the key columns, and what keys_hashed.sql needs
--             header         struct with the roles of new's columns, in file order; then kind; then of old
--                            values, o0, o1 …
--             prefix         as result.sql takes it
--             output         file to write
-- reads       outcome, old_kept
copy (
    with
    before as (
        select key, arg_min(old_values, row) as old_values
        from (select key, row, [struct_pack(*columns('o[0-9]+'))] as old_values from (
            select key, row, columns('v([0-9]+)') as 'o\1' from old_kept
        ))
        group by key
    ),
    changes as (
        select
            row,
            kind,
            columns('[kvx][0-9]+'),
            if(
                kind = 'changed',
                key_of(struct_pack(*columns($key)), concat_ws(e'\x1f', $salt, *columns($key))),
                null
            ) as key
        from (
            select row, kind, unnest(fields[1]) from outcome where kind in ('added', 'changed')
        )
    )
    select nullif(columns('[kvxo][0-9]+|kind'), '')
    from (
        select 0 as row, unnest($header) -- for their order
        where false
        union all by name
        select changes.* exclude (key), unnest(old_values[1])
        from changes
        left join before on changes.key is not distinct from before.key
    )
    order by row
) to $output (
    format csv, header false, prefix $prefix, suffix e'\n', comment '', use_tmp_file false
);
