//! Commands that share a commit. Each sees what those before it have changed without reading it from the tables again.

use matricula::clock::{Clock, ManualClock};
use matricula::registrar::{
    Answer, CourseId, CreateCourse, CreateStudent, DeleteCourse, DeleteGroup, DeleteStudent, DropCourse,
    Enroll, EnrollmentId, FieldValues, Group, GroupName, GroupedStudent, ImportPart, ImportStep, JoinGroup,
    LeaveGroup, Limits, OperationOutcome, PlaceHold, Refusal, Registrar, Restore, SeatChangePart, SeatStep,
    SetGroup, StudentId, StudentRecord, UnmakeGroup, UpdateCourse, UpdateStudent,
};
use proptest::prelude::*;

use crate::properties::{commands, group};
use crate::school::{Command, Database, FIRST_DAY, submit};

#[derive(Clone, Debug)]
enum Request {
    Command(Box<Command>),
    Import(ImportPart),
    SeatChange(SeatChangePart),
}

impl Request {
    /// The answer, as text.
    async fn answer(self, registrar: &Registrar) -> String {
        match self {
            Self::Command(command) => format!("{:?}", submit(registrar, *command).await),
            Self::Import(part) => format!("{:?}", submit(registrar, part).await),
            Self::SeatChange(part) => format!("{:?}", submit(registrar, part).await),
        }
    }
}

fn student() -> impl Strategy<Value = StudentId> {
    (1..5_i64).prop_map(StudentId)
}

fn pair() -> impl Strategy<Value = (StudentId, i64)> {
    (student(), 1..4_i64)
}

fn grouped() -> impl Strategy<Value = ImportStep> {
    let groups = || proptest::collection::vec(group(), 0..2);
    let record = prop_oneof![
        2 => student().prop_map(StudentRecord::Same),
        1 => Just(StudentRecord::Add(CreateStudent {
            values: FieldValues::new([("name", "Dora".to_owned()), ("email", "dora@example.edu".to_owned())]),
        })),
    ];
    (record, groups(), any::<bool>(), groups()).prop_map(|(record, joins, makes, leaves)| {
        let makes = if makes { joins.clone() } else { Vec::new() };
        ImportStep::Grouped(Box::new(GroupedStudent { record, makes, joins, leaves }))
    })
}

fn step() -> impl Strategy<Value = ImportStep> {
    let pair = || pair().prop_map(|(student_id, course)| (student_id, course.into()));
    prop_oneof![
        2 => pair().prop_map(|(student, course)| ImportStep::Enroll(Enroll::new(student, course))),
        2 => pair().prop_map(|(student, course)| ImportStep::Wait(Enroll::new(student, course))),
        1 => (pair(), 1..9_i64).prop_map(|((student, course), id)| {
            ImportStep::DropEnrollment(DropCourse::new(student, course), EnrollmentId(id))
        }),
        1 => (pair(), 8..30_i64).prop_map(|((student, course), seq)| {
            ImportStep::LeaveWaitlist(DropCourse::leave_waitlist(student, course), seq)
        }),
        1 => pair().prop_map(|(student_id, course_id)| ImportStep::Restore(Restore { student_id, course_id })),
        4 => grouped(),
        1 => (group(), student()).prop_map(|(name, student_id)| ImportStep::JoinGroup(JoinGroup { name, student_id })),
        1 => (group(), student()).prop_map(|(name, student_id)| ImportStep::LeaveGroup(LeaveGroup { name, student_id })),
        4 => group().prop_map(|name| ImportStep::UnmakeGroup(UnmakeGroup(name))),
    ]
}

fn seat_step() -> impl Strategy<Value = SeatStep> {
    let limits = || {
        let some = (0..3_i64, 0..3_i64).prop_map(|(capacity, waitlist_capacity)| Limits {
            capacity: Some(capacity),
            waitlist_capacity,
            ..Limits::default()
        });
        proptest::option::weighted(0.7, some)
    };
    (1..4_i64, limits(), limits()).prop_map(|(course, expected, limits)| SeatStep {
        course_id: course.into(),
        expected,
        limits,
    })
}

/// Requests of people, imports and changes of seats. None names a student or a course that another one creates: its id is
/// known only after the commit.
fn requests() -> impl Strategy<Value = Vec<Request>> {
    let numbered = |steps: Vec<_>| (1..).zip(steps).collect();
    let others = prop_oneof![
        2 => (proptest::collection::vec(step(), 1..5), any::<bool>()).prop_map(move |(steps, undoes)| {
            Request::Import(ImportPart { import_id: 1, worker: "worker".into(), undoes, steps: numbered(steps) })
        }),
        1 => (proptest::collection::vec(seat_step(), 1..3), any::<bool>()).prop_map(|(steps, is_whole)| {
            let worker = "worker".into();
            Request::SeatChange(SeatChangePart { change_id: 1, worker, undoes: false, is_whole, steps })
        }),
    ];
    (commands(), proptest::collection::vec((others, any::<prop::sample::Index>()), 0..20)).prop_map(
        |(commands, others)| {
            let commands = commands.into_iter().map(|command| Request::Command(Box::new(command)));
            let mut requests: Vec<_> = commands.collect();
            for (other, place) in others {
                requests.insert(place.index(requests.len() + 1), other);
            }
            requests
        },
    )
}

/// A school with four students, three courses with seats, two groups, and somebody on a waitlist.
async fn open(database: &Database) -> matricula::server::School {
    let clock = ManualClock::default();
    clock.set(FIRST_DAY.parse().unwrap());
    let school =
        matricula::server::School::open(database.location(), Clock::Manual(clock), None).await.unwrap();
    database.runs(
        "insert into students (id, name, email) values (1, 'Ana', ''), (2, 'Ben', ''), (3, 'Cleo', ''), (4, 'Dan', '');
         insert into courses (id, name, level) values (1, 'Algebra', ''), (2, 'Botany', ''), (3, 'Chemistry', '');
         insert into matricula_imports (id, created_at, actor, status, settings, report, digest, total, done, not_done,
             remaining, worker, touched_at, record) values (1, '', '', 'applying', '', '', '', 0, 0, 0, 0, 'worker', '', '');
         insert into matricula_seat_changes (id, created_at, actor, status, courses, seats, named, planned, unchanged,
             refused, moves_up, done, not_done, undone, remaining, moved_up, worker, touched_at, record)
             values (1, '', '', 'applying', '', '', '', 0, 0, 0, 0, 0, 0, 0, 0, 0, 'worker', '', '');
         insert into matricula_seat_change_courses (change_id, course_id, place, status, enrolled, moves_up, moved_up)
             values (1, 1, 1, 'planned', 0, 0, 0), (1, 2, 2, 'planned', 0, 0, 0), (1, 3, 3, 'planned', 0, 0, 0);",
    );
    school
}

/// What the tables and the log have, a row a line.
fn tables(database: &Database) -> Vec<String> {
    let other = database.other_program();
    let mut rows = Vec::new();
    for (table, columns) in [
        ("students", "id name email"),
        ("matricula_student_numbers", "student_id number"),
        ("courses", "id name level"),
        ("matricula_course_codes", "course_id code"),
        ("student_courses", "id student_id course_id enrolled_at"),
        ("waitlist", "student_id course_id joined_seq on_hold"),
        (
            "course_seats",
            "course_id capacity waitlist_capacity opens_at closes_at waitlist_closes_at drop_until group_opens_at",
        ),
        ("matricula_groups", "name course_limit"),
        ("matricula_group_students", "group_name student_id"),
        ("matricula_holds", "id student_id reason"),
        ("matricula_rules", "course_limit"),
        ("matricula_import_entries", "import_id first_seq last_seq"),
        ("matricula_seat_change_courses", "course_id status moved_up"),
        ("log_head", "last_seq last_enrollment_id"),
        ("events", "seq type student_id course_id enrollment_id data"),
    ] {
        let columns = columns.split(' ').map(|column| format!("coalesce(cast({column} as text), '-')"));
        let sql = format!(
            "select '{table} ' || {} from {table} order by 1",
            columns.collect::<Vec<_>>().join(" || ' ' || ")
        );
        rows.extend(other.column(&sql));
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn commands_that_share_a_commit_are_answered_as_if_each_had_its_own(requests in requests()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let [alone, together] = [Database::new(), Database::new()];
            let schools = [open(&alone).await, open(&together).await];
            let [one, other] = schools.each_ref().map(|school| &school.app.registrar);
            let mut expected = Vec::new();
            for request in &requests {
                expected.push(request.clone().answer(one).await);
            }
            let asked = requests.iter().map(|request| request.clone().answer(other));
            let answers = futures_util::future::join_all(asked).await;
            for ((request, answer), expected) in requests.iter().zip(&answers).zip(&expected) {
                assert_eq!(answer, expected, "{request:?}");
            }
            for school in schools {
                school.close().await;
            }
            assert_eq!(tables(&together), tables(&alone));
        });
    }
}

#[tokio::test]
async fn a_number_or_a_code_that_is_given_up_is_free_for_the_rest_of_the_commit_and_a_new_one_is_taken() {
    let database = Database::new();
    let school = open(&database).await;
    let registrar = &school.app.registrar;
    let student = |number: &str| {
        CreateStudent::new([("name", String::new()), ("email", String::new()), ("number", number.to_owned())])
    };
    let course = |code: &str| {
        CreateCourse::new([("name", String::new()), ("level", String::new()), ("code", code.to_owned())])
    };
    let numbered = |id, number: &str| UpdateStudent {
        id: StudentId(id),
        values: FieldValues::new([("number", number.to_owned())]),
        expected: None,
    };
    let coded = |id, code: &str| UpdateCourse {
        id: CourseId(id),
        values: FieldValues::new([("code", code.to_owned())]),
        expected: None,
    };
    submit(registrar, numbered(1, "one")).await.unwrap();
    submit(registrar, numbered(2, "two")).await.unwrap();
    submit(registrar, coded(1, "A")).await.unwrap();
    submit(registrar, coded(2, "B")).await.unwrap();
    let gone = DeleteStudent { id: StudentId(2), drop: false, max_dropped: None, expected: None };
    let closed = DeleteCourse { id: CourseId(2), drop: false, max_dropped: None, expected: None };

    // All are in the queue before the first is taken from it, so that they share a commit.
    let (changed, gone, one, two, three, again) = tokio::join!(
        submit(registrar, numbered(1, "three")),
        submit(registrar, gone),
        submit(registrar, student("one")),
        submit(registrar, student("two")),
        submit(registrar, student("three")),
        submit(registrar, student("one")),
    );
    assert_eq!((changed.is_ok(), gone), (true, Ok(())));
    assert_eq!(one.unwrap().number.as_deref(), Some("one"));
    assert_eq!(two.unwrap().number.as_deref(), Some("two"));
    assert_eq!(three, Err(Refusal::NumberTaken(StudentId(1))));
    assert!(matches!(again, Err(Refusal::NumberTaken(_))), "{again:?}");

    let (changed, closed, a, b, c, again) = tokio::join!(
        submit(registrar, coded(1, "C")),
        submit(registrar, closed),
        submit(registrar, course("A")),
        submit(registrar, course("B")),
        submit(registrar, course("C")),
        submit(registrar, course("A")),
    );
    assert_eq!((changed.is_ok(), closed), (true, Ok(())));
    assert_eq!(a.unwrap().code.as_deref(), Some("A"));
    assert_eq!(b.unwrap().code.as_deref(), Some("B"));
    assert_eq!(c, Err(Refusal::CodeTaken(CourseId(1))));
    assert!(matches!(again, Err(Refusal::CodeTaken(_))), "{again:?}");
    school.close().await;
}

#[tokio::test]
async fn a_student_or_a_group_that_is_deleted_in_the_same_commit_leaves_nothing() {
    let database = Database::new();
    let school = open(&database).await;
    let registrar = &school.app.registrar;
    let name = |name: &str| name.parse::<GroupName>().unwrap();
    let set = |group: &str| SetGroup { group: Group { name: name(group), course_limit: None } };
    let join = |group: &str, id| JoinGroup { name: name(group), student_id: StudentId(id) };
    let delete = |id| DeleteStudent { id: StudentId(id), drop: false, max_dropped: None, expected: None };
    submit(registrar, set("Seniors")).await.unwrap();
    submit(registrar, set("Honors")).await.unwrap();
    submit(registrar, join("Honors", 3)).await.unwrap();
    let fees = PlaceHold { student_id: StudentId(1), reason: "fees".to_owned() };
    let steps = vec![(1, ImportStep::UnmakeGroup(UnmakeGroup(name("Honors"))))];
    let undo = ImportPart { import_id: 1, worker: "worker".into(), undoes: true, steps };

    // All are in the queue before the first is taken from it, so that they share a commit.
    let done = tokio::join!(
        submit(registrar, join("Seniors", 1)),
        submit(registrar, fees),
        submit(registrar, delete(1)),
        submit(registrar, join("Seniors", 2)),
        submit(registrar, DeleteGroup { name: name("Seniors") }),
        submit(registrar, delete(3)),
        submit(registrar, undo),
    );
    done.1.unwrap();
    assert_eq!((done.0, done.2, done.3, done.4, done.5), (Ok(()), Ok(()), Ok(()), Ok(()), Ok(())));
    assert_eq!(done.6, Ok(vec![OperationOutcome::Done(Answer::Gone)]), "nobody is in Honors any more");
    let other = database.other_program();
    for table in ["matricula_groups", "matricula_group_students", "matricula_holds"] {
        assert_eq!(other.column(&format!("select count(*) from {table}")), ["0"], "{table}");
    }
    school.close().await;
}
