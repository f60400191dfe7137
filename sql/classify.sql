-- Sorts every row of both files into its kind, in one pass over each file.
--
-- parameters  old, new                  files
--             old_columns, new_columns, old_parallel, new_parallel  as csv.sql takes them
--             key, value                names of the key and value columns
--             rel_tol, abs_tol          tolerances
-- makes       outcome, where rows that need no more work are only counted:
--               kind      added, changed, removed, unchanged, within_tolerance, or ambiguous: the key
--                         stands several times in old, so duplicates.sql must look at all of them
--               row       place in new, from 1, of an added, changed or ambiguous row, else NULL
--               fields    that row as it is to be written, else NULL
--               new_rows  rows of new that this stands for
--               old_rows  removed: rows of old that this stands for
--               new_last, old_last  the last places that were met
create or replace temp table outcome as
with
-- one row a key, so that the join below cannot multiply rows
old_keys as (
    select
        struct_pack(*columns($key)) as key,
        first([*columns($value)]) as old_value,
        count(*) as copies,
        max(ordinality) as last
    from csv_rows($old, $old_columns, $old_parallel)
    group by key
),
new_rows as (
    select
        struct_pack(*columns($key)) as key,
        [*columns($value)] as new_value,
        struct_pack(*columns(* exclude (ordinality))) as fields,
        ordinality as row
    from csv_rows($new, $new_columns, $new_parallel)
),
-- an anti join of new against old that also says what it drops, and why
classified as (
    select
        case
            when row is null then 'removed'
            when copies is null then 'added'
            when new_value = old_value then 'unchanged'
            when copies > 1 then 'ambiguous'
            when all_values_equal(new_value, old_value, $rel_tol, $abs_tol) then 'within_tolerance'
            else 'changed'
        end as kind,
        kind in ('added', 'changed', 'ambiguous') as kept,
        row,
        fields,
        copies,
        last
    from new_rows
    full join old_keys on new_rows.key is not distinct from old_keys.key
)
-- a kept row is a group of its own; all others fall together and cost no memory
select
    kind,
    if(kept, row, null) as row,
    if(kept, fields, null) as fields,
    count(row) as new_rows,
    sum(if(row is null, copies, 0)) as old_rows,
    max(row) as new_last,
    max(last) as old_last
from classified
group by all;
