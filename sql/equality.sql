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
    case when not starts_with(trim(field), '+-') then try_cast(field as double) end;

create or replace temp macro values_equal(a, b, rel_tol, abs_tol) as
    case
        when a is not distinct from b then true
        else coalesce(numbers_close(number_in(a), number_in(b), rel_tol, abs_tol), false)
    end;

-- Lists of values, one for each value column: all must be equal.
create or replace temp macro all_values_equal(a, b, rel_tol, abs_tol) as
    list_bool_and([values_equal(pair[1], pair[2], rel_tol, abs_tol) for pair in list_zip(a, b)]);
