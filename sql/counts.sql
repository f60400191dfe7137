-- Counts the rows of both files by kind; a single row.
--
-- parameters  key       names of the key columns
--             new_rows  rows of new
--             old_side  rows of old's side of the join
--             within_tolerance  rows within tolerance that outcome does not have
-- reads       outcome
-- columns     joined, what the rows of the join must be; surplus of both files (rows whose key stands
--             in another row too, less one for each such key); values that are no numbers; rows by kind
with
-- keys of new: those that stand in old, and those that do not
added_keys as (
    select count(distinct struct_pack(*columns($key))) as keys
    from (select unnest(fields[1]) from outcome where kind = 'added')
),
kinds as (
    select
        coalesce(sum(joined) filter (kind = 'added'), 0) as added,
        coalesce(sum(joined) filter (kind = 'changed'), 0) as changed,
        coalesce(sum(joined) filter (kind = 'within_tolerance'), 0) as within_tolerance,
        coalesce(sum(joined) filter (kind = 'ambiguous'), 0) as ambiguous,
        coalesce(sum(joined) filter (kind = 'removed'), 0) as removed_side,
        coalesce(sum(copies), 0) as removed,
        count(distinct removed_key) as removed_keys,
        coalesce(sum(new_not_numbers), 0) as new_not_numbers,
        coalesce(sum(old_not_numbers), 0) as old_not_numbers
    from outcome
)
select
    ($new_rows + removed_side)::bigint as joined,
    ($old_side - removed_side + removed_keys)::bigint as old_keys,
    ($new_rows - added_keys.keys - ($old_side - removed_side))::bigint as new_surplus,
    old_not_numbers::bigint as old_not_numbers,
    new_not_numbers::bigint as new_not_numbers,
    added::bigint as added,
    changed::bigint as changed,
    removed::bigint as removed,
    ($new_rows - added - changed - ambiguous)::bigint as unchanged,
    ($within_tolerance + within_tolerance)::bigint as within_tolerance,
    ambiguous::bigint as ambiguous
from added_keys, kinds;
