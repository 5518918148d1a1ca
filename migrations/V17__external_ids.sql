-- The ids of the outside world, exactly as they were written and compared byte for byte. In a school whose mapping names
-- a column of its own, that column counts and not these tables. The row goes with the student or course, whoever deletes
-- it, so that the id is free again and a later student or course with the same id does not get it.
create table matricula_student_numbers (
    student_id {{key}} not null primary key references students (id) on delete cascade,
    number text{{by_bytes}} not null unique
);

create table matricula_course_codes (
    course_id {{key}} not null primary key references courses (id) on delete cascade,
    code text{{by_bytes}} not null unique
);
