-- The numbers of values. equality.sql defines when they are equal; this file repeats it for numbers alone.

-- number --

-- An error for a value that is neither empty nor a number, so a count is not needed.
create temp macro double_or_error(field) as
    case
        when field = '' then null
        when (field < '0' or field >= ':') and a_cast_misreads(field)
            then ('no ' || field)::double -- raises an error
        else without_underscores(field)::double
    end;

-- Whether a double is not enough to compare: text counts then. `exact_from` is the least whole number that
-- is compared exactly.
create temp macro needs_text(field, number, exact_from) as
    is_limit(number) and number_of(field, number) is null
    or abs(number) >= exact_from and is_whole(field);

create temp macro number_or_error(field, number, exact_from) as
    if(
        needs_text(field, number, exact_from),
        ('no ' || field)::double, -- raises an error
        number
    );

create temp macro any_needs_text(texts, numbers, exact_from) as
    coalesce(
        list_bool_or([needs_text(pair[1], pair[2], exact_from) for pair in list_zip(texts, numbers)]),
        false
    );

-- The values of columns of numbers; '' for the values of other columns.
create temp macro in_number_columns(texts) as
    if(
        getvariable('rules')['of_kinds'],
        [if(pair[2] = 'number', pair[1], '') for pair in list_zip(texts, getvariable('kinds'))],
        texts
    );

-- The same for some of the columns, given their places.
create temp macro in_number_columns_at(places, texts) as
    if(
        getvariable('rules')['of_kinds'],
        [
            if(getvariable('kinds')[pair[1]] = 'number', pair[2], '')
            for pair in list_zip(places, texts)
        ],
        texts
    );

-- all_values_equal for all columns, given the texts that are compared.
create temp macro all_equal_by_rules(a, b, numbers_a, numbers_b, rel_tols, abs_tols) as
    all_values_equal(a, b, numbers_a, numbers_b, rel_tols, abs_tols, getvariable('time_tols'));

-- The number of texts that are neither empty nor a number.
create temp macro not_numbers_in(texts, numbers) as
    case
        when list_count(numbers) = len(texts) then 0
        else len(list_filter(texts, lambda text: text <> '')) - list_count(numbers)
    end;

create temp macro not_number(text, number) as (text <> '' and number is null)::utinyint;

-- texts_equal for numbers, in which NULL is an empty field. With a tolerance, equal texts are equal numbers.
create temp macro both_close(a, b, rel_tol, abs_tol) as
    coalesce(numbers_close(a, b, relative(rel_tol), abs_tol), a is null and b is null);

-- all_values_equal for lists of such numbers.
create temp macro all_numbers_close(a, b, rel_tols, abs_tols) as
    list_bool_and([
        both_close(pair[1], pair[2], pair[3], pair[4]) for pair in list_zip(a, b, rel_tols, abs_tols)
    ]);

-- The same with one tolerance for all columns, a third faster.
create temp macro all_numbers_close_alike(a, b, rel_tol, abs_tol) as
    list_bool_and([
        coalesce(numbers_close(pair[1], pair[2], rel_tol, abs_tol), pair[1] is null and pair[2] is null)
        for pair in list_zip(a, b)
    ]);

-- The same as wholes_differ, given doubles alone. Large whole numbers need their text.
create temp macro whole_numbers_differ(a, b) as
    a <> b and a = trunc(a) and b = trunc(b)
    and abs(a) < 9007199254740992 and abs(b) < 9007199254740992;

create temp macro any_whole_numbers_differ(a, b) as
    coalesce(
        list_bool_or([whole_numbers_differ(pair[1], pair[2]) for pair in list_zip(a, b)]), false
    );

-- The places of the values whose texts differ, from 1.
create temp macro places_of_other_texts(a, b) as [
    pair[3]
    for pair in list_zip(a, b, range(1, len(a) + 1)::usmallint[])
    if pair[1] <> pair[2]
];

-- The places of the values that differ, from 1, given some of the places and the values there.
create temp macro values_that_differ_at(places, a, b, numbers_a, numbers_b, rel_tols, abs_tols) as
    list_filter(
        [
            if(
                texts_equal(pair[1], pair[2], pair[3], pair[4], pair[5], pair[6], pair[7]),
                null,
                pair[8]
            )
            for pair in list_zip(
                a, b, numbers_a, numbers_b,
                list_select(rel_tols, places), list_select(abs_tols, places),
                list_select(getvariable('time_tols'), places), places
            )
        ],
        lambda place: place is not null
    );

-- The same for all places, given what all_equal_by_rules takes.
create temp macro values_that_differ(a, b, numbers_a, numbers_b, rel_tols, abs_tols) as
    values_that_differ_at(
        range(1, len(a) + 1)::usmallint[], a, b, numbers_a, numbers_b, rel_tols, abs_tols
    );

-- The same for numbers, given what all_numbers_close takes.
create temp macro numbers_that_differ(a, b, rel_tols, abs_tols) as
    list_filter(
        [
            if(both_close(pair[1], pair[2], pair[3], pair[4]), null, pair[5])
            for pair in list_zip(a, b, rel_tols, abs_tols, range(1, len(a) + 1)::usmallint[])
        ],
        lambda place: place is not null
    );

-- The rows of a file, with the columns that a join needs; a single value column, without rules. DuckDB
-- computes only the columns that a query names. Casts are here, below the join: above it, a filter would
-- cast again.
--
-- columns  key           as key_of makes it
--          value, number  the value and its number
--          not_numbers   number of values that are neither empty nor a number
--          fields        struct of the row in the file
--          row           its number, in the order of the file
create temp macro rows_of_text(rows_of_file, keys, salt) as table
    select *, not_number(value, number)::usmallint as not_numbers
    from (
        select key, value, number_of(value, double) as number, fields, row
        from (
            select key, value, double_in(value) as double, fields, row
            from compact_rows(rows_of_file, keys, salt)
        )
    );

-- The same for several value columns, or by rules.
--
-- columns  key, not_numbers, fields, row
--          texts, packed  the values as compact_rows has them
--          numbers        their numbers
create temp macro rows_of_texts(rows_of_file, keys, salt) as table
    select * exclude (maybe), not_numbers_in(maybe, numbers)::usmallint as not_numbers
    from (
        select * exclude (doubles), numbers_of(maybe, doubles) as numbers
        from (
            select *, doubles_in(maybe) as doubles
            from (
                select key, texts, packed, in_number_columns(by_rules) as maybe, fields, row
                from (
                    select *, compared_values(texts) as by_rules
                    from compact_rows(rows_of_file, keys, salt)
                )
            )
        )
    );

-- The same for values that are all numbers or empty. Any other value raises an error, and so does a whole
-- number from `exact_from`.
--
-- columns  key, number, numbers, mark, fields, row
create temp macro rows_of_numbers(rows_of_file, keys, salt, exact_from) as table
    select
        key,
        number_or_error(value, double, exact_from) as number,
        if(
            list_contains(doubles, 0::double)
            or list_max(doubles) >= exact_from
            or list_min(doubles) <= -exact_from,
            [number_or_error(pair[1], pair[2], exact_from) for pair in list_zip(texts, doubles)],
            doubles
        ) as numbers,
        mark,
        fields,
        row
    from (
        select
            *,
            double_or_error(value) as double,
            [double_or_error(text) for text in texts] as doubles
        from compact_rows(rows_of_file, keys, salt)
    );
