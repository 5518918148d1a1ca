-- The association of a student and a course: one row a pair.
-- The service gives out the ids, so that they are never reused and fit JavaScript's safe integers on every engine.
create table student_courses (
    id {{key}} not null primary key,
    student_id {{key}} not null references students (id),
    course_id {{key}} not null references courses (id),
    enrolled_at text not null, -- RFC 3339, UTC, milliseconds
    unique (student_id, course_id)
);

-- The roster of a course in its order, and what the foreign key asks when a course is deleted.
create index student_courses_course on student_courses (course_id, id);
