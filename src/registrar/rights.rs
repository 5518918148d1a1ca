//! Rights, and the roles that have them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// Something that a caller may do. A token can be limited to some rights (scopes) of its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Right {
    /// Read courses, their seats, and how full they are.
    ReadCatalogue = 1,
    /// Read all students, their courses and their history.
    ReadStudents = 1 << 1,
    /// Read the rosters and waitlists of all courses.
    ReadRosters = 1 << 2,
    /// Read the event log.
    ReadEvents = 1 << 3,
    /// Add, change and delete students.
    WriteStudents = 1 << 4,
    /// Add, change and delete courses, and set their seats.
    WriteCourses = 1 << 5,
    /// Enroll any student and drop any student's courses.
    WriteEnrollments = 1 << 6,
    /// Read one's own record, courses and history.
    ReadOwnRecord = 1 << 7,
    /// Enroll oneself, by the rules.
    EnrollOneself = 1 << 8,
    /// Read the rosters and waitlists of the courses that one teaches.
    ReadOwnRosters = 1 << 9,
    /// Grant and revoke: accounts, roles, tokens.
    Administer = 1 << 10,
}

impl Right {
    /// All rights, in the order in which they are listed.
    pub const ALL: [Self; 11] = [
        Self::ReadCatalogue,
        Self::ReadStudents,
        Self::ReadRosters,
        Self::ReadEvents,
        Self::WriteStudents,
        Self::WriteCourses,
        Self::WriteEnrollments,
        Self::ReadOwnRecord,
        Self::EnrollOneself,
        Self::ReadOwnRosters,
        Self::Administer,
    ];

    /// The name of the scope.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadCatalogue => "catalogue:read",
            Self::ReadStudents => "students:read",
            Self::ReadRosters => "rosters:read",
            Self::ReadEvents => "events:read",
            Self::WriteStudents => "students:write",
            Self::WriteCourses => "courses:write",
            Self::WriteEnrollments => "enrollments:write",
            Self::ReadOwnRecord => "own-record:read",
            Self::EnrollOneself => "own-enrollments:write",
            Self::ReadOwnRosters => "own-rosters:read",
            Self::Administer => "admin",
        }
    }
}

/// A set of rights.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Rights(u16);

impl Rights {
    /// Every right.
    pub const ALL: Self = Self::of(&Right::ALL);
    /// No right.
    pub const NONE: Self = Self(0);

    /// The set of these rights.
    #[must_use]
    pub const fn of(rights: &[Right]) -> Self {
        let (mut bits, mut place) = (0, 0);
        while place < rights.len() {
            bits |= rights[place] as u16;
            place += 1;
        }
        Self(bits)
    }

    /// Whether the right is in the set.
    #[must_use]
    pub const fn has(self, right: Right) -> bool {
        self.0 & right as u16 != 0
    }

    /// Whether the sets have a right in common.
    #[must_use]
    pub const fn has_any(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// The rights with these names, separated by blanks, as they are stored. One of a newer version counts as none.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        let known =
            Right::ALL.into_iter().filter(|right| text.split_whitespace().any(|name| name == right.as_str()));
        Self::of(&known.collect::<Vec<_>>())
    }

    /// The rights that are in both sets.
    #[must_use]
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    /// The rights that are in one of the sets.
    #[must_use]
    pub const fn or(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// The set as a number. It may differ between versions of the program.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// The rights, in the order of [`Right::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Right> {
        Right::ALL.into_iter().filter(move |right| self.has(*right))
    }
}

impl fmt::Debug for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// Separated by blanks, as OAuth writes scopes (RFC 6749, 3.3).
impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Right::as_str).collect();
        f.write_str(&names.join(" "))
    }
}

impl Serialize for Rights {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Right::as_str))
    }
}

impl<'de> Deserialize<'de> for Rights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        names.join(" ").parse().map_err(serde::de::Error::custom)
    }
}

impl FromStr for Rights {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut rights = Self::NONE;
        for name in text.split_whitespace() {
            let right = Right::ALL.into_iter().find(|right| right.as_str() == name).ok_or_else(|| {
                let known: Vec<_> = Right::ALL.map(Right::as_str).into();
                format!("{name} is no scope; the scopes are {}", known.join(", "))
            })?;
            rights.0 |= right as u16;
        }
        if rights == Self::NONE { Err("must have at least one scope".to_owned()) } else { Ok(rights) }
    }
}

/// What an account or a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Everything a registrar may do, and accounts, roles and tokens.
    Admin,
    /// Everything in registration.
    Registrar,
    /// The rosters of the courses that they teach.
    Instructor,
    /// The catalogue, and themselves.
    Student,
}

impl Role {
    /// All roles, from the one with the most rights.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Registrar, Self::Instructor, Self::Student];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Registrar => "registrar",
            Self::Instructor => "instructor",
            Self::Student => "student",
        }
    }

    /// Its rights.
    #[must_use]
    pub const fn rights(self) -> Rights {
        use Right::{
            Administer, EnrollOneself, ReadCatalogue, ReadEvents, ReadOwnRecord, ReadOwnRosters, ReadRosters,
            ReadStudents, WriteCourses, WriteEnrollments, WriteStudents,
        };
        match self {
            Self::Admin => Rights::of(&[
                ReadCatalogue,
                ReadStudents,
                ReadRosters,
                ReadEvents,
                WriteStudents,
                WriteCourses,
                WriteEnrollments,
                Administer,
            ]),
            Self::Registrar => Rights::of(&[
                ReadCatalogue,
                ReadStudents,
                ReadRosters,
                ReadEvents,
                WriteStudents,
                WriteCourses,
                WriteEnrollments,
            ]),
            Self::Instructor => Rights::of(&[ReadCatalogue, ReadOwnRosters]),
            Self::Student => Rights::of(&[ReadCatalogue, ReadOwnRecord, EnrollOneself]),
        }
    }
}

impl ToSchema for Role {}

impl PartialSchema for Role {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(Self::ALL.map(Self::as_str))).into()
    }
}

impl ToSchema for Rights {}

impl PartialSchema for Rights {
    fn schema() -> RefOr<Schema> {
        let scope =
            ObjectBuilder::new().schema_type(Type::String).enum_values(Some(Right::ALL.map(Right::as_str)));
        ArrayBuilder::new().items(scope).into()
    }
}

impl Serialize for Role {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Role {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let role = Self::ALL.into_iter().find(|role| role.as_str() == text);
        role.ok_or_else(|| "must be admin, registrar, instructor or student".to_owned())
    }
}
