-- Decides the ambiguous rows: a row of new is unchanged if any row of old with its key is equal.
--
-- parameters  old_rows, rel_tols, abs_tols, single
-- changes     outcome: ambiguous becomes another kind. A changed row differs from the first row of its key.
--
-- A key may repeat 100,000 times on each side, so no step compares all pairs of its rows. Instead, distinct
-- values are joined by their shape and a bucket, which equal values always share.

-- duplicates --

-- A text that equal values share. Numbers with a tolerance all have the same; other values have their
-- exact value.
create temp macro shape_of(field, rel_tol, abs_tol) as
    case
        when number_in(field) is null then 'text ' || field
        when rel_tol = 0 and abs_tol = 0 then 'decimal ' || decimal_in(field)
        else 'number'
    end;

-- The place of a number on a scale on which numbers within tolerance are less than 2 apart. The scale is
-- linear near zero, where abs_tol applies, and logarithmic beyond. Tolerances are at least the resolution
-- of doubles. Above 0.5 such a scale is impossible, and all numbers have the place 0.
create temp macro place_of(number, rel_tol, abs_tol) as
    case
        when rel_tol > 0.5 then 0
        when abs(number) * greatest(rel_tol, 1e-12) <= greatest(abs_tol, 1e-300)
            then number / greatest(abs_tol, 1e-300)
        else
            sign(number)
            * (1 + ln(abs(number)) + ln(greatest(rel_tol, 1e-12)) - ln(greatest(abs_tol, 1e-300)))
            / greatest(rel_tol, 1e-12)
    end;

-- Far wider than the tolerance, so few numbers are near a border and need two buckets.
create temp macro bucket_of(place) as floor(place / 64);

create temp macro buckets_near(place) as
    if(
        bucket_of(place - 4) is distinct from bucket_of(place + 4),
        [bucket_of(place - 4), bucket_of(place + 4)],
        [bucket_of(place)]
    );

update outcome
set kind = verdict.kind, differs = verdict.differs
from (
    with
    candidates as (
        select row, struct_pack(*columns('^key_[0-9]+$')) as key, [*columns('^value_[0-9]+$')] as value
        from (select row, unnest(fields[1]) from outcome where kind = 'ambiguous')
    ),
    old_values as materialized (
        select old_rows.key, old_rows.value, min(old_rows.row) as row
        from (
            select
                struct_pack(*columns('^key_[0-9]+$')) as key,
                [*columns('^value_[0-9]+$')] as value,
                row
            from query_table($old_rows)
            where row > 0 -- makes one thread read a piece, as in 4_old.sql
        ) as old_rows
        semi join candidates on old_rows.key is not distinct from candidates.key
        group by old_rows.key, old_rows.value
    ),
    firsts as (
        select key, arg_min(value, row) as value from old_values group by key
    ),
    same_text as materialized (
        select row
        from candidates
        semi join old_values
            on candidates.key is not distinct from old_values.key
            and candidates.value is not distinct from old_values.value
    ),
    others as materialized (
        select * from candidates anti join same_text on candidates.row = same_text.row
    ),
    values_to_place as (
        select distinct true as is_new, key, value from others
        union all
        select false, old_values.key, old_values.value
        from old_values
        semi join others on old_values.key is not distinct from others.key
    ),
    placed as materialized (
        select
            *,
            [
                shape_of(field[1], field[2], field[3])
                for field in list_zip(value, $rel_tols, $abs_tols)
            ] as shapes,
            [
                place_of(number_in(field[1]), relative(field[2]), field[3])
                for field in list_zip(value, $rel_tols, $abs_tols)
            ] as places
        from values_to_place
    ),
    -- one value column is enough to separate them: the one with the most buckets
    best as (
        select arg_max(position, buckets) as position
        from (
            select position, count(distinct bucket_of(place)) as buckets
            from (
                select unnest(places) as place, generate_subscripts(places, 1) as position
                from placed
            )
            group by position
        )
    ),
    new_buckets as (
        select key, value, shapes, unnest(buckets_near(places[position])) as bucket
        from placed, best
        where is_new
    ),
    old_buckets as (
        select key, value, shapes, bucket_of(places[position]) as bucket
        from placed, best
        where not is_new
    ),
    close_values as (
        select
            new_buckets.key,
            new_buckets.value,
            bool_and(
                any_wholes_differ(
                    new_buckets.value, old_buckets.value,
                    numbers_in(new_buckets.value), numbers_in(old_buckets.value)
                )
            ) as whole
        from new_buckets
        join old_buckets
            on new_buckets.key is not distinct from old_buckets.key
            and new_buckets.shapes is not distinct from old_buckets.shapes
            and new_buckets.bucket is not distinct from old_buckets.bucket
            and all_values_equal(
                new_buckets.value, old_buckets.value,
                numbers_in(new_buckets.value), numbers_in(old_buckets.value),
                $rel_tols, $abs_tols
            )
        group by new_buckets.key, new_buckets.value
    )
    select row, 'unchanged' as kind, null as differs
    from same_text
    union all
    select
        others.row,
        case
            when close_values.key is null then 'changed'
            when close_values.whole then 'within_tolerance_whole'
            else 'within_tolerance'
        end,
        if(
            close_values.key is null and not $single,
            values_that_differ(
                others.value, firsts.value,
                numbers_in(others.value), numbers_in(firsts.value),
                $rel_tols, $abs_tols
            ),
            null
        )
    from others
    join firsts on others.key is not distinct from firsts.key
    left join close_values
        on others.key is not distinct from close_values.key
        and others.value is not distinct from close_values.value
) as verdict
where outcome.row = verdict.row;
