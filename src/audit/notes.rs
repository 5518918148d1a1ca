//! What other programs may do to the tables of students and courses, each as the rows where they did. None of it breaks a
//! promise.

pub(super) const NOTES: [(&str, &str); 3] = [
    (
        "rows of students or courses that another program deleted; a running server drops them within seconds",
        "select 'enrollment ' || sc.id || ': there is no student ' || sc.student_id from student_courses sc \
         where sc.student_id = cast(sc.student_id as bigint) \
         and not exists (select 1 from students s where s.id = sc.student_id) \
         union all select 'enrollment ' || sc.id || ': there is no course ' || sc.course_id from student_courses sc \
         where sc.course_id = cast(sc.course_id as bigint) \
         and not exists (select 1 from courses c where c.id = sc.course_id) \
         union all select 'place of student ' || student_id || ' on the waitlist of course ' || course_id \
         || ': one of them does not exist' from waitlist w \
         where not exists (select 1 from students s where s.id = w.student_id) \
         or not exists (select 1 from courses c where c.id = w.course_id) \
         union all select 'seats of course ' || course_id || ': there is no such course' from course_seats cs \
         where not exists (select 1 from courses c where c.id = cs.course_id)",
    ),
    (
        "students or courses that another program deleted; a running server adds this to the log within seconds",
        "select 'student ' || id from \
         (select distinct student_id as id from events where student_id is not null) known \
         where not exists (select 1 from students s where s.id = known.id) and 'student.deleted' <> \
         (select type from events e where e.student_id = known.id order by seq desc limit 1) \
         union all select 'course ' || id from \
         (select distinct course_id as id from events where course_id is not null) known \
         where not exists (select 1 from courses c where c.id = known.id) and 'course.deleted' <> \
         (select type from events e where e.course_id = known.id order by seq desc limit 1)",
    ),
    (
        "ids of deleted students or courses that another program gave to new rows",
        "select 'student ' || id || ', deleted at seq ' || seq from (select student_id as id, max(seq) as seq from events \
         where type = 'student.deleted' group by student_id) deleted \
         where exists (select 1 from students s where s.id = deleted.id) \
         and not exists (select 1 from events e where e.student_id = deleted.id and e.seq > deleted.seq) \
         union all select 'course ' || id || ', deleted at seq ' || seq from (select course_id as id, max(seq) as seq \
         from events where type = 'course.deleted' group by course_id) deleted \
         where exists (select 1 from courses c where c.id = deleted.id) \
         and not exists (select 1 from events e where e.course_id = deleted.id and e.seq > deleted.seq)",
    ),
];
