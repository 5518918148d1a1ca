//! Changes of the seats of many courses, in words.

use super::kit::filters::display_name;
use crate::clock::Stamp;
use crate::count::{counted, thousands};
use crate::registrar::{GroupOpenings, Limits, LimitsChange};
use crate::seat_changes::{ChangeStatus, ChangedCourse, CourseChoice, CourseStatus};

/// A value of a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// In words.
    Words(String),
    /// A time, which a script shows in the viewer's time zone.
    Time(Stamp),
}

/// A limit that changes: its name, and what it is before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) label: String,
    pub(super) before: Value,
    pub(super) after: Value,
}

/// The limits that change from one to the other.
pub(super) fn differences(before: &Limits, after: &Limits) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut compare = |label: &str, before: Value, after: Value| {
        if before != after {
            found.push(Difference { label: label.to_owned(), before, after });
        }
    };
    compare("Seats", seats(before.capacity), seats(after.capacity));
    compare("Waitlist", places(before.waitlist_capacity), places(after.waitlist_capacity));
    for (label, unset, [before, after]) in [
        ("Opens", "always open", [&before.opens_at, &after.opens_at]),
        ("Closes", "stays open", [&before.closes_at, &after.closes_at]),
        ("Waitlist until", END_OF_REGISTRATION, [&before.waitlist_closes_at, &after.waitlist_closes_at]),
        ("Drops until", END_OF_REGISTRATION, [&before.drop_until, &after.drop_until]),
    ] {
        compare(label, time(before.as_ref(), unset), time(after.as_ref(), unset));
    }
    let groups: std::collections::BTreeSet<_> =
        before.group_opens_at.keys().chain(after.group_opens_at.keys()).collect();
    for group in groups {
        let [before, after] =
            [before, after].map(|limits| time(limits.group_opens_at.get(group), "as for everybody"));
        compare(&format!("Opens for {group}"), before, after);
    }
    found
}

const END_OF_REGISTRATION: &str = "end of registration";

fn seats(capacity: Option<i64>) -> Value {
    Value::Words(capacity.map_or_else(|| "no limit".to_owned(), thousands))
}

fn places(places: i64) -> Value {
    Value::Words(if places == 0 { "none".to_owned() } else { thousands(places) })
}

fn time(time: Option<&Stamp>, unset: &str) -> Value {
    time.map_or_else(|| Value::Words(unset.to_owned()), |time| Value::Time(time.clone()))
}

/// What a change sets, each with its name.
pub(super) fn settings(change: &LimitsChange) -> Vec<(String, Value)> {
    let LimitsChange {
        capacity,
        waitlist_capacity,
        opens_at,
        closes_at,
        waitlist_closes_at,
        drop_until,
        group_opens_at,
    } = change;
    let mut set = Vec::new();
    set.extend(capacity.map(|capacity| ("Seats".to_owned(), seats(capacity))));
    set.extend(waitlist_capacity.map(|capacity| ("Waitlist".to_owned(), places(capacity))));
    for (label, unset, named) in [
        ("Opens", "always open", opens_at),
        ("Closes", "stays open", closes_at),
        ("Waitlist until", END_OF_REGISTRATION, waitlist_closes_at),
        ("Drops until", END_OF_REGISTRATION, drop_until),
    ] {
        set.extend(named.as_ref().map(|named| (label.to_owned(), time(named.as_ref(), unset))));
    }
    match group_opens_at {
        Some(GroupOpenings::None) => {
            set.push(("Opens for groups".to_owned(), Value::Words("as for everybody".to_owned())));
        }
        Some(GroupOpenings::Change(openings)) => set.extend(openings.iter().map(|(group, opens_at)| {
            (format!("Opens for {group}"), time(opens_at.as_ref(), "as for everybody"))
        })),
        None => {}
    }
    set
}

/// Which courses a change is about, as the rest of a sentence.
pub(super) fn chosen(choice: &CourseChoice) -> String {
    if choice.is_all() {
        return "all courses".to_owned();
    }
    let either = |value: Option<bool>, yes: &'static str, no: &'static str| {
        value.map(|value| if value { yes } else { no }.to_owned())
    };
    let parts = [
        choice.q.as_ref().map(|q| format!("match “{q}”")),
        choice.level.as_ref().map(|level| format!("are of the level {level}")),
        either(choice.open, "are open for registration", "are not open for registration"),
        either(choice.free, "have free seats", "have no free seats"),
        either(choice.waiting, "have students waiting", "have nobody waiting"),
        choice.ids.as_ref().map(|_| "were chosen one by one".to_owned()),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    let all = match parts.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        _ => parts.concat(),
    };
    format!("courses that {all}")
}

/// Which courses a change is about, as a title.
pub(super) fn title(choice: &CourseChoice) -> String {
    let chosen = chosen(choice);
    chosen.strip_prefix('c').map_or_else(|| chosen.replacen('a', "A", 1), |rest| format!("C{rest}"))
}

/// The label of the status of a change.
pub(super) fn status_label(status: ChangeStatus) -> &'static str {
    match status {
        ChangeStatus::Planned => "only a preview",
        ChangeStatus::Applying => "being made",
        ChangeStatus::Stopped => "stopped",
        ChangeStatus::Applied => "made",
        ChangeStatus::Undoing => "being undone",
        ChangeStatus::Undone => "undone",
    }
}

/// The label of a list of courses.
pub(super) fn list_label(status: CourseStatus) -> &'static str {
    match status {
        CourseStatus::Refused => "Not possible",
        CourseStatus::Planned => "To change",
        CourseStatus::Unchanged => "No change needed",
        CourseStatus::Done => "Changed",
        CourseStatus::NotDone => "Not changed",
        CourseStatus::Undone => "Undone",
        CourseStatus::Remaining => "Not put back",
    }
}

/// What becomes of a course, as a sentence; empty if its limits say everything.
pub(super) fn effect(course: &ChangedCourse) -> String {
    if let Some(why) = &course.why {
        return why.detail.clone();
    }
    let over = course.after.capacity.map_or(0, |capacity| course.enrolled - capacity);
    match course.status {
        CourseStatus::Unchanged => "Stays as it is.".to_owned(),
        CourseStatus::Planned if course.moves_up > 0 => {
            format!("{} from the waitlist.", moves(course.moves_up, "moves up", "move up"))
        }
        CourseStatus::Planned if over > 0 => {
            let more = counted(over, "student");
            format!("{more} more than seats. Nobody is dropped.")
        }
        CourseStatus::Done | CourseStatus::Undone | CourseStatus::Remaining if course.moved_up > 0 => {
            format!("{} from the waitlist.", moves(course.moved_up, "moved up", "moved up"))
        }
        _ => String::new(),
    }
}

fn moves(students: i64, one: &str, many: &str) -> String {
    format!("{} {}", counted(students, "student"), if students == 1 { one } else { many })
}

/// The name of a course, or `deleted course` and the id.
pub(super) fn label(course: &ChangedCourse) -> String {
    if course.is_deleted {
        format!("deleted course {}", course.course_id)
    } else {
        display_name(&course.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_limits_that_change_are_named() {
        let time = |hour: u8| Stamp::from_stored(format!("2026-09-01T{hour:02}:00:00.000Z"));
        let before = Limits { capacity: Some(30), opens_at: Some(time(8)), ..Limits::default() };
        let after = Limits { capacity: None, waitlist_capacity: 1_000, ..before.clone() };
        let words = |text: &str| Value::Words(text.to_owned());
        let difference = |label: &str, before, after| Difference { label: label.to_owned(), before, after };
        let found = differences(&before, &after);
        let expected = [
            difference("Seats", words("30"), words("no limit")),
            difference("Waitlist", words("none"), words("1,000")),
        ];
        assert_eq!(found, expected);
        let moved = Limits { opens_at: None, ..before.clone() };
        let opens = difference("Opens", Value::Time(time(8)), words("always open"));
        assert_eq!(differences(&before, &moved), [opens]);
        assert!(differences(&before, &before).is_empty());
    }

    #[test]
    fn a_choice_of_courses_reads_as_a_part_of_a_sentence() {
        let all = CourseChoice::default();
        let some = CourseChoice { q: Some("bio".to_owned()), waiting: Some(true), ..all.clone() };
        assert_eq!((chosen(&all).as_str(), title(&all).as_str()), ("all courses", "All courses"));
        assert_eq!(title(&some), "Courses that match “bio” and have students waiting");
        assert_eq!(chosen(&some), "courses that match “bio” and have students waiting");
    }
}
