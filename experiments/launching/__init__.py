"""Running many trainings: jobs, executors, what is shown of them."""
