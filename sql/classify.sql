-- Sorts every row of both files into its kind: an anti join of new against old that also says what it
-- drops, and why.
--
-- parameters  new                 list of files, as pieces_four.sql takes it
--             new_columns, new_roles, new_rewritten  as csv.sql takes them
--             key, salt           names of the key columns, and what keys_hashed.sql needs
--             rel_tols, abs_tols  lists of tolerances, one for each value column
--             single              there is one value column
--             uniform             there are several, all with the same tolerance, which is not 0
--             with_removed        keep the keys of removed rows
--             with_detail         keep the old values of changed rows
-- reads       old_keys
-- makes       outcome, where rows that need no more work are only counted:
--               kind         added, changed, removed, unchanged, within_tolerance, or ambiguous: the
--                            key stands several times in old, so duplicates.sql must look at all of
--                            those rows
--               row          number of an added, changed or ambiguous row, in the order of new
--               fields       that row as it stands in new
--               before       struct of the old values of a changed row, when with_detail
--               removed_key  key of removed rows, as key_of makes it, when with_removed
--               new_rows     rows of new that this stands for
--               old_keys, old_rows  removed: keys and rows of old that this stands for
--               not_numbers  values of new, in those rows, that are neither empty nor a number
create or replace temp table outcome as
with
-- coalesce(*columns(…)) is the first of those columns, as no text is NULL. With a single value column,
-- as most metrics have, it is all there is, and nothing needs lists; what no branch uses is not made.
new_rows as (
    select
        key_of(struct_pack(*columns($key)), concat_ws(e'\x1f', $salt, *columns($key))) as key,
        coalesce(*columns('v[0-9]+')) as new_text,
        [*columns('v[0-9]+')] as new_texts,
        [*columns('n[0-9]+')] as new_numbers,
        list_count([*columns('t[0-9]+')]) as new_cells,
        struct_pack(*columns('[kvx][0-9]+')) as fields,
        row
    from (
        select
            *,
            number_in(columns('v([0-9]+)')) as 'n\1',
            nullif(columns('v([0-9]+)'), '') as 't\1'
        from numbered_rows($new, $new_columns, $new_roles, $new_rewritten)
    )
),
-- in this order: the rows on the right are those that are held in memory
joined as (
    select
        new_rows.* exclude (key),
        old_keys.key as old_key,
        copies,
        coalesce(*columns('o[0-9]+')) as old_text,
        [*columns('o[0-9]+')] as old_texts,
        columns('o[0-9]+')
    from new_rows
    full join old_keys on new_rows.key is not distinct from old_keys.key
),
examined as (
    select
        *,
        number_in(new_text) as new_number,
        number_in(old_text) as old_number,
        if(same, null, numbers_in(old_texts)) as old_numbers
    from (
        select *, if($single, new_text = old_text, new_texts = old_texts) as same
        from joined
    )
),
classified as (
    select
        row,
        fields,
        columns('o[0-9]+'),
        old_key,
        copies,
        if(
            $single,
            (new_text <> '' and new_number is null)::integer,
            new_cells - list_count(new_numbers)
        ) as not_numbers,
        case
            when row is null then 'removed'
            when old_key is null then 'added'
            when same then 'unchanged'
            when copies > 1 then 'ambiguous'
            when
                $uniform
                and all_numbers_close(new_numbers, old_numbers, $rel_tols[1], $abs_tols[1])
                then 'within_tolerance'
            when if(
                $single,
                numbers_equal(
                    new_text, old_text, new_number, old_number, $rel_tols[1], $abs_tols[1]
                ),
                all_values_equal(
                    new_texts, old_texts, new_numbers, old_numbers, $rel_tols, $abs_tols
                )
            ) then 'within_tolerance'
            else 'changed'
        end as kind,
        kind in ('added', 'changed', 'ambiguous') as kept
    from examined
)
-- A kept row is a group of its own; all others fall together and cost no memory. Structs stand in
-- lists, for it takes longer to group by many columns, though they are all NULL.
select
    kind,
    if(kept, row, null) as row,
    if(kept, [fields], null) as fields,
    if($with_detail and kind = 'changed', [struct_pack(*columns('o[0-9]+'))], null) as before,
    if($with_removed and row is null, old_key, null) as removed_key,
    count(row) as new_rows,
    count_if(row is null) as old_keys,
    sum(if(row is null, copies, 0)) as old_rows,
    sum(not_numbers) as not_numbers
from classified
group by all;
