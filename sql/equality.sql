-- When two values are equal: the one definition that every query here uses.
--
-- Values are text as it stood in the file; NULL is an empty field.

-- As Python's math.isclose, PEP 485: within the relative or the absolute tolerance, boundary included.
-- The guard is not decoration: NaN sorts above all numbers here, so without it NaN and infinity would
-- be close to anything. `a = b` holds for equal infinities and for NaN with NaN.
create or replace temp macro numbers_close(a, b, rel_tol, abs_tol) as
    a = b
    or (
        isfinite(a) and isfinite(b)
        and abs(a - b) <= greatest(rel_tol * greatest(abs(a), abs(b)), abs_tol)
    );

-- The number that a text stands for, else NULL. The cast alone would read '+-1' as -1.
create or replace temp macro number_in(field) as
    if(contains(field, '+-'), null, try_cast(field as double));

-- Lists of values, one for each value column: all must be equal. Only where texts differ are numbers
-- looked for, and once each: the engine does not see that a cast inside a lambda repeats.
create or replace temp macro all_values_equal(a, b, rel_tol, abs_tol) as
    coalesce(
        list_bool_and([
            coalesce(numbers_close(pair.a, pair.b, rel_tol, abs_tol), false)
            for pair in [
                {'a': number_in(text[1]), 'b': number_in(text[2])}
                for text in list_zip(a, b)
                if text[1] is distinct from text[2]
            ]
        ]),
        true
    );

create or replace temp macro values_equal(a, b, rel_tol, abs_tol) as
    all_values_equal([a], [b], rel_tol, abs_tol);
