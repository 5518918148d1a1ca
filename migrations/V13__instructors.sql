-- Which instructors see the students of which courses. The row goes with the course, whoever deletes it, so that a
-- later course with the same id does not get its instructors.
create table matricula_instructors (
    course_id {{key}} not null references courses (id) on delete cascade,
    account_id {{key}} not null,
    primary key (course_id, account_id)
);

create index matricula_instructors_account on matricula_instructors (account_id);
