-- The settings of one diff's connection. The order matters: the last two settings deny queries all other
-- files, the network and changes of settings. In addition to `files`, they can reach only the private
-- folder to which the diff spills.
--
-- parameters  memory_limit    memory of the diff, such as '512MB'
--             operator_limit  part of it for joins, groupings and sorts
--             temp_limit      most bytes to spill
--             threads         number of threads
--             temp_folder     folder to which the diff spills
--             in_order        whether COPY keeps the order of rows that have no number
--             files           list of the files it may reach: paths to write, and names of
--                             pieces, which are read-only

-- session --
set memory_limit = $memory_limit;
set operator_memory_limit = $operator_limit;
set threads = $threads;
set temp_directory = $temp_folder;
set max_temp_directory_size = $temp_limit;
-- it would be printed between the rows of the result
set enable_progress_bar = false;
-- type_pushdown turns try_cast over read_csv into a cast that raises (duckdb#23818).
-- build_side_probe_side does not know the rows of a CSV file. It would keep the rows of new in memory,
-- not the keys of old. join_filter_pushdown may silently lose rows of joins that spill (duckdb#25702).
set disabled_optimizers = 'type_pushdown, build_side_probe_side, join_filter_pushdown';
-- queries number the rows where needed, and write all files in the order of the numbers
set preserve_insertion_order = $in_order;
-- Parquet has times in UTC, and their text must not depend on the machine
set TimeZone = 'UTC';
-- the counts of rows per operator prove a diff
set enable_profiling = 'no_output';
set profiling_coverage = 'ALL';
-- deny Python variables, extensions and secrets of the user
set python_enable_replacements = false;
set autoinstall_known_extensions = false;
set autoload_known_extensions = false;
set allow_community_extensions = false;
set allow_persistent_secrets = false;
set allowed_paths = $files;
set enable_external_access = false;
set lock_configuration = true;
