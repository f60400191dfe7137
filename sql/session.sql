-- Settings of one diff's connection, each statement with the parameter it names. The order matters:
-- the last two lock the rest, so that no query can reach another file, the network or a setting. What is
-- reached beside `files` is the folder it spills to, which no other diff has.
--
-- parameters  memory_limit    size of what it may use, such as '512MB'
--             operator_limit  size of what joins, groupings and sorts may hold of that
--             temp_limit      size of what may be spilled
--             threads         number of threads
--             temp_folder     where a diff spills to disk
--             files           list of the files it may reach: to write, or the names of pieces,
--                             which are read-only

-- session --
set memory_limit = $memory_limit;
set operator_memory_limit = $operator_limit;
set threads = $threads;
set temp_directory = $temp_folder;
set max_temp_directory_size = $temp_limit;
-- it would be printed among the rows of the result
set enable_progress_bar = false;
-- type_pushdown makes a cast that raises of try_cast over read_csv (duckdb#23818). build_side_probe_side
-- cannot know how many rows a CSV file has, and would hold the rows of new in memory, not keys of old
-- join_filter_pushdown may lose rows of joins that go to disk, without a word (duckdb#25702)
set disabled_optimizers = 'type_pushdown, build_side_probe_side, join_filter_pushdown';
-- rows are numbered where that matters, and all files are written in the order of the numbers
set preserve_insertion_order = false;
-- the rows that each operator gave are what a diff is proved by
set enable_profiling = 'no_output';
set profiling_coverage = 'ALL';
-- nothing from beyond the files: no variable of the Python around, no extension, no secret of a user
set python_enable_replacements = false;
set autoinstall_known_extensions = false;
set autoload_known_extensions = false;
set allow_community_extensions = false;
set allow_persistent_secrets = false;
set allowed_paths = $files;
set enable_external_access = false;
set lock_configuration = true;
