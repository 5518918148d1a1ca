-- What limits the enrollment in a course. How full it is, is counted from the rows of student_courses and waitlist.
create table course_seats (
    course_id {{key}} not null primary key references courses (id),
    capacity {{key}}, -- null: as many as come
    waitlist_capacity {{key}} not null, -- 0: no waitlist
    opens_at text, -- RFC 3339, UTC, milliseconds; null: always
    closes_at text -- the same; null: never
);
