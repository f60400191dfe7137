-- What comes out of a diff of any values.
--
-- parameters  those of classified, but for `numbers`
-- reads       classified
-- makes       outcome, without the rows that are unchanged, text and all, and have numbers alone:
--               kind         as classified has it
--               row          number of an added, changed or ambiguous row, in the order of new; NULL
--                            of others, which are only counted
--               fields       that row as it stands in new, in a list
--               removed_key  key of removed rows, as key_of makes it
--               joined       rows of the join that this stands for
--               copies       removed: rows of old
--               new_not_numbers, old_not_numbers  as classified has them, summed up
--
-- A row that is kept is a group of its own; all others of a kind fall together. Structs stand in lists,
-- for it takes longer to group by many columns, though they are all NULL.
create or replace temp table outcome as
select
    kind,
    if(kept, row, null) as row,
    if(kept, [fields], null) as fields,
    if(kind = 'removed', old_key, null) as removed_key,
    count(*) as joined,
    sum(if(kind = 'removed', copies, 0)) as copies,
    sum(new_not_numbers) as new_not_numbers,
    sum(old_not_numbers) as old_not_numbers
from (
    select *, kind in ('added', 'changed', 'ambiguous') as kept
    from
        classified(
            $old, $old_columns, $old_roles, $old_rewritten, $new, $new_columns, $new_roles, $new_rewritten,
            $key, $salt, $rel_tols, $abs_tols, $single, $alike, false, $grouped
        )
)
group by all;
