-- Sorts every row of both files into its kind: an anti join of new against old that also says what it
-- drops, and why.
--
-- parameters  new, new_columns, new_roles, new_rewritten  as csv.sql takes them
--             key                 names of the key columns
--             rel_tols, abs_tols  lists of tolerances, one for each value column
--             with_removed        keep the keys of removed rows
--             with_detail         keep the old values of changed rows
-- reads       old_keys
-- makes       outcome, where rows that need no more work are only counted:
--               kind         added, changed, removed, unchanged, within_tolerance, or ambiguous: the
--                            key stands several times in old, so duplicates.sql must look at all of
--                            those rows
--               row          place in new, from 1, of an added, changed or ambiguous row
--               fields       that row as it is to be written
--               before       struct of the old values of a changed row, when with_detail
--               removed_key  key of removed rows, when with_removed
--               new_rows     rows of new that this stands for
--               old_keys, old_rows  removed: keys and rows of old that this stands for
--               not_numbers  values of new, in those rows, that are neither empty nor a number
create or replace temp table outcome as
with
new_rows as (
    select
        struct_pack(*columns($key)) as key,
        columns('v[0-9]+'),
        struct_pack(*columns('[kvx][0-9]+')) as fields,
        not_numbers,
        row_number() over () as row
    from csv_rows_examined($new, $new_columns, $new_roles, $new_rewritten)
),
joined as (
    select
        row,
        fields,
        new_rows.not_numbers,
        old_keys.key as old_key,
        copies,
        [*columns('v[0-9]+')] as new_value,
        [*columns('o[0-9]+')] as old_value,
        struct_pack(*columns('o[0-9]+')) as old_fields
    from new_rows
    full join old_keys on new_rows.key is not distinct from old_keys.key
),
classified as (
    select
        *,
        case
            when row is null then 'removed'
            when copies is null then 'added'
            when new_value = old_value then 'unchanged'
            when copies > 1 then 'ambiguous'
            when all_values_equal(new_value, old_value, $rel_tols, $abs_tols)
                then 'within_tolerance'
            else 'changed'
        end as kind,
        kind in ('added', 'changed', 'ambiguous') as kept
    from joined
)
-- a kept row is a group of its own; all others fall together and cost no memory
select
    kind,
    if(kept, row, null) as row,
    if(kept, fields, null) as fields,
    if($with_detail and kind = 'changed', old_fields, null) as before,
    if($with_removed and row is null, old_key, null) as removed_key,
    count(row) as new_rows,
    count_if(row is null) as old_keys,
    sum(if(row is null, copies, 0)) as old_rows,
    sum(not_numbers) as not_numbers
from classified
group by all;
