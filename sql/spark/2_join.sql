-- The step of a diff that a cluster does, in Spark's SQL: it joins and decides, as ../diff/5_classify.sql does.

-- join_on_cluster --

-- parameters  rel_tols, abs_tols, time_tols  arrays of tolerances, one for each value column; times
--                       as texts of microseconds, of which -1 is never within the tolerance
--             wholes_differ  array of booleans: whether whole numbers have no relative tolerance there
--             counts    whether duplicates = 'count'
-- reads       old_rows, new_rows  as 1_stage.sql writes them
-- columns     kind, row, differs, removed_key, joined, copies, new_not_numbers, old_not_numbers  as
--                       outcome of 5_classify.sql has them
--             old_keys  number of distinct keys of old in this row
--
-- Each side is shuffled once, by its key. Rows that are only counted are grouped before the last shuffle. Old has
-- one row per key, that of its first row. There is neither NaN nor a NULL text here: engines differ there.
with
old_keys as (
    select key, texts, coalesce(compared, texts) as compared, values, copies, not_numbers
    from (
        select
            key, texts, compared, values,
            row_number() over (partition by key order by row) as nth,
            count(*) over (partition by key) as copies,
            sum(not_numbers) over (partition by key) as not_numbers
        from old_rows
    )
    where nth = 1
),
new_keyed as (
    select
        key, row, texts, coalesce(compared, texts) as compared, values, not_numbers,
        row_number() over (partition by key order by row) as nth,
        count(*) over (partition by key) as copies
    from new_rows
),
joined as (
    select
        n.row,
        n.nth,
        o.key as old_key,
        o.copies,
        n.not_numbers as new_not_numbers,
        o.not_numbers as old_not_numbers,
        n.texts = o.texts as alike,
        o.copies > 1 or (:counts and n.copies > 1) as repeats,
        n.compared as a, o.compared as b, n.values as x, o.values as y
    from new_keyed as n
    full outer join old_keys as o on n.key = o.key
),
sorted as (
    select
        *,
        case
            when row is null then 'removed'
            when old_key is null then 'added'
            when alike and not (:counts and repeats) then 'unchanged'
            when repeats then 'ambiguous'
        end as early
    from joined
),
paired as (
    select
        row, nth, old_key, copies, new_not_numbers, old_not_numbers, early,
        if(
            early is null,
            arrays_zip(a, b, x, y, r, s, t, w, places),
            null
        ) as pairs
    from (
        select
            *,
            :rel_tols as r, :abs_tols as s, :wholes_differ as w,
            transform(:time_tols, tol -> cast(tol as bigint)) as t,
            sequence(1, size(:rel_tols)) as places
        from sorted
    )
),
differing as (
    select
        row, nth, old_key, copies, new_not_numbers, old_not_numbers, early, pairs,
        -- as texts_equal of equality.sql
        transform(
            filter(
                pairs,
                p -> not (
                    p.a = p.b
                    or coalesce(p.x.exact = p.y.exact, false)
                    or coalesce(abs(p.x.time - p.y.time) <= p.t, false)
                    or coalesce(
                        if(
                            p.w and p.x.exact is not null and p.y.exact is not null,
                            p.x.number <> p.y.number
                            and abs(p.x.number - p.y.number) <= p.s,
                            abs(p.x.number - p.y.number) <= p.r * abs(p.x.number)
                            or abs(p.x.number - p.y.number) <= p.r * abs(p.y.number)
                            or abs(p.x.number - p.y.number) <= p.s
                        ),
                        false
                    )
                )
            ),
            p -> p.places
        ) as differs
    from paired
),
decided as (
    select
        row, nth, old_key, copies, new_not_numbers, old_not_numbers, differs,
        case
            when early is not null then early
            when size(differs) > 0 then 'changed'
            -- as wholes_differ of equality.sql
            when exists(
                pairs,
                p -> p.a <> p.b and p.x.whole and p.y.whole
                    and (p.x.number <> p.y.number or coalesce(p.x.exact <> p.y.exact, false))
            ) then 'within_tolerance_whole'
            else 'within_tolerance'
        end as kind
    from differing
)
select
    kind,
    if(kind in ('added', 'changed', 'ambiguous'), row, null) as row,
    first(if(kind = 'changed', differs, null)) as differs,
    if(kind = 'removed', old_key, null) as removed_key,
    count(*) as joined,
    sum(if(kind = 'removed', copies, 0)) as copies,
    sum(coalesce(new_not_numbers, 0)) as new_not_numbers,
    sum(coalesce(old_not_numbers, 0)) as old_not_numbers,
    sum(if(kind = 'removed' or (nth = 1 and kind <> 'added'), 1, 0)) as old_keys
from decided
group by kind, if(kind in ('added', 'changed', 'ambiguous'), row, null), if(kind = 'removed', old_key, null)
