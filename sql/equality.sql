-- The only definition of equal values, for the service and for the duckdb shell.
--
-- Values are the texts of the file. NULL is an empty field.
--
-- A macro is a text: DuckDB plans each of its arguments once for each place where its name is. Planning takes
-- longer than the diff of small files. So [… for x in [argument]][1] gives large arguments one place.

-- equality --

-- As Python's math.isclose, PEP 485: within the relative or the absolute tolerance, boundary included.
-- The guard is necessary: NaN sorts above all numbers in DuckDB, so without it NaN and infinity would be
-- close to anything. `a = b` is true for equal infinities, and for NaN with NaN.
create or replace temp macro numbers_close(a, b, rel_tol, abs_tol) as
    a = b
    or (
        isfinite(a) and isfinite(b)
        and (
            abs(a - b) <= rel_tol * abs(a)
            or abs(a - b) <= rel_tol * abs(b)
            or abs(a - b) <= abs_tol
        )
    );

-- A cast to double would read '+-1' as -1 and 'nan(1)' as NaN.
create or replace temp macro a_cast_misreads(field) as contains(field, '+-') or contains(field, '(');

-- A number without the underscores between its digits. DuckDB misreads them in long numbers, such as
-- '54659651221344233550_3', and refuses '1.28948342_3794222e-67'. Underscores elsewhere make it a text.
create or replace temp macro without_underscores(field) as
    case
        when not contains(field, '_') then field
        when regexp_matches(field, '(^|[^0-9])_|_([^0-9]|$)') then 'no number'
        else replace(field, '_', '')
    end;

-- The double of a text, or NULL. Only underscores are misread in a text that begins with a digit.
create or replace temp macro double_in(field) as
    case
        when (field < '0' or field >= ':') and a_cast_misreads(field) then null
        else try_cast(without_underscores(field) as double)
    end;

-- Whether digits may have been lost on the way to this double.
create or replace temp macro is_limit(number) as number = 0 or isinf(number);

-- The number in a text, given its double; NULL if the text is not a number. A text of digits is not, if its
-- double is infinite, or is zero although a digit is not: '1e400' is not '1e500'.
create or replace temp macro number_of(field, number) as
    if(is_limit(number) and regexp_matches(field, '^[^eE]*[1-9]'), null, number);

create or replace temp macro number_in(field) as
    [number_of(field, number) for number in [double_in(field)]][1];

-- The same for lists.
create or replace temp macro doubles_in(texts) as [double_in(text) for text in texts];

create or replace temp macro have_limit(numbers) as
    list_contains(numbers, 0::double)
    or list_contains(numbers, 'inf'::double)
    or list_contains(numbers, '-inf'::double);

create or replace temp macro numbers_of(texts, numbers) as
    if(
        have_limit(numbers),
        [number_of(pair[1], pair[2]) for pair in list_zip(texts, numbers)],
        numbers
    );

-- The exact value of a number as text, the same for all notations: '-1.50' and '-15e-1' are both
-- '-15e-1'. Zero, and numbers without digits, have the text of their double, `field_number`.
create or replace temp macro decimal_in(field, field_number) as [
    if(
        notation.digits = '',
        (0 + field_number)::varchar,
        notation.sign || rtrim(notation.digits, '0') || 'e'
        || (notation.power + length(notation.digits) - length(rtrim(notation.digits, '0')))
    )
    for notation in [
        {
            'sign': replace(part.sign, '+', ''),
            'digits': ltrim(part.whole || part.fraction, '0'),
            'power':
                try_cast(if(part.power = '', '0', part.power) as hugeint) - length(part.fraction)
        }
        for part in [
            regexp_extract(
                replace(field, '_', ''),
                '^[[:space:]]*([+-]?)([0-9]*)[.]?([0-9]*)(?:[eE]([+-]?[0-9]+))?[[:space:]]*$',
                ['sign', 'whole', 'fraction', 'power']
            )
        ]
    ]
][1];

-- The relative tolerance where none is set: NULL.
create or replace temp macro relative(rel_tol) as coalesce(rel_tol, 1e-9);

-- Whether a number is written without a point or an exponent.
create or replace temp macro is_whole(text) as not regexp_matches(text, '[.eEnN]');

-- Equal decimals have equal doubles. Texts without digits, such as 'nan' and '-nan', have the text of `a`.
create or replace temp macro decimals_equal(text_a, text_b, a, b) as
    a = b
    and [pair[1] = pair[2] for pair in [[decimal_in(text, a) for text in [text_a, text_b]]]][1];

-- a and b are number_in of the two texts. Without a tolerance, it compares decimals: doubles have 53
-- bits, but 9007199254740993 is not 9007199254740992. Equal decimals have equal doubles.
--
-- If rel_tol is NULL, two whole numbers have no relative tolerance: ids and times are not within 1e-9 of
-- each other. No two of them below 1e9 are.
create or replace temp macro numbers_equal(text_a, text_b, a, b, rel_tol, abs_tol) as
    if(
        rel_tol = 0 and abs_tol = 0
        or rel_tol is null and greatest(abs(a), abs(b)) >= 1e9
        and is_whole(text_a) and is_whole(text_b),
        decimals_equal(text_a, text_b, a, b) or a <> b and abs(a - b) <= abs_tol,
        numbers_close(a, b, relative(rel_tol), abs_tol)
    );

-- Whether two whole numbers differ, given two texts and their numbers. Here, '7.0' is whole, too. All large
-- doubles are whole, so their text decides.
create or replace temp macro has_whole_value(text, number) as
    if(abs(number) >= 9007199254740992, is_whole(text), number = trunc(number));

create or replace temp macro wholes_differ(text_a, text_b, a, b) as
    has_whole_value(text_a, a) and has_whole_value(text_b, b)
    and (a <> b or abs(a) >= 9007199254740992 and not decimals_equal(text_a, text_b, a, b));

create or replace temp macro any_wholes_differ(a, b, numbers_a, numbers_b) as
    coalesce(
        list_bool_or([
            pair[1] <> pair[2] and wholes_differ(pair[1], pair[2], pair[3], pair[4])
            for pair in list_zip(a, b, numbers_a, numbers_b)
        ]),
        false
    );

create or replace temp macro numbers_in(texts) as
    [numbers_of(texts, numbers) for numbers in [doubles_in(texts)]][1];

-- Fields without the blanks around them: Unicode's white space, U+200B and U+FEFF.
create or replace temp macro trimmed(field) as
    regexp_replace(
        field,
        '^[\pZ\t-\r\x{85}\x{200b}\x{feff}]+|[\pZ\t-\r\x{85}\x{200b}\x{feff}]+$',
        '', 'g'
    );

-- Fields without their case, as Unicode folds it. Of the letters that it replaces by several, only 'ß' and
-- 'İ' are. `lower` leaves the letters of the lists.
create or replace temp macro folded(field) as
    if(
        strlen(field) = length(field), -- ASCII
        lower(field),
        replace(
            translate(
                lower(replace(field, 'İ', 'i' || chr(775))),
                chr(837) || chr(8126) || 'µſςϐϑϕϖϰϱϵᲀᲁᲂᲃᲄᲅᲆᲇᲈẛ',
                'ιιμsσβθφπκρεвдосттъѣꙋṡ'
            ),
            'ß', 'ss'
        )
    );

create or replace temp macro all_without_blanks_and_case(fields, has_trim, has_nocase) as [
    if(has_nocase, folded(text), text)
    for text in [if(has_trim, trimmed(field), field) for field in fields]
];

-- The texts that are compared in place of fields. The rules are a struct:
--
--   trim    whether blanks around a field are ignored
--   nocase  whether case is ignored
--   empty   words that mean an empty field, themselves without blanks and case by these rules
create or replace temp macro compared(fields, rules) as [
    if(list_contains(rules['empty'], text), '', text)
    for text in all_without_blanks_and_case(fields, rules['trim'], rules['nocase'])
];

-- The microseconds of a zone such as '+05:30', without its sign.
create or replace temp macro offset_in(zone) as
    (60 * zone[2:3]::bigint + rpad(replace(zone[4:], ':', ''), 2, '0')::bigint) * 60000000;

-- The time in a text of ISO 8601, in microseconds, or NULL. A date is its midnight. Further digits of a
-- second are cut off. With a zone, 2^61 is added, so no tolerance reaches a time without one.
create or replace temp macro time_in(field) as [
    epoch_us(
        try_strptime(
            replace(part.date, '-', '') || rpad(left(replace(part.clock, ':', ''), 6), 6, '0'),
            '%Y%m%d%H%M%S'
        )
    )
    + rpad(left(part.fraction, 6), 6, '0')::bigint
    + case part.zone[1]
        when '' then 0
        when 'Z' then 2305843009213693952
        when 'z' then 2305843009213693952
        else 2305843009213693952 + if(part.zone[1] = '-', 1, -1) * offset_in(part.zone)
    end
    for part in [
        regexp_extract(
            field,
            '^([0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8})'
            || '(?:[Tt ]([0-9]{2}(?::?[0-9]{2})?|(?:[0-9]{2}:[0-9]{2}:[0-9]{2}|[0-9]{6})(?:[.,]([0-9]+))?)'
            || '([Zz]|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)?)?$',
            ['date', 'clock', 'fraction', 'zone']
        )
    ]
][1];

-- Whether two values are equal, given their texts and numbers. time_tol is the tolerance of times in
-- microseconds; NULL for other columns. Columns of texts and times have no numbers.
create or replace temp macro texts_equal(text_a, text_b, a, b, rel_tol, abs_tol, time_tol) as
    text_a is not distinct from text_b
    or coalesce(
        if(
            time_tol is null,
            numbers_equal(text_a, text_b, a, b, rel_tol, abs_tol),
            [abs(pair[1] - pair[2]) for pair in [[time_in(text) for text in [text_a, text_b]]]][1]
            <= time_tol
        ),
        false
    );

create or replace temp macro values_equal(a, b, rel_tol, abs_tol) as
    texts_equal(a, b, number_in(a), number_in(b), rel_tol, abs_tol, null);

-- Whether all values are equal, given lists of what texts_equal takes, one for each value column. The caller
-- casts the numbers, because DuckDB would repeat a cast in here.
create or replace temp macro all_values_equal(
    a, b, numbers_a, numbers_b, rel_tol, abs_tol, time_tols
) as
    list_bool_and([
        texts_equal(pair[1], pair[2], pair[3], pair[4], pair[5], pair[6], pair[7])
        for pair in list_zip(a, b, numbers_a, numbers_b, rel_tol, abs_tol, time_tols)
    ]);

-- For the macros of the shell and the specification, in which an empty field is NULL:

-- Fields as they are compared by trim, nocase and empty.
create or replace temp macro compared_fields(fields, has_trim, has_nocase, empty_words) as
    if(
        has_trim or has_nocase or len(empty_words) > 0,
        [
            nullif(text, '')
            for text in compared(
                fields,
                {
                    'trim': has_trim,
                    'nocase': has_nocase,
                    'empty': all_without_blanks_and_case(empty_words, has_trim, has_nocase)
                }
            )
        ],
        fields
    );

-- The numbers of columns that are not named as others.
create or replace temp macro numbers_of_columns(texts, names, others) as
    numbers_in([
        if(list_contains(others, pair[2]), null, pair[1]) for pair in list_zip(texts, names)
    ]);

-- The tolerances of times in microseconds; NULL for other columns.
create or replace temp macro time_tols_of_columns(names, times, time_tol) as
    [if(list_contains(times, name), epoch_us(time_tol), null) for name in names];
