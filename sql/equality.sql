-- When two values are equal: the only definition, for the service and for the duckdb shell.
--
-- Values are text as it stands in the file. NULL is an empty field.

-- equality --

-- As Python's math.isclose, PEP 485: within the relative or the absolute tolerance, boundary included.
-- The guard is not decoration: NaN sorts above all numbers here, so without it NaN and infinity would
-- be close to anything. `a = b` holds for equal infinities and for NaN with NaN.
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

-- The number that a text stands for, else NULL. No text that begins with a digit is misread.
create or replace temp macro number_in(field) as
    case
        when field >= '0' and field < ':' then try_cast(field as double)
        when a_cast_misreads(field) then null
        else try_cast(field as double)
    end;

-- A number's exact value as text, the same for all ways to write it: '-1.50' and '-15e-1' are both
-- '-15e-1'. Zero, and what has no digits, is the double's text.
create or replace temp macro decimal_in(field) as [
    if(
        number.digits = '',
        (0 + number_in(field))::varchar,
        number.sign || rtrim(number.digits, '0') || 'e'
        || (number.power + length(number.digits) - length(rtrim(number.digits, '0')))
    )
    for number in [
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

-- a and b are numbers_in of the two texts. With no tolerance, decimals are compared: doubles have 53
-- bits, and 9007199254740993 is not 9007199254740992. Equal decimals are equal doubles.
create or replace temp macro numbers_equal(text_a, text_b, a, b, rel_tol, abs_tol) as
    if(
        rel_tol = 0 and abs_tol = 0,
        a = b and (isnan(a) or decimal_in(text_a) = decimal_in(text_b)),
        numbers_close(a, b, rel_tol, abs_tol)
    );

-- Lists of texts, of their numbers and of their tolerances, one for each value column: all must be
-- equal. The numbers come from outside, for the engine would not see that a cast in here repeats.
create or replace temp macro all_values_equal(a, b, numbers_a, numbers_b, rel_tol, abs_tol) as
    list_bool_and([
        pair[1] is not distinct from pair[2]
        or coalesce(
            numbers_equal(pair[1], pair[2], pair[3], pair[4], pair[5], pair[6]), false
        )
        for pair in list_zip(a, b, numbers_a, numbers_b, rel_tol, abs_tol)
    ]);

create or replace temp macro numbers_in(texts) as [number_in(text) for text in texts];

create or replace temp macro values_equal(a, b, rel_tol, abs_tol) as
    all_values_equal([a], [b], [number_in(a)], [number_in(b)], [rel_tol], [abs_tol]);
