"""The sections of a job's page, one module each."""
