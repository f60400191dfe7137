-- Writes one side of a pair in which one key stands many times: a sample of c-revenue with rows of that
-- key spread over it.
--
-- parameters  sample    the file of the sample
--             copies    rows of the key
--             distinct  values that these rows have in old
--             side      'old' or 'new'
--             path      file to write
-- writes      CSV with a header, the columns of the sample; the same bytes on every run
--
-- In new one row of the key in 400 has a value that no row of old has, and a third of the others carry
-- float noise far below the tolerance.
copy (
    with
    sample as (
        select *, row_number() over () as place
        from read_csv($sample, all_varchar = true, header = true)
    ),
    copied as (
        select
            range as i,
            1000.0 + range % $distinct
            + case
                when $side = 'new' and range % 400 = 7 then 0.5
                when $side = 'new' and range % 3 = 1 then 3e-10
                else 0
            end as value,
            -- evenly, and in new the other way round
            if($side = 'new', $copies - 1 - range, range) * (select count(*) from sample) // $copies
                as place
        from range($copies)
    ),
    hot as (
        select
            '2014-12' as cohort,
            '1' as cohort_id,
            'c-revenue' as stat,
            value::varchar as value,
            place
        from copied
    )
    select * exclude (place)
    from (select * from sample union all by name select * from hot)
    order by place, cohort = '2014-12'
) to $path (format csv, header true);
