//! The words of status and role columns, in any case.

use super::headings::key;
use super::rows::{Standing, Wanted};

/// The known words of an enrollment's status, for messages.
pub(super) const ENROLLMENT_WORDS: &str = "active, enrolled, registered, current, deleted, tobedeleted, inactive, completed, \
     concluded, dropped, withdrawn, removed, rejected, suspended, transferred, graduated";

/// The known words of a person's status, for messages.
pub(super) const PERSON_WORDS: &str = "active, enrolled, registered, current, inactive, suspended, disabled, archived, \
     transferred, graduated, withdrawn, dropout, completed, deleted, tobedeleted, removed";

/// The known words of a course's status, for messages.
pub(super) const COURSE_WORDS: &str = "active, published, unpublished, available, completed, concluded, inactive, archived, deleted, tobedeleted, removed";

/// The known words of a column that is yes or no, for messages.
pub(super) const FLAG_WORDS: &str = "true, false, yes, no, 1, 0";

/// The known numbers of PowerSchool's `Enroll_Status`, for messages.
pub(super) const ENROLL_STATUS_WORDS: &str =
    "0 (active), -1 (pre-registered), 1 (inactive), 2 (transferred out), 3 (graduated), 4 (historical)";

/// What the status of an enrollment wants.
pub(super) fn wanted(word: &str) -> Option<Wanted> {
    match key(word).as_str() {
        "active" | "enrolled" | "registered" | "current" => Some(Wanted::Enrolled),
        "deleted"
        | "deletedlastcompleted"
        | "tobedeleted"
        | "inactive"
        | "completed"
        | "concluded"
        | "dropped"
        | "withdrawn"
        | "removed"
        | "rejected"
        | "suspended"
        | "transferred"
        | "graduated" => Some(Wanted::NotEnrolled),
        _ => None,
    }
}

/// What the status of a person says. Aspen (X2) has 47 words for it, such as `SummerWithdrawal-20`: the season and the
/// number of the reason do not matter here.
pub(super) fn person(word: &str) -> Option<Standing> {
    let key = key(word);
    match key.as_str() {
        "active" | "enrolled" | "registered" | "current" => return Some(Standing::Active),
        "deleted" | "tobedeleted" | "removed" => return Some(Standing::Deleted),
        _ => {}
    }
    let word = key.strip_prefix("summer").unwrap_or(&key);
    match word.trim_end_matches(|character: char| character.is_ascii_digit()) {
        "inactive" | "suspended" | "disabled" | "archived" | "completed" | "transferred"
        | "transferredout" | "graduate" | "graduated" | "withdrawal" | "withdrawn" | "dropout"
        | "dropped" | "notattending" | "excluded" | "attainment" | "achievement" | "certificate"
        | "services" | "maxage" | "deceased" | "prereg" | "preregnew" | "preregistered" => {
            Some(Standing::Inactive)
        }
        _ => None,
    }
}

/// What the status of a course says.
pub(super) fn course(word: &str) -> Option<Standing> {
    match key(word).as_str() {
        "active" | "published" | "unpublished" | "available" => Some(Standing::Active),
        "completed" | "concluded" | "inactive" | "archived" => Some(Standing::Inactive),
        "deleted" | "tobedeleted" | "removed" => Some(Standing::Deleted),
        _ => None,
    }
}

/// What PowerSchool's `Enroll_Status` says.
pub(super) fn enroll_status(number: &str) -> Option<Standing> {
    match number {
        "0" => Some(Standing::Active),
        "-1" | "1" | "2" | "3" | "4" => Some(Standing::Inactive),
        _ => None,
    }
}

/// Yes or no.
pub(super) fn flag(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" | "t" | "y" => Some(true),
        "false" | "no" | "0" | "f" | "n" => Some(false),
        _ => None,
    }
}

/// Whether a role is that of a student. Every other role, known or not, is that of somebody else.
pub(super) fn is_student(role: &str) -> bool {
    // 1 is a student in Moodle's `type1`; 2 and 3 are teachers.
    ["student", "learner", "pupil", "studentenrollment", "1"].contains(&key(role).as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_words_of_aspen_are_known() {
        const INACTIVE: &str = "Graduate Withdrawal-24 SummerWithdrawal-20 Withdrawal Not-Attending DropOut DropOut-36 \
             SummerDropOut-36 SummerGraduate SummerWithdrawal Excluded Attainment PreRegNew SummerAchievement Achievement \
             Services-41 SummerMaxAge MaxAge SummerAttainment SummerDeceased Deceased SummerExcluded Certificate SummerDropOut";
        for word in INACTIVE.split_whitespace() {
            assert_eq!(person(word), Some(Standing::Inactive), "{word}");
        }
        assert_eq!(person("not attending"), Some(Standing::Inactive));
        assert_eq!(person("Active"), Some(Standing::Active));
        assert_eq!(person("semi-active"), None);
    }

    #[test]
    fn every_word_that_a_message_names_is_known() {
        for word in ENROLLMENT_WORDS.split(", ") {
            assert!(wanted(word).is_some(), "{word}");
        }
        for word in PERSON_WORDS.split(", ") {
            assert!(person(word).is_some(), "{word}");
        }
        for word in COURSE_WORDS.split(", ") {
            assert!(course(word).is_some(), "{word}");
        }
        for word in FLAG_WORDS.split(", ") {
            assert!(flag(word).is_some(), "{word}");
        }
        for word in ENROLL_STATUS_WORDS.split(", ") {
            assert!(enroll_status(word.split(' ').next().unwrap()).is_some(), "{word}");
        }
    }
}
