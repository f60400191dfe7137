-- Writes the outputs, sorted by the number of the row. Each has a view, which `write` or `write_reordered`
-- writes. No field can be the null string, so an empty one is written as nothing.

-- result --

-- The added and changed rows, in the order of new.
--
-- reads       outcome
create temp view result_rows as
select row, unnest(fields)
from (select row, fields[1] as fields from outcome where kind in ('added', 'changed'));

-- ends_of_parts --

-- The rows at which the result can be cut into parts of about as many rows.
--
-- parameters  shares  the shares of the rows before each cut, ascending
-- reads       outcome
-- columns     ends, a list of row numbers
select quantile_disc(row, $shares) as ends
from outcome
where kind in ('added', 'changed');

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
            [*columns('^key_[0-9]+$')],
            concat_ws(e'\x1f', $salt, *columns('^key_[0-9]+$')),
            $salt,
            $keys
        )
    from (select unnest(fields[1]) from outcome where $with_detail and kind = 'changed')
)
select old_rows.*
from keyed_rows($old_rows, $keys, $salt) as old_rows
semi join wanted on old_rows.key is not distinct from wanted.key;

-- detail --

-- The added and changed rows, in the order of new, with their old values. If the key repeats in old, the
-- values are those of its first row, or of the row that 6_multisets.sql paired it with.
--
-- parameters  keys, salt
--             names   list of the value columns, each quoted as in CSV
--             blanks  struct of old_value_0 … as empty texts, for added rows
-- reads       outcome, old_kept
set variable blanks = $blanks;
set variable names = $names;
set variable keys = $keys;
set variable salt = $salt;
create temp view detail_rows as
with
firsts as (
    select key, min(row) as row from old_kept group by key
),
before as (
    select row, [struct_pack(*columns('^old_value_[0-9]+$'))] as old_values
    from (
        select row, columns('^value_([0-9]+)$') as 'old_value_\1'
        from old_kept
        semi join (
            select row from firsts
            union all
            select old_row from outcome where kind = 'changed'
        ) as shown
            on old_kept.row = shown.row
    )
),
changes as (
    select
        row,
        kind,
        fields,
        differs,
        old_row,
        if(
            kind = 'changed',
            key_of(
                struct_pack(*columns('^key_[0-9]+$')),
                [*columns('^key_[0-9]+$')],
                concat_ws(e'\x1f', getvariable('salt'), *columns('^key_[0-9]+$')),
                getvariable('salt'),
                getvariable('keys')
            ),
            null
        ) as key
    from (
        select *, unnest(fields)
        from (
            select row, kind, fields[1] as fields, differs, old_row
            from outcome
            where kind in ('added', 'changed')
        )
    )
)
select row, unnest(fields), kind, changed, unnest(old_fields)
from (
    select
        changes.row,
        kind,
        fields,
        case
            when kind = 'added' then ''
            when differs is null then getvariable('names')[1]
            else array_to_string(list_select(getvariable('names'), differs), ',')
        end as changed,
        coalesce(old_values[1], getvariable('blanks')) as old_fields
    from changes
    left join firsts on changes.key is not distinct from firsts.key
    left join before on coalesce(changes.old_row, firsts.row) = before.row
);

-- removed --

-- The rows of old whose key is not in new, and those that 6_multisets.sql removed.
--
-- reads       outcome, old_kept
create temp view removed_rows as
with
removed as (
    select removed_key, old_row from outcome where kind = 'removed'
)
select old_kept.*
from old_kept
semi join (select removed_key from removed where old_row is null) as gone
    on old_kept.key is not distinct from gone.removed_key
union all
select old_kept.*
from old_kept
semi join (select old_row from removed where old_row is not null) as left_over
    on old_kept.row = left_over.old_row;

-- write --

-- The rows with their columns in the order of the file.
--
-- parameters  rows    name of the view
--             wanted  pattern of its columns
--             after   write the rows after this one
--             last    up to this one
--             prefix  first line of the file, with the names. A union of names and rows in one query
--                     would need memory for all rows, because its sort cannot spill.
--             output  file to write
copy (
    select columns($wanted)
    from query_table($rows)
    where row > $after and row <= $last
    order by row
) to $output (
    format csv, header false, prefix $prefix, suffix e'\n', nullstr e'\n', comment '', use_tmp_file false
);

-- write_reordered --

-- The same if the views of 1_read.sql are reordered.
--
-- parameters  header  struct with the roles of the output's columns, in their order
--             rows, wanted, after, last, prefix, output
copy (
    select columns($wanted)
    from (
        select 0 as row, unnest($header) -- for their order
        where false
        union all by name
        from query_table($rows)
    )
    where row > $after and row <= $last
    order by row
) to $output (
    format csv, header false, prefix $prefix, suffix e'\n', nullstr e'\n', comment '', use_tmp_file false
);
