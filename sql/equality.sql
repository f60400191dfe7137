-- The only definition of equal values, for the service and for the duckdb shell.
--
-- Values are the texts of the file. NULL is an empty field.

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

-- Whether a text of digits has a double without them: infinity, or zero for a digit other than 0. Such a
-- text is not a number, so '1e400' is not '1e500'. Doubles range from 1e-324 to 1e309, so only an exponent
-- or many digits exceed them.
create or replace temp macro may_exceed_doubles(field) as
    contains(field, 'e') or contains(field, 'E') or strlen(field) > 300;

create or replace temp macro exceeds_doubles(field, number) as
    (number = 0 or isinf(number)) and regexp_matches(field, '^[^eE]*[1-9]');

-- The number in a text; NULL if the text is not a number. Texts that begin with a digit are never misread.
create or replace temp macro number_in(field) as
    case
        when field >= '0' and field < ':' and not may_exceed_doubles(field)
            then try_cast(field as double)
        when a_cast_misreads(field) then null
        when may_exceed_doubles(field) and exceeds_doubles(field, try_cast(field as double)) then null
        else try_cast(field as double)
    end;

-- The exact value of a number as text, the same for all notations: '-1.50' and '-15e-1' are both
-- '-15e-1'. Zero, and numbers without digits, have the text of their double.
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

-- a and b are number_in of the two texts. Without a tolerance, it compares decimals: doubles have 53
-- bits, but 9007199254740993 is not 9007199254740992. Equal decimals have equal doubles.
create or replace temp macro numbers_equal(text_a, text_b, a, b, rel_tol, abs_tol) as
    if(
        rel_tol = 0 and abs_tol = 0,
        a = b and (isnan(a) or decimal_in(text_a) = decimal_in(text_b)),
        numbers_close(a, b, rel_tol, abs_tol)
    );

-- Whether all values are equal, given lists of texts, numbers and tolerances, one for each value column.
-- The caller casts the numbers, because DuckDB would repeat a cast in here.
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
