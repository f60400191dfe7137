-- What comes out of a diff whose values all are numbers, each compared with a tolerance.
--
-- parameters  those of classified, but for `numbers`
-- reads       classified
-- makes       outcome, as outcome.sql has it, without the rows that are unchanged or within tolerance. How
--             many are within is the difference between the rows that the two filters above the join let
--             through. A removed key has a row for each row of old_side.
create or replace temp table outcome as
select
    kind,
    if(kind = 'removed', null, row) as row,
    if(kind = 'removed', null, [fields]) as fields,
    if(kind = 'removed', old_key, null) as removed_key,
    1 as joined,
    if(kind = 'removed', copies, 0) as copies,
    0 as new_not_numbers,
    0 as old_not_numbers
from
    classified(
        $old, $old_columns, $old_roles, $old_rewritten, $new, $new_columns, $new_roles, $new_rewritten,
        $key, $salt, $rel_tols, $abs_tols, $single, $alike, true, $grouped
    )
where kind <> 'within_tolerance';
