-- Counts the rows of both files by kind; a single row.
--
-- parameters  key  names of the key columns
-- reads       old_keys, outcome
-- columns     rows, surplus (rows whose key stands in another row too, less one for each such key) and
--             values that are no numbers of both files; rows by kind
with
old_side as (
    select count(*) as keys, sum(copies) as rows, sum(not_numbers) as not_numbers
    from old_keys
),
-- keys of new: those that stand in old, and those that do not
added_keys as (
    select count(distinct struct_pack(*columns($key))) as keys
    from (select unnest(fields[1]) from outcome where kind = 'added')
),
kinds as (
    select
        coalesce(sum(new_rows), 0) as new_rows,
        coalesce(sum(new_rows) filter (kind = 'added'), 0) as added,
        coalesce(sum(new_rows) filter (kind = 'changed'), 0) as changed,
        coalesce(sum(new_rows) filter (kind in ('unchanged', 'within_tolerance')), 0) as unchanged,
        coalesce(sum(new_rows) filter (kind = 'within_tolerance'), 0) as within_tolerance,
        coalesce(sum(new_rows) filter (kind = 'ambiguous'), 0) as ambiguous,
        coalesce(sum(old_rows), 0) as removed,
        coalesce(sum(outcome.old_keys), 0) as removed_keys,
        coalesce(sum(not_numbers), 0) as not_numbers
    from outcome
)
select
    coalesce(old_side.rows, 0)::bigint as old_rows,
    new_rows::bigint as new_rows,
    coalesce(old_side.rows - old_side.keys, 0)::bigint as old_surplus,
    (new_rows - added_keys.keys - (old_side.keys - removed_keys))::bigint as new_surplus,
    coalesce(old_side.not_numbers, 0)::bigint as old_not_numbers,
    kinds.not_numbers::bigint as new_not_numbers,
    added::bigint as added,
    changed::bigint as changed,
    removed::bigint as removed,
    unchanged::bigint as unchanged,
    within_tolerance::bigint as within_tolerance,
    ambiguous::bigint as ambiguous
from old_side, added_keys, kinds;
