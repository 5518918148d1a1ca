//! The rules of registration hold for any commands in any order.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use matricula::audit::audit;
use matricula::clock::{Clock, ManualClock, Stamp};
use matricula::db::Db;
use matricula::registrar::{
    Answer, Batch, ChangeSeats, CourseId, CreateCourse, CreateStudent, DeleteCourse, DeleteGroup,
    DeleteStudent, DropCourse, Enroll, EventKind, FieldValues, Group, GroupName, GroupOpenings, Held,
    JoinGroup, LeaveGroup, Limits, LimitsChange, Operation, OperationOutcome, Override, PlaceHold, Refusal,
    RemoveSeats, Restore, Rules, SeenCourse, SetCourses, SetGroup, SetRules, SetSeats, StudentId, Swap,
    UpdateCourse, UpdateStudent, Version, Waitlist, limits,
};
use proptest::prelude::*;

use crate::school::{Command, Database, FIRST_DAY, Model, ReleaseFirstHold, enrollments_by, submit};

/// The values that are given, and perhaps an external id, or that there is none.
fn values<'a, R>(
    texts: [(&'static str, Option<String>); 2],
    (field, external_id): (&'static str, impl IntoIterator<Item = Option<&'a str>>),
) -> FieldValues<R> {
    let texts = texts.into_iter().filter_map(|(field, value)| Some((field, Some(value?))));
    let external_id = external_id.into_iter().map(|value| (field, value.map(str::to_owned)));
    FieldValues::new(texts.chain(external_id))
}

pub(crate) fn group() -> impl Strategy<Value = GroupName> + Clone {
    prop_oneof![Just("Seniors"), Just("Athletes")].prop_map(|name| name.parse().unwrap())
}

/// Commands about groups, holds and the rules of the school.
fn standing_commands() -> impl Strategy<Value = Command> {
    let student = || (1..5_i64).prop_map(StudentId);
    let course_limit = || proptest::option::weighted(0.7, 0..3_i64);
    prop_oneof![
        2 => student().prop_map(|student_id| Command::PlaceHold(PlaceHold { student_id, reason: "fees".to_owned() })),
        3 => student().prop_map(|student_id| Command::ReleaseHold(ReleaseFirstHold(student_id))),
        1 => course_limit().prop_map(|course_limit| Command::SetRules(SetRules { rules: Rules { course_limit } })),
        2 => (group(), course_limit()).prop_map(|(name, course_limit)| Command::SetGroup(SetGroup { group: Group { name, course_limit } })),
        1 => group().prop_map(|name| Command::DeleteGroup(DeleteGroup { name })),
        3 => (group(), student()).prop_map(|(name, student_id)| Command::JoinGroup(JoinGroup { name, student_id })),
        1 => (group(), student()).prop_map(|(name, student_id)| Command::LeaveGroup(LeaveGroup { name, student_id })),
    ]
}

/// What a student is believed to have, if somebody looked before.
fn held() -> impl Strategy<Value = Option<Held>> {
    proptest::option::weighted(0.3, prop_oneof![Just(Held::Seat), Just(Held::Place)])
}

/// Commands about seats and the registration window.
fn seat_commands() -> impl Strategy<Value = Command> {
    let course = || (1..4_i64).prop_map(CourseId);
    let seats = || prop_oneof![3 => (0..3_i64).prop_map(Some), 1 => Just(None)];
    let time = |chance: f64| proptest::option::weighted(chance, (0..4_u64).prop_map(hour));
    let opening = (group(), (0..4_u64).prop_map(hour));
    let openings = || proptest::option::weighted(0.2, opening.clone()).prop_map(BTreeMap::from_iter);
    let limits = (seats(), 0..3_i64, time(0.1), time(0.1), time(0.1), time(0.1), openings()).prop_map(
        |(
            capacity,
            waitlist_capacity,
            opens_at,
            closes_at,
            waitlist_closes_at,
            drop_until,
            group_opens_at,
        )| Limits {
            capacity,
            waitlist_capacity,
            opens_at,
            closes_at,
            waitlist_closes_at,
            drop_until,
            group_opens_at,
        },
    );
    let opened = prop_oneof![
        1 => Just(GroupOpenings::None),
        2 => (group(), time(0.7)).prop_map(|opening| GroupOpenings::Change([opening].into())),
    ];
    let change = (
        proptest::option::of(seats()),
        proptest::option::of(time(0.3)),
        proptest::option::of(time(0.3)),
        proptest::option::weighted(0.3, opened),
    )
        .prop_map(|(capacity, waitlist_closes_at, drop_until, group_opens_at)| LimitsChange {
            capacity,
            waitlist_closes_at,
            drop_until,
            group_opens_at,
            ..LimitsChange::default()
        });
    let seen = || {
        let none = Version::from_record(&Limits::default());
        proptest::option::weighted(
            0.3,
            prop_oneof![3 => Just(vec![none, Version(7)]), 1 => Just(vec![Version(7)])],
        )
    };
    prop_oneof![
        2 => (course(), change, seen())
            .prop_map(|(course_id, change, expected)| Command::ChangeSeats(ChangeSeats { course_id, change, expected })),
        3 => (course(), limits, seen())
            .prop_map(|(course_id, limits, expected)| Command::SetSeats(SetSeats { course_id, limits, expected })),
        1 => course().prop_map(|course_id| Command::RemoveSeats(RemoveSeats { course_id })),
    ]
}

pub(crate) fn commands() -> impl Strategy<Value = Vec<Command>> {
    let student = || (1..5_i64).prop_map(StudentId);
    let course = || (1..4_i64).prop_map(CourseId);
    let text = || prop_oneof![Just("Ana"), Just("Ben"), Just("Zoë")].prop_map(str::to_owned);
    let maybe = || proptest::option::of(text());
    let external_id = || {
        proptest::option::of(proptest::option::weighted(0.8, prop_oneof![Just("1"), Just("01"), Just("x")]))
    };
    let expected = || proptest::option::weighted(0.2, Just(vec![Version(7)]));
    let by_the_dean = || Override::new(Some("the dean".to_owned())).ok();
    let enroll = move || {
        (student(), course(), proptest::bool::weighted(0.8), proptest::bool::weighted(0.2)).prop_map(
            move |(student_id, course_id, wait, is_forced)| {
                let r#override = if is_forced { by_the_dean() } else { None };
                Enroll { r#override, wait, ..Enroll::new(student_id, course_id) }
            },
        )
    };
    let drop = move || {
        (student(), course(), proptest::bool::weighted(0.3), held()).prop_map(
            move |(student_id, course_id, is_forced, expected)| {
                let r#override = if is_forced { by_the_dean() } else { None };
                DropCourse { r#override, expected, ..DropCourse::new(student_id, course_id) }
            },
        )
    };
    let operation = prop_oneof![
        2 => (student(), course()).prop_map(|(student, course)| Operation::Enroll(Enroll::new(student, course))),
        1 => drop().prop_map(Operation::Drop),
        2 => (student(), course(), course()).prop_map(|(student_id, from, to)| Operation::Swap(Swap { student_id, from, to })),
    ];
    let command = prop_oneof![
        3 => (text(), text(), external_id()).prop_map(|(name, email, number)| {
            let values = values([("name", Some(name)), ("email", Some(email))], ("number", number));
            Command::CreateStudent(CreateStudent { values })
        }),
        2 => (text(), text(), external_id()).prop_map(|(name, level, code)| {
            let values = values([("name", Some(name)), ("level", Some(level))], ("code", code));
            Command::CreateCourse(CreateCourse { values })
        }),
        2 => (student(), maybe(), maybe(), external_id(), expected()).prop_map(|(id, name, email, number, expected)| {
            let values = values([("name", name), ("email", email)], ("number", number));
            Command::UpdateStudent(UpdateStudent { id, values, expected })
        }),
        2 => (course(), maybe(), maybe(), external_id(), expected()).prop_map(|(id, name, level, code, expected)| {
            let values = values([("name", name), ("level", level)], ("code", code));
            Command::UpdateCourse(UpdateCourse { id, values, expected })
        }),
        1 => (student(), any::<bool>(), expected())
            .prop_map(|(id, drop, expected)| Command::DeleteStudent(DeleteStudent { id, drop, max_dropped: None, expected })),
        1 => (course(), any::<bool>(), expected())
            .prop_map(|(id, drop, expected)| {
                let seen = |version| SeenCourse { version, seats: None };
                let expected = expected.map(|versions| versions.into_iter().map(seen).collect());
                Command::DeleteCourse(DeleteCourse { id, drop, max_dropped: None, expected })
            }),
        10 => enroll().prop_map(Command::Enroll),
        3 => drop().prop_map(Command::Drop),
        1 => (student(), course())
            .prop_map(|(student, course)| Command::DropAsStudent(DropCourse::new(student, course))),
        3 => (student(), course())
            .prop_map(|(student_id, course_id)| Command::Restore(Restore { student_id, course_id })),
        6 => seat_commands(),
        8 => standing_commands(),
        1 => (student(), proptest::sample::subsequence(vec![1, 2, 3], 0..=3), any::<bool>()).prop_map(
            |(student_id, course_ids, wait)| {
                let course_ids = course_ids.into_iter().map(CourseId).collect();
                Command::SetCourses(SetCourses { student_id, course_ids, r#override: None, wait })
            },
        ),
        2 => (proptest::collection::vec(operation, 1..7), any::<bool>())
            .prop_map(|(operations, all_or_nothing)| Command::Batch(Batch { operations, all_or_nothing })),
    ];
    proptest::collection::vec(command, 1..80)
}

/// The time this many hours after the school opens.
fn hour(hour: u64) -> Stamp {
    format!("2026-09-01T{:02}:00:00Z", 8 + hour).parse().unwrap()
}

proptest! {
    #[test]
    fn the_tables_agree_with_the_log(commands in commands()) {
        let mut model = Model::new();
        for command in &commands {
            let _ = model.carry_out(command);
            prop_assert_eq!(&model.facts.enrollments, &enrollments_by(&model.log));
        }
        let new = model.log.iter().filter(|event| event.kind != EventKind::EnrollmentRestored);
        let ids: Vec<_> = new.filter_map(|event| Some(event.new_enrollment()?.id.0)).collect();
        let counted: Vec<_> = (1..).take(ids.len()).collect();
        prop_assert_eq!(ids, counted, "ids are used once, in order");
        for row in model.facts.enrollments.values() {
            prop_assert!(model.facts.students.contains_key(&row.student_id), "no deleted student is enrolled");
            prop_assert!(model.facts.courses.contains_key(&row.course_id), "nobody is enrolled in a deleted course");
        }
        let numbers: Vec<_> = model.facts.students.values().filter_map(|student| student.number.as_ref()).collect();
        prop_assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), numbers.len(), "no two students have the same number");
    }

    #[test]
    fn a_command_that_succeeds_has_its_effect(commands in commands()) {
        let mut model = Model::new();
        for command in &commands {
            let (events, before) = (model.log.len(), model.facts.clone());
            match (command, model.carry_out(command)) {
                (Command::Enroll(Enroll { student_id, course_id, .. }), Ok(Answer::Enrollment(row))) => {
                    prop_assert_eq!(model.facts.enrollments.get(&(*student_id, *course_id)), Some(&row));
                }
                (Command::Enroll(Enroll { student_id, course_id, .. }), Err(Refusal::AlreadyEnrolled(row))) => {
                    prop_assert_eq!((row.student_id, row.course_id), (*student_id, *course_id));
                }
                (
                    Command::Drop(DropCourse { student_id, course_id, expected, .. })
                    | Command::DropAsStudent(DropCourse { student_id, course_id, expected, .. }),
                    Ok(_),
                ) => {
                    let pair = (*student_id, *course_id);
                    prop_assert!(!model.facts.enrollments.contains_key(&pair));
                    let had_seat = before.enrollments.contains_key(&pair);
                    prop_assert!(expected.is_none_or(|held| (held == Held::Seat) == had_seat), "only what was meant");
                }
                (Command::Restore(Restore { student_id, course_id }), Ok(Answer::Enrollment(row))) => {
                    prop_assert_eq!(model.facts.enrollments.get(&(*student_id, *course_id)), Some(&row));
                }
                (Command::Restore(Restore { student_id, course_id }), Ok(Answer::Waitlisted(place))) => {
                    prop_assert_eq!(model.facts.place(*student_id, *course_id), Some(place));
                }
                (Command::Enroll(Enroll { student_id, course_id, r#override, wait, .. }), Ok(Answer::Waitlisted(place))) => {
                    prop_assert!(wait, "without `wait` it is a seat or nothing");
                    prop_assert_eq!(r#override, &None, "an override is always a seat");
                    prop_assert_eq!(model.facts.place(*student_id, *course_id), Some(place));
                }
                (Command::Enroll(Enroll { r#override: Some(_), .. }), Err(refusal)) => {
                    let is_missing = matches!(refusal, Refusal::StudentNotFound(_) | Refusal::CourseNotFound(_));
                    prop_assert!(is_missing, "an override is a seat: {refusal:?}");
                }
                (Command::SetSeats(SetSeats { course_id, limits, .. }), Ok(Answer::Seats(seats))) => {
                    prop_assert_eq!(&model.facts.limits_of(*course_id), limits);
                    prop_assert_eq!(model.facts.seats_of(*course_id), seats);
                }
                (Command::Batch(Batch { operations, all_or_nothing }), Ok(Answer::Batch(done))) => {
                    prop_assert_eq!(operations.len(), done.len());
                    let refused = done.iter().any(|done| matches!(done, OperationOutcome::Refused(_)));
                    let withheld = done.contains(&OperationOutcome::Withheld);
                    let was_done = done.iter().any(|done| matches!(done, OperationOutcome::Done(_)));
                    prop_assert!(!(*all_or_nothing && refused && was_done), "all or nothing");
                    prop_assert!(!withheld || *all_or_nothing && refused, "nothing is withheld without a reason");
                    if let ([Operation::Swap(swap)], [done]) = (operations.as_slice(), done.as_slice()) {
                        let has_seat = |course| model.facts.enrollments.contains_key(&(swap.student_id, course));
                        let is_done = matches!(done, OperationOutcome::Done(Answer::Enrollment(_)));
                        prop_assert!(!is_done || has_seat(swap.to) && !has_seat(swap.from), "a seat for a seat");
                        let held = before.enrollments.contains_key(&(swap.student_id, swap.from));
                        prop_assert!(is_done || held == has_seat(swap.from), "the held seat is not lost");
                    }
                    prop_assert_eq!(model.log.len() > events, was_done);
                }
                (Command::SetCourses(SetCourses { student_id, course_ids, .. }), Ok(Answer::Batch(_))) => {
                    let mut taken = model.facts.enrollments_of_student(*student_id);
                    let others = taken.any(|row| !course_ids.contains(&row.course_id));
                    prop_assert!(!others || model.log.len() == events, "exactly these courses, or no change");
                }
                (Command::DeleteStudent(DeleteStudent { id, .. }), Ok(_)) => {
                    prop_assert!(!model.facts.students.contains_key(id));
                }
                (Command::DeleteStudent(DeleteStudent { drop, .. }), Err(Refusal::HasEnrollments { enrolled, waitlisted })) => {
                    prop_assert!(!drop && enrolled + waitlisted > 0);
                }
                (_, Err(_)) => prop_assert_eq!(model.log.len(), events, "a refusal has no event"),
                _ => {}
            }
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_registrar_answers_as_if_the_commands_had_come_one_by_one(commands in commands()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let database = Database::new();
            let clock = ManualClock::default();
            clock.set(FIRST_DAY.parse().unwrap());
            let school = matricula::server::School::open(database.location(), Clock::Manual(clock), None).await.unwrap();

            // Commands are submitted together where possible, so that the Registrar may share commits among them. Only
            // commands about a new row wait until its id is known.
            let mut answers = Vec::new();
            let creates = |command: &Command| {
                matches!(command, Command::CreateStudent(_) | Command::CreateCourse(_))
            };
            for together in commands.chunk_by(|one, next| creates(one) == creates(next)) {
                let asked = together.iter().map(|command| {
                    submit(&school.app.registrar, command.clone())
                });
                answers.extend(futures_util::future::join_all(asked).await);
            }
            school.close().await;

            let mut model = Model::new();
            for (command, answer) in commands.iter().zip(answers) {
                assert_eq!(answer, model.carry_out(command), "{command:?}");
            }
            let db = Db::open(database.location()).unwrap();
            assert_eq!(audit(&db).await.unwrap().findings, []);
            let sql = "select id, student_id, course_id from student_courses order by student_id, course_id";
            let rows = db.query(sql, [], |row| Ok((row.int(0)?, row.int(1)?, row.int(2)?))).await.unwrap();
            let expected: Vec<_> =
                model.facts.enrollments.values().map(|row| (row.id.0, row.student_id.0, row.course_id.0)).collect();
            assert_eq!(rows, expected);
            let sql = "select student_id, course_id, joined_seq from waitlist order by course_id, joined_seq";
            let rows = db.query(sql, [], |row| Ok((row.int(0)?, row.int(1)?, row.int(2)?))).await.unwrap();
            let expected: Vec<_> = model.facts.waitlists.values().flat_map(Waitlist::iter)
                .map(|row| (row.student_id.0, row.course_id.0, row.joined_seq)).collect();
            assert_eq!(rows, expected);
            let sql = "select course_id, capacity, waitlist_capacity, opens_at, closes_at, waitlist_closes_at, drop_until, group_opens_at \
                       from course_seats";
            let rows = db.query(sql, [], |row| Ok((CourseId(row.int(0)?), limits(row, 1)?))).await.unwrap();
            assert_eq!(rows.into_iter().collect::<HashMap<_, _>>(), model.facts.limits);
            let sql = "select cast(id as bigint), name, email from students order by id";
            let rows = db.query(sql, [], |row| Ok((row.int(0)?, row.opt_text(1)?, row.opt_text(2)?))).await.unwrap();
            let mut expected: Vec<_> = model.facts.students.values().cloned().map(|s| (s.id.0, s.name, s.email)).collect();
            expected.sort();
            assert_eq!(rows, expected);
            let numbers = model.facts.students.values().filter_map(|s| Some((s.id.0, s.number.clone()?)));
            let codes = model.facts.courses.values().filter_map(|c| Some((c.id.0, c.code.clone()?)));
            for (sql, held) in [
                ("select student_id, number from matricula_student_numbers", numbers.collect::<BTreeMap<_, _>>()),
                ("select course_id, code from matricula_course_codes", codes.collect()),
            ] {
                let rows = db.query(sql, [], |row| Ok((row.int(0)?, row.text(1)?))).await.unwrap();
                assert_eq!(rows.into_iter().collect::<BTreeMap<_, _>>(), held);
            }
            let sql = "select group_name, student_id from matricula_group_students order by student_id, group_name";
            let rows = db.query(sql, [], |row| Ok((row.text(0)?, row.int(1)?))).await.unwrap();
            let standings: BTreeMap<_, _> = model.facts.standings.iter().collect();
            let members = standings.iter().flat_map(|(id, of)| of.groups.keys().map(|name| (name.to_string(), id.0)));
            assert_eq!(rows, members.collect::<Vec<_>>());
            let rows = db.query("select id, student_id from matricula_holds order by student_id, id", [], |row| {
                Ok((row.int(0)?, row.int(1)?))
            }).await.unwrap();
            let holds = standings.iter().flat_map(|(id, of)| of.holds.iter().map(|hold| (hold.id, id.0)));
            assert_eq!(rows, holds.collect::<Vec<_>>());
            let kinds = db.query("select type from events order by seq", [], |row| row.text(0)).await.unwrap();
            assert_eq!(kinds, model.log.iter().map(|event| event.kind.as_str()).collect::<Vec<_>>());
        });
    }
}
