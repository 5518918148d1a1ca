-- The id of the batch that an entry was written by, on the first entry of the batch: whether a commit that was not
-- answered is in the log.
alter table events add column batch {{key}};

-- What other programs keep in further columns of student_courses, of rows that were dropped: given back to the same
-- student in the same course.
create table kept_columns (
    student_id {{key}} not null,
    course_id {{key}} not null,
    name text not null, -- of the column
    value {{any_value}},
    primary key (student_id, course_id, name)
);

-- Whether anything has ever been kept there: read with the head, so that nothing is looked for where there is nothing.
alter table log_head add column keeps {{key}} not null default 0;

-- Whose name and address a stored answer holds: it goes when the student is deleted.
alter table idempotency_keys add column student_id {{key}};
update idempotency_keys
set student_id = cast(substr(answer, 24, {{index_of}}(substr(answer, 24), ',') - 1) as bigint)
where answer like '{"Ok":{"Student":{"id":%';
create index idempotency_keys_student on idempotency_keys (student_id) where student_id is not null;
