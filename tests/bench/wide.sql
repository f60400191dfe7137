-- Writes one side of a pair with many value columns: 35 numbers by country and year.
--
-- parameters  rows  data rows to write
--             side  'old' or 'new'
--             path  file to write
-- writes      CSV with a header, the columns of the last select; the same bytes on every run
--
-- New is shuffled: i * prime mod rows visits each i once. There one cell in 400 has moved by 1 %, and a
-- third of the others carry float noise far below the tolerance.
copy (
    with
    numbered as (
        select if($side = 'new', (range * 1000000007 + 41) % $rows, range) as i
        from range($rows)
    ),
    scrambled as (
        select
            i,
            -- a cheap, portable scramble: SQL's own hash may change between releases
            [((i * 35 + c) * 48271 + 12345) * 69621 % 2147483647 for c in range(35)] as noises
        from numbered
    ),
    valued as (
        select
            i,
            [
                (noise % 90000000 + 1) / 1000.0
                * case
                    when $side = 'new' and noise % 400 = 7 then 1.01
                    when $side = 'new' and noise % 3 = 1 then 1 + 3e-13
                    else 1
                end
                for noise in noises
            ] as v
        from scrambled
    )
    select
        'country ' || i // 250 as country,
        1775 + i % 250 as year,
        v[1] as v01, v[2] as v02, v[3] as v03, v[4] as v04, v[5] as v05,
        v[6] as v06, v[7] as v07, v[8] as v08, v[9] as v09, v[10] as v10,
        v[11] as v11, v[12] as v12, v[13] as v13, v[14] as v14, v[15] as v15,
        v[16] as v16, v[17] as v17, v[18] as v18, v[19] as v19, v[20] as v20,
        v[21] as v21, v[22] as v22, v[23] as v23, v[24] as v24, v[25] as v25,
        v[26] as v26, v[27] as v27, v[28] as v28, v[29] as v29, v[30] as v30,
        v[31] as v31, v[32] as v32, v[33] as v33, v[34] as v34, v[35] as v35
    from valued
) to $path (format csv, header true);
