-- Writes of other programs to student_courses are logged by triggers.

-- 1 while a batch of ours is being written, so it is only ever seen inside that transaction: the triggers leave out rows
-- that the batch logs itself.
alter table log_head add column in_batch {{key}} not null default 0;

{{log_writes_by_others}}
