-- The numbers of values, for classify.sql.

-- A text and its number, side by side: columns of two kinds cannot be paired in one expression.
create or replace temp macro cell_of(field) as {'text': field, 'number': number_in(field)};

-- True for a value that is neither empty nor a number, else NULL: count() counts it.
create or replace temp macro no_number(cell) as
    if(cell.text <> '' and cell.number is null, true, null);

-- all_values_equal for lists of numbers, where NULL is an empty field. With a tolerance, equal texts
-- are equal numbers.
create or replace temp macro all_numbers_close(a, b, rel_tols, abs_tols) as
    list_bool_and([
        coalesce(
            numbers_close(pair[1], pair[2], pair[3], pair[4]), pair[1] is null and pair[2] is null
        )
        for pair in list_zip(a, b, rel_tols, abs_tols)
    ]);

-- The same with one tolerance for all, which takes a third less.
create or replace temp macro all_numbers_close_alike(a, b, rel_tol, abs_tol) as
    list_bool_and([
        coalesce(numbers_close(pair[1], pair[2], rel_tol, abs_tol), pair[1] is null and pair[2] is null)
        for pair in list_zip(a, b)
    ]);
