-- Writes the rows of old whose key is not in new, in the order of old, as they stood there.
--
-- parameters  old, old_columns, old_roles, old_rewritten  as csv.sql takes them
--             key, salt  names of the key columns, and what keys_hashed.sql needs
--             header     struct of old's column names, in file order
--             output     file to write
-- reads       outcome, made with_removed
copy (
    with
    old_rows as (
        select
            key_of(
                struct_pack(*columns($key)), concat_ws(e'\x1f', $salt, *columns($key))
            ) as key,
            struct_pack(*columns('[kvx][0-9]+')) as fields,
            row_number() over () as row
        from csv_rows($old, $old_columns, $old_roles, $old_rewritten)
    ),
    removed as (
        select row, fields
        from old_rows
        semi join (select removed_key from outcome where kind = 'removed') as outcome
            on old_rows.key is not distinct from outcome.removed_key
    )
    select nullif(columns('[kvx][0-9]+'), '')
    from (
        select 0 as row, unnest($header)
        union all by name
        select row, unnest(fields)
        from removed
    )
    order by row
) to $output (format csv, header false, comment '', use_tmp_file false);
