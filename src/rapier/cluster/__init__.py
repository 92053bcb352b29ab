"""One cluster: reads that are fresh and shared, jobs, waiting."""
