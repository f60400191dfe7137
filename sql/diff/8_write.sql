-- Writes the outputs, sorted by the number of the row. An empty field becomes NULL, which CSV writes as
-- nothing.
--
-- parameters  header  struct with the roles of the file's columns, in file order
--             prefix  first line of the file, with the names. A union of names and rows in one query
--                     would need memory for all rows, because its sort cannot spill.
--             output  file to write

-- result --

-- The added and changed rows, in the order of new.
--
-- parameters  header  of new
-- reads       outcome
copy (
    select nullif(columns('^(key|value|rest)_[0-9]+$'), '')
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

-- old_kept --

-- The rows of old that the next two outputs need: removed rows, and old values of changed rows.
--
-- parameters  old_rows, keys, salt
--             with_removed  whether to read removed rows
--             with_detail   whether to read old values of changed rows
-- reads       outcome
-- columns     key, as key_of makes it; key_0 … value_0 … rest_0 …; row, its number in the order of old
create temp table old_kept as
with
wanted as (
    select removed_key as key
    from outcome
    where $with_removed and kind = 'removed'
    union all
    select
        key_of(
            struct_pack(*columns('^key_[0-9]+$')),
            concat_ws(e'\x1f', $salt, *columns('^key_[0-9]+$')),
            $keys
        )
    from (select unnest(fields[1]) from outcome where $with_detail and kind = 'changed')
)
select old_rows.*
from keyed_rows($old_rows, $keys, $salt) as old_rows
semi join wanted on old_rows.key is not distinct from wanted.key;

-- detail --

-- The added and changed rows, in the order of new, with their old values. If the key repeats in old, the
-- values are those of its first row.
--
-- parameters  keys, salt
--             header  of new; then kind; then old_value_0 …
-- reads       outcome, old_kept
copy (
    with
    before as (
        select key, arg_min(old_values, row) as old_values
        from (
            select key, row, [struct_pack(*columns('^old_value_[0-9]+$'))] as old_values
            from (select key, row, columns('^value_([0-9]+)$') as 'old_value_\1' from old_kept)
        )
        group by key
    ),
    changes as (
        select
            row,
            kind,
            columns('^(key|value|rest)_[0-9]+$'),
            if(
                kind = 'changed',
                key_of(
                    struct_pack(*columns('^key_[0-9]+$')),
                    concat_ws(e'\x1f', $salt, *columns('^key_[0-9]+$')),
                    $keys
                ),
                null
            ) as key
        from (
            select row, kind, unnest(fields[1]) from outcome where kind in ('added', 'changed')
        )
    )
    select nullif(columns('^(key|value|rest|old_value)_[0-9]+$|^kind$'), '')
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

-- removed --

-- The rows of old whose key is not in new, in the order of old.
--
-- parameters  header  of old
-- reads       outcome, old_kept
copy (
    with
    removed as (
        select old_kept.*
        from old_kept
        semi join (select removed_key from outcome where kind = 'removed') as gone
            on old_kept.key is not distinct from gone.removed_key
    )
    select nullif(columns('^(key|value|rest)_[0-9]+$'), '')
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
