-- Whether a worker gave a sign of life lately. It runs on the jobs database: a file of SQLite, or a
-- server of PostgreSQL, where the clock is that of the server.
--
-- parameters  name     the beginning of the ids of the worker's process
--             since    SQLite: the time after which a sign of life counts, UTC
--             seconds  PostgreSQL: the seconds for which it counts
-- columns     seen     1 or 0; PostgreSQL: true or false

-- worker_seen --

select exists (
    select 1 from workers where substr(id, 1, length(:name)) = :name and seen_at >= :since
) as seen;

-- worker_seen_on_server --

select exists (
    select 1
    from workers
    where
        starts_with(id, %(name)s)
        and seen_at >= timezone('UTC', now()) - make_interval(secs => %(seconds)s)
) as seen;
