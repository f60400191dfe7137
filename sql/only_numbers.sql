-- Takes the place of what numbers.sql has of the same names where all values are taken for numbers or
-- empty: any other is an error, so that nothing needs to be counted.

create or replace temp macro number_or_error(field) as
    case
        when field >= '0' and field < ':' then field::double
        when field = '' then null
        when a_cast_misreads(field) then ('no ' || field)::double -- which is an error
        else field::double
    end;

create or replace temp macro cell_of(field) as {'text': field, 'number': number_or_error(field)};

create or replace temp macro no_number(cell) as null::boolean;
