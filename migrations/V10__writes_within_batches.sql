-- What a trigger of another program does to student_courses inside a batch is logged too.

-- A batch now writes the log before the rows, so the log already has what the batch is about to do: the triggers log
-- whatever it does not have. `in_batch` is the seq of the first entry of the batch; it is negative while rows are
-- written that are not to be logged.
update log_head set in_batch = 0;

{{log_writes_within_batches}}
