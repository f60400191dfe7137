-- The counts of a summary.

-- counts --

-- The rows of both files by kind; a single row.
--
-- parameters  new_count  rows of new
--             old_held  rows of the old side of the join
--             within_tolerance  rows within tolerance that outcome lacks
-- reads       outcome
-- columns     joined, the expected rows of the join; surplus rows (rows minus distinct keys); values
--             that are not numbers; rows by kind
with
-- the keys of added rows
added_keys as (
    select
        count(
            distinct exact_key_of(struct_pack(*columns('^key_[0-9]+$')), [*columns('^key_[0-9]+$')])
        ) as keys
    from (select unnest(fields[1]) from outcome where kind = 'added')
),
kinds as (
    select
        coalesce(sum(joined) filter (kind = 'added'), 0) as added,
        coalesce(sum(joined) filter (kind = 'changed'), 0) as changed,
        coalesce(sum(joined) filter (starts_with(kind, 'within_tolerance')), 0) as within_tolerance,
        coalesce(sum(joined) filter (kind = 'within_tolerance_whole'), 0)
            as within_tolerance_whole,
        coalesce(sum(joined) filter (kind = 'ambiguous'), 0) as ambiguous,
        coalesce(sum(joined) filter (kind = 'removed'), 0) as removed_held,
        coalesce(sum(copies), 0) as removed,
        count(distinct removed_key) as removed_keys,
        coalesce(sum(new_not_numbers), 0) as new_not_numbers,
        coalesce(sum(old_not_numbers), 0) as old_not_numbers
    from outcome
)
select
    ($new_count + removed_held)::bigint as joined,
    ($old_held - removed_held + removed_keys)::bigint as old_keys,
    ($new_count - added_keys.keys - ($old_held - removed_held))::bigint as new_surplus,
    old_not_numbers::bigint as old_not_numbers,
    new_not_numbers::bigint as new_not_numbers,
    added::bigint as added,
    changed::bigint as changed,
    removed::bigint as removed,
    ($new_count - added - changed - ambiguous)::bigint as unchanged,
    ($within_tolerance + within_tolerance)::bigint as within_tolerance,
    within_tolerance_whole::bigint as within_tolerance_whole,
    ambiguous::bigint as ambiguous
from added_keys, kinds;

-- changed_columns --

-- The values that differ in changed rows; a single row. Only for several value columns.
--
-- reads       outcome
-- columns     columns  list of place, from 1, and the number of rows in which that value differs
select coalesce(list({'place': place, 'rows': rows}), []) as columns
from (
    select place, count(*) as rows
    from (select unnest(differs) as place from outcome)
    group by place
);

-- decimal_commas --

-- How many of the first changed rows have a number with a decimal comma in a column of numbers; a single row.
--
-- parameters  numbers  pattern of the roles of these columns
-- reads       outcome
-- columns     rows, with_comma, example (NULL without one)
with
texts as (
    select [*columns($numbers)] as texts
    from (
        select unnest(fields[1])
        from (select row, fields from outcome where kind = 'changed' order by row limit 1000)
    )
),
found as (
    select
        list_filter(texts, lambda text: regexp_full_match(text, '[+-]?[0-9]+,[0-9]+'))[1] as found
    from texts
)
select count(*) as rows, count(found) as with_comma, min(found) as example
from found;

-- old_not_numbers --

-- The values of old that are neither empty nor a number; a single row. Only for files in which keys of
-- new repeat: the join meets some rows of old several times then.
--
-- parameters  old_rows, keys, salt
-- columns     cells
select coalesce(sum(not_numbers), 0)::bigint as cells
from rows_of_texts($old_rows, $keys, $salt)
where row > 0; -- as 4_old.sql has it

-- repeated_keys --

-- Examples of keys that repeat in a file, in the order of the file; a single row.
--
-- parameters  rows_of_file  $old_rows or $new_rows of others
-- columns     examples  list of key (a struct) and copies (rows with that key), at most five
select list({'key': fields, 'copies': copies} order by first_row) as examples
from (
    select arg_min(fields, row) as fields, count(*) as copies, min(row) as first_row
    from (
        select
            struct_pack(*columns('^key_[0-9]+$')) as fields,
            exact_key_of(
                struct_pack(*columns('^key_[0-9]+$')), [*columns('^key_[0-9]+$')]
            ) as key,
            row
        from query_table($rows_of_file)
    )
    group by key
    having count(*) > 1
    order by first_row
    limit 5
);
