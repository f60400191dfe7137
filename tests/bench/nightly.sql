-- Writes the new side of a pair in the order of old: an export of the next night.
--
-- parameters  sample   the old file, a sample of c-revenue
--             shape    'nightly': the last 2 % of the rows restated, 0.1 % gone, 1 % appended
--                      'restated': rows all over the file restated
--                      'noise': a third of the rows with noise in the last digits, 1 in 20 of them restated
--             percent  of the rows, for 'restated'
--             path     file to write
-- writes      CSV with a header, the columns of the sample; the same bytes on every run
copy (
    with
    old as (
        select *, row_number() over () as place
        from read_csv($sample, all_varchar = true, header = true)
    ),
    total as (select count(*) as rows from old),
    drawn as (select *, hash(place) % 1000 as number from old, total),
    kinds as (
        select
            *,
            case
                when $shape = 'nightly' and number = 0 and place <= rows * 0.98 then 'gone'
                when $shape = 'nightly' and place > rows * 0.98 then 'restated'
                when $shape = 'restated' and number < $percent * 10 then 'restated'
                when $shape = 'noise' and number < 17 then 'restated'
                when $shape = 'noise' and number < 333 then 'noise'
                else 'same'
            end as kind
        from drawn
    ),
    new as (
        select
            * replace (
                case kind
                    when 'restated' then (value::double * 1.0125 + 0.01)::varchar
                    when 'noise' then (value::double * (1 + 3e-13))::varchar
                    else value
                end as value
            )
        from kinds
        where kind <> 'gone'
        union all by name
        select * replace ('2035-01' as cohort, '9' || cohort_id as cohort_id, place + rows as place)
        from kinds
        where $shape = 'nightly' and place > rows * 0.99
    )
    select * exclude (place, rows, number, kind)
    from new
    order by place
) to $path (format csv, header true);
