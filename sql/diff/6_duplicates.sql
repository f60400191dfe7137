-- Decides the ambiguous rows, unless duplicates = 'count': a row of new is unchanged if any row of old with its
-- key is equal.
--
-- parameters  old_rows, rel_tols, abs_tols, single
-- changes     outcome: ambiguous becomes another kind. A changed row differs from the first row of its key.
--
-- A key may repeat 100,000 times on each side, so no step compares all pairs of its rows. Instead, distinct
-- values are joined by their shape and a bucket, which equal values always share.

-- shapes --

-- A text that equal values share. Times, and numbers with a tolerance, all have the same; other values have
-- their exact value. `numeral` is the field, or '' if its column is not one of numbers.
create temp macro shape_of(field, numeral, rel_tol, abs_tol, time_tol) as
    case
        when time_tol is not null and time_in(field) is not null then 'time'
        when number_in(numeral) is null then 'text ' || field
        when rel_tol = 0 and abs_tol = 0 then 'decimal ' || decimal_in(numeral, number_in(numeral))
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

-- The same for times. Doubles are exact to 512 microseconds here.
create temp macro place_of_time(time, time_tol) as time / greatest(time_tol, 1000);

-- Far wider than the tolerance, so few numbers are near a border and need two buckets.
create temp macro bucket_of(place) as floor(place / 64);

create temp macro buckets_near(place) as
    if(
        bucket_of(place - 4) is distinct from bucket_of(place + 4),
        [bucket_of(place - 4), bucket_of(place + 4)],
        [bucket_of(place)]
    );

-- Whether a number is compared exactly with others like it, as in numbers_equal.
create temp macro is_exact(text, number, rel_tol) as
    rel_tol is null and abs(number) >= 1e9 and is_whole(text);

-- A part of a bucket. Most of them are so narrow that all their numbers are within tolerance.
create temp macro cell_of(place) as floor(place * 4);

create temp macro is_cell_close(number, exact, rel_tol, abs_tol, time_tol) as
    case
        when time_tol is not null then time_tol >= 1000
        when exact then abs_tol = 0 -- only numbers that are not exact are compared by cells then
        when relative(rel_tol) > 0.5 then false
        when abs(number) * greatest(relative(rel_tol), 1e-12) <= greatest(abs_tol, 1e-300)
            then abs_tol >= 1e-300
        else relative(rel_tol) >= 1e-12
    end;

-- duplicates --

update outcome
set kind = verdict.kind, differs = verdict.differs
from (
    with
    candidates as (
        select
            row,
            exact_key_of(key, key_texts) as key,
            texts_of(key_texts, value_texts) as texts
        from (
            select
                row,
                struct_pack(*columns('^key_[0-9]+$')) as key,
                [*columns('^key_[0-9]+$')] as key_texts,
                [*columns('^value_[0-9]+$')] as value_texts
            from (select row, unnest(fields[1]) from outcome where kind = 'ambiguous')
        )
    ),
    old_values as materialized (
        select old_rows.key, old_rows.texts, min(old_rows.row) as row
        from (
            select
                exact_key_of(key, key_texts) as key,
                texts_of(key_texts, value_texts) as texts,
                row
            from (
                select
                    struct_pack(*columns('^key_[0-9]+$')) as key,
                    [*columns('^key_[0-9]+$')] as key_texts,
                    [*columns('^value_[0-9]+$')] as value_texts,
                    row
                from query_table($old_rows)
                where row > 0 -- makes one thread read a piece, as in 4_old.sql
            )
        ) as old_rows
        semi join candidates on old_rows.key is not distinct from candidates.key
        group by old_rows.key, old_rows.texts
    ),
    firsts as (
        select key, compared_values(arg_min(texts, row)) as value from old_values group by key
    ),
    same_text as materialized (
        select row
        from candidates
        semi join old_values
            on candidates.key is not distinct from old_values.key
            and candidates.texts is not distinct from old_values.texts
    ),
    others as materialized (
        select candidates.row, key, compared_values(texts) as value
        from candidates
        anti join same_text on candidates.row = same_text.row
    ),
    values_to_place as (
        select distinct true as is_new, key, value from others
        union all
        select distinct false, old_values.key, compared_values(old_values.texts)
        from old_values
        semi join others on old_values.key is not distinct from others.key
    ),
    placed as materialized (
        select
            *,
            [
                shape_of(field[1], field[2], field[3], field[4], field[5])
                for field in list_zip(
                    value, in_number_columns(value), $rel_tols, $abs_tols, getvariable('time_tols')
                )
            ] as shapes,
            [
                if(
                    field[5] is null,
                    place_of(number_in(field[2]), relative(field[3]), field[4]),
                    place_of_time(time_in(field[1]), field[5])
                )
                for field in list_zip(
                    value, in_number_columns(value), $rel_tols, $abs_tols, getvariable('time_tols')
                )
            ] as places
        from values_to_place
    ),
    -- one value column is enough to separate them: the one with the most buckets
    best as (
        select arg_max(position, (buckets, places)) as position
        from (
            select
                position,
                count(distinct bucket_of(place)) as buckets,
                count(distinct place) as places
            from (
                select unnest(places) as place, generate_subscripts(places, 1) as position
                from placed
            )
            group by position
        )
    ),
    -- the column that separates them, and what the others have
    separated as materialized (
        select
            *,
            coalesce(is_exact(numeral, number, rel_tol), false) as exact,
            if(has_whole_value(numeral, number), decimal_in(numeral, number), null) as whole
        from (
            select
                is_new,
                key,
                value,
                shapes,
                places[position] as place,
                value[position] as field,
                value[:position - 1] || value[position + 1:] as other_fields,
                in_number_columns(value)[position] as numeral,
                number_in(in_number_columns(value)[position]) as number,
                $rel_tols[position]::double as rel_tol,
                $abs_tols[position]::double as abs_tol,
                getvariable('time_tols')[position]::bigint as time_tol
            from placed, best
        )
    ),
    -- whatever is within tolerance of one of the old values of a cell is so of its first or its last
    ends as (
        select
            key,
            shapes,
            exact,
            bucket_of(place) as bucket,
            unnest(
                list_distinct([
                    arg_min({'place': place, 'value': value}, coalesce(number, 0)),
                    arg_max({'place': place, 'value': value}, coalesce(number, 0))
                ]),
                recursive := true
            )
        from separated
        where not is_new
        group by
            key,
            shapes,
            exact,
            bucket_of(place),
            other_fields,
            is_whole(numeral),
            has_whole_value(numeral, number),
            if(
                is_cell_close(number, exact, rel_tol, abs_tol, time_tol),
                cell_of(place)::varchar,
                field
            )
    ),
    pairs as (
        select near.key, near.value, ends.value as old_value
        from (
            select
                key,
                value,
                shapes,
                place,
                bucket,
                unnest(if(exact and abs_tol = 0, [false], [false, true])) as exact
            from (select *, unnest(buckets_near(place)) as bucket from separated where is_new)
        ) as near
        join ends
            on near.key is not distinct from ends.key
            and near.shapes is not distinct from ends.shapes
            and near.bucket is not distinct from ends.bucket
            and near.exact = ends.exact
            and coalesce(near.place = ends.place or abs(near.place - ends.place) <= 4, true)
        union all
        -- whole numbers that are the same
        select here.key, here.value, there.value
        from (select * from separated where is_new) as here
        join (select * from separated where not is_new) as there
            on here.key is not distinct from there.key
            and here.shapes is not distinct from there.shapes
            and here.whole = there.whole
    ),
    close_values as (
        select
            key,
            value,
            bool_and(
                any_wholes_differ(
                    in_number_columns(value), in_number_columns(old_value),
                    numbers_in(in_number_columns(value)), numbers_in(in_number_columns(old_value))
                )
            ) as whole
        from pairs
        where all_equal_by_rules(
            value, old_value,
            numbers_in(in_number_columns(value)), numbers_in(in_number_columns(old_value)),
            $rel_tols, $abs_tols
        )
        group by key, value
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
                numbers_in(in_number_columns(others.value)),
                numbers_in(in_number_columns(firsts.value)),
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
