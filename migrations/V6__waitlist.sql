-- Who waits for a seat; their order is `joined_seq`, the number of the event with which they joined.
create table waitlist (
    student_id {{key}} not null references students (id),
    course_id {{key}} not null references courses (id),
    joined_seq {{key}} not null,
    joined_at text not null, -- RFC 3339, UTC, milliseconds
    primary key (student_id, course_id)
);

-- The waitlist of a course in its order.
create index waitlist_course on waitlist (course_id, joined_seq);
