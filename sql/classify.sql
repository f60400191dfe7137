-- Sorts every row of both files into its kind: an anti join of new against old that also says what it
-- drops, and why.
--
-- parameters  old, old_columns, old_roles, old_rewritten  as pieces_four.sql takes them
--             new, new_columns, new_roles, new_rewritten  likewise
--             key_columns, salt   names of those, and what keys_hashed.sql needs
--             rel_tols, abs_tols  lists of tolerances, one for each value column
--             single              there is one value column
--             alike               the tolerances of all value columns are the same
--             numbers             compare numbers alone, each with a tolerance; with only_numbers.sql
--             grouped             old_side has one row a key
-- reads       old_side, numbered_rows
-- columns     of all rows but those that are unchanged, text and all, and have numbers alone:
--               kind      added, changed, removed, unchanged, within_tolerance, or ambiguous: the key
--                         stands several times in old, so duplicates.sql must look at all of those rows
--               row       number of a row of new, in its order
--               fields    that row as it stands in new
--               old_key   key of a row of old, as key_of makes it
--               copies    rows of old
--               new_not_numbers, old_not_numbers  values, in those rows, that are neither empty nor a
--                         number; of old once for each row of new that it meets
create or replace temp macro classified(
    old, old_columns, old_roles, old_rewritten, new, new_columns, new_roles, new_rewritten,
    key_columns, salt, rel_tols, abs_tols, single, alike, numbers, grouped
) as table
    with
    -- Numbers are cast below the join: above it, a filter would cast them again.
    new_side as (
        select
            key_of(
                struct_pack(*columns(key_columns)), concat_ws(e'\x1f', salt, *columns(key_columns))
            ) as key,
            columns('[vn][0-9]+'),
            hash(*columns('v[0-9]+')) as new_mark,
            if(coalesce(*columns('f[0-9]+')), list_count([*columns('f[0-9]+')]), 0) as new_not_numbers,
            struct_pack(*columns('[kvx][0-9]+')) as fields,
            row
        from (
            select
                *, columns('c([0-9]+)').number as 'n\1', no_number(columns('c([0-9]+)')) as 'f\1'
            from (
                select *, cell_of(columns('v([0-9]+)')) as 'c\1'
                from numbered_rows(new, new_columns, new_roles, new_rewritten)
            )
        )
    ),
    -- in this order: the rows on the right are those that are held in memory
    joined as (
        select new_side.* exclude (key), old_side.key as old_key, old_side.* exclude (key)
        from new_side
        full join old_side(old, old_columns, old_roles, old_rewritten, key_columns, salt) as old_side
            on new_side.key is not distinct from old_side.key
    ),
    -- coalesce(*columns(…)) is the first of those columns, as no text is NULL. With a single value column,
    -- as most metrics have, it is all there is, and nothing needs lists; what no branch uses is not made.
    compared as (
        select
            *,
            row is not null and old_key is not null and case
                when not numbers and single then new_text = old_text
                when not numbers then new_row = old_row
                when single then new_mark = mark and new_number is not distinct from old_number
                else new_mark = mark and new_number_row = old_number_row
            end as same
        from (
            select
                *,
                coalesce(*columns('v[0-9]+')) as new_text,
                coalesce(*columns('o[0-9]+')) as old_text,
                coalesce(*columns('n[0-9]+')) as new_number,
                coalesce(*columns('w[0-9]+')) as old_number,
                row(*columns('v[0-9]+')) as new_row,
                row(*columns('o[0-9]+')) as old_row,
                row(*columns('n[0-9]+')) as new_number_row,
                row(*columns('w[0-9]+')) as old_number_row
            from joined
        )
    ),
    -- unless old has them already, its numbers only where the text is another than that of new
    cast_once as (
        select
            *,
            coalesce(*columns('m[0-9]+')) as old_number_cast,
            [*columns('v[0-9]+')] as new_texts,
            [*columns('o[0-9]+')] as old_texts,
            [*columns('n[0-9]+')] as new_numbers,
            [*columns('w[0-9]+')] as old_numbers,
            [*columns('m[0-9]+')] as old_numbers_cast,
            if(coalesce(*columns('g[0-9]+')), list_count([*columns('g[0-9]+')]), 0) as old_not_numbers
        from (
            select *, no_number(columns('d([0-9]+)')) as 'g\1', columns('d([0-9]+)').number as 'm\1'
            from (
                select *, if(same, null, cell_of(columns('o([0-9]+)'))) as 'd\1'
                from compared
            )
        )
    ),
    examined as (
        select * replace (
            case
                when numbers then 0
                when grouped then coalesce(not_numbers, 0)
                when same then new_not_numbers
                else old_not_numbers
            end as old_not_numbers
        )
        from cast_once
    )
    select
        row,
        fields,
        old_key,
        if(grouped, copies, 1) as copies,
        new_not_numbers,
        old_not_numbers,
        case
            when row is null then 'removed'
            when old_key is null then 'added'
            when same then 'unchanged'
            when grouped and copies > 1 then 'ambiguous'
            when case
                when numbers and single
                    then numbers_close(new_number, old_number, rel_tols[1], abs_tols[1])
                when numbers and alike
                    then all_numbers_close_alike(
                        new_numbers, old_numbers, rel_tols[1], abs_tols[1]
                    )
                when numbers
                    then all_numbers_close(new_numbers, old_numbers, rel_tols, abs_tols)
                when single
                    then numbers_equal(
                        new_text, old_text,
                        new_number, old_number_cast,
                        rel_tols[1], abs_tols[1]
                    )
                else all_values_equal(
                    new_texts, old_texts, new_numbers, old_numbers_cast, rel_tols, abs_tols
                )
            end then 'within_tolerance'
            else 'changed'
        end as kind
    from examined
    where not same or old_not_numbers > 0;
