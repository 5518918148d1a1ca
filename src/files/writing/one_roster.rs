//! Values that OneRoster CSV 1.2 demands and our rows do not have.

use std::hash::Hasher as _;

use jiff::civil::Date;
use siphasher::sip128::{Hasher128 as _, SipHasher13};

/// The files of a set and their headings, in the order of the standard.
pub const FILES: [(&str, &str); 21] = [
    (
        "academicSessions",
        "sourcedId,status,dateLastModified,title,type,startDate,endDate,parentSourcedId,schoolYear",
    ),
    ("categories", ""),
    (
        "classes",
        "sourcedId,status,dateLastModified,title,grades,courseSourcedId,classCode,classType,location,schoolSourcedId,termSourcedIds,subjects,subjectCodes,periods",
    ),
    ("classResources", ""),
    (
        "courses",
        "sourcedId,status,dateLastModified,schoolYearSourcedId,title,courseCode,grades,orgSourcedId,subjects,subjectCodes",
    ),
    ("courseResources", ""),
    ("demographics", ""),
    (
        "enrollments",
        "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate",
    ),
    ("lineItemLearningObjectiveIds", ""),
    ("lineItems", ""),
    ("lineItemScoreScales", ""),
    ("orgs", "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId"),
    ("resources", ""),
    ("resultLearningObjectiveIds", ""),
    ("results", ""),
    ("resultScoreScales", ""),
    (
        "roles",
        "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId,userProfileSourcedId",
    ),
    ("scoreScales", ""),
    ("userProfiles", ""),
    ("userResources", ""),
    (
        "users",
        "sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,middleName,identifier,email,sms,phone,agentSourcedIds,grades,password,userMasterIdentifier,preferredGivenName,preferredMiddleName,preferredFamilyName,primaryOrgSourcedId,pronouns",
    ),
];

/// An id for a row that refers to rows with these ids: 32 characters, whatever their length, and the same in every
/// school.
#[must_use]
pub fn id_about(ids: &[&str]) -> String {
    let mut hasher = SipHasher13::new();
    for id in ids {
        hasher.write(id.as_bytes());
        hasher.write_u8(0xff);
    }
    let hash = hasher.finish128();
    format!("{:016x}{:016x}", hash.h1, hash.h2)
}

/// The text with blanks in place of line breaks, which no field may have, and other control characters.
#[must_use]
pub fn on_one_line(text: &str) -> String {
    text.replace(|character: char| character.is_control() || "\u{2028}\u{2029}".contains(character), " ")
}

/// Splits a name into the given and the family name at the last single blank; OneRoster needs both. A single name, or a
/// name with blanks that joining the two would not restore, gets `-` as its given name.
#[must_use]
pub fn given_and_family(name: &str) -> (&str, &str) {
    let parts = name.rsplit_once(' ').filter(|(given, family)| {
        let is_part = |part: &str| !part.is_empty() && part != "-";
        is_part(given) && is_part(family) && given.trim() == *given && family.trim() == *family
    });
    parts.unwrap_or(("-", name))
}

/// The first day of the school year (August to July) of a day, and that of the next one: the standard's `endDate` is the day
/// after the last.
#[must_use]
pub fn school_year(day: Date) -> (Date, Date) {
    let first = if day.month() < 8 { day.year() - 1 } else { day.year() };
    let on = |year, month, day| Date::new(year, month, day);
    (on(first, 8, 1).unwrap_or(Date::MIN), on(first + 1, 8, 1).unwrap_or(Date::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_about_rows_depends_on_where_one_id_ends() {
        assert_ne!(id_about(&["a", "bc"]), id_about(&["ab", "c"]));
    }

    #[test]
    fn a_name_comes_back_when_its_parts_are_put_together() {
        for (name, given, family) in [
            ("Zoë Martin", "Zoë", "Martin"),
            ("Ana de la Cruz", "Ana de la", "Cruz"),
            ("Madona", "-", "Madona"),
            ("Zoë  Martin", "-", "Zoë  Martin"),
            ("Zoë\u{a0} Martin", "-", "Zoë\u{a0} Martin"),
            ("Zoë\u{a0}Martin", "-", "Zoë\u{a0}Martin"),
            ("Zoë -", "-", "Zoë -"),
        ] {
            assert_eq!(given_and_family(name), (given, family));
        }
    }

    #[test]
    fn a_school_year_begins_in_august() {
        let date = jiff::civil::date;
        assert_eq!(school_year(date(2026, 7, 31)), (date(2025, 8, 1), date(2026, 8, 1)));
        assert_eq!(school_year(date(2026, 8, 1)), (date(2026, 8, 1), date(2027, 8, 1)));
    }
}
