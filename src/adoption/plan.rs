use super::association::{self, Takeover};
use super::error::MigrateErrorReason;
use super::inspection::{OtherLink, linking_tables};
use super::problem::{AdoptionProblem, AdoptionProblems};
use super::school::{self, MappedTable};
use super::store::Referred;
use super::{columns, describe, nodes, recognize, store};
use crate::clock::{Clock, Stamp};
use crate::count::{counted, to_i64};
use crate::db::catalog::{self, Rule};
use crate::db::migrate::{self, MigrationHistory, Pending};
use crate::db::{DbError, Tx};
use crate::mapping::{self, COURSE_FIELDS, Mapping, RecordMapping, STUDENT_FIELDS, SchoolTables};

/// The tables that the service needs, with their text columns.
const SERVED: [(&str, [&str; 2]); 2] = [("students", STUDENT_FIELDS), ("courses", COURSE_FIELDS)];

/// How a database that matricula has not migrated yet is adopted.
#[derive(Clone, Debug, Default)]
pub struct MigrateOptions {
    /// Where its students, courses and enrollments are; `None` if they are in tables `students` and `courses`.
    pub mapping: Option<Mapping>,
    /// Whether to create a missing `students` or `courses`, empty, in a database that has other tables.
    pub new_school: bool,
    /// Called before each step of an adoption that takes a while.
    pub progress: Option<fn(&str)>,
}

/// The remark about a database that allows no triggers on our tables.
const NO_TRIGGERS: &str = "student_courses: Citus allows no triggers on distributed tables, so writes of other programs \
    cannot be logged: only matricula may write there";

/// The remark about a `student_courses` that another program has recreated since.
const NO_DEFAULTS: &str = "student_courses: another program has recreated it, so rows that other programs insert must \
    have an id and enrolled_at";

/// What a migration will do to a database; decided before anything is written.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) found: Vec<String>,
    pub(super) before: Vec<String>,
    pub(super) migrations: Vec<Pending>,
    pub(super) after: Vec<String>,
    pub(super) adopted: i64,
    /// The tables of the students and courses.
    pub(super) tables: SchoolTables,
    /// The mapping to store.
    pub(super) mapping: Option<Mapping>,
}

impl Plan {
    /// Inspects the database and decides. If no migration is pending, only the history and the mapping are read.
    pub(super) async fn new(
        tx: &Tx<'_>,
        clock: &Clock,
        options: &MigrateOptions,
    ) -> Result<Self, MigrateErrorReason> {
        let MigrationHistory { is_new, pending } = migrate::history(tx).await?;
        let mut plan = Self { migrations: pending, ..Self::default() };
        let mut problems = Vec::new();
        if migrate::creates_triggers(tx, &plan.migrations) {
            if !catalog::allows_triggers(tx, "student_courses").await? {
                migrate::leave_out_triggers(tx, &mut plan.migrations);
                plan.found.push(NO_TRIGGERS.to_owned());
            }
            if !is_new && !catalog::takes_defaults(tx).await? {
                plan.found.push(NO_DEFAULTS.to_owned());
            }
        }
        if is_new {
            problems.extend(match &options.mapping {
                Some(mapping) => plan.adopt_mapped(tx, mapping, &clock.stamp()).await?,
                None => plan.adopt_plain(tx, options.new_school, &clock.stamp()).await?,
            });
            plan.found.extend(links_left_out(tx, options.mapping.as_ref()).await?);
        } else {
            plan.tables = mapping::load_in(tx).await?;
            plan.refer_to_tables();
            if let Some(given) = &options.mapping {
                let rows = mapping::compare(tx, given).await?;
                let what = "it was migrated with another mapping, which cannot be changed:";
                let total = to_i64(rows.len());
                problems.extend((total > 0).then(|| AdoptionProblem {
                    rows,
                    total,
                    ..AdoptionProblem::new(what)
                }));
            }
            if !plan.migrations.is_empty() {
                problems.extend(describe::taken_names(tx, &plan.migrations, is_new).await?);
            }
        }
        if problems.is_empty() { Ok(plan) } else { Err(AdoptionProblems(problems).into()) }
    }

    /// The last check before the commit: no foreign key of our tables refers to a missing row.
    pub(super) async fn verify(&self, tx: &Tx<'_>) -> Result<(), MigrateErrorReason> {
        let created = self.migrations.iter().flat_map(Pending::creates);
        for (_, name) in created.filter(|(kind, _)| *kind == "table") {
            if let Some(problem) = describe::broken_references(tx, name).await? {
                return Err(AdoptionProblems(vec![problem]).into());
            }
        }
        Ok(())
    }

    /// Adopts tables named `students` and `courses`, and creates those that are missing.
    async fn adopt_plain(
        &mut self,
        tx: &Tx<'_>,
        new_school: bool,
        now: &Stamp,
    ) -> Result<Vec<AdoptionProblem>, DbError> {
        let mut problems = Vec::new();
        let mut referred = [Referred::Missing; 2];
        for ((name, texts), referred) in SERVED.into_iter().zip(&mut referred) {
            let (found, faults) = self.served(tx, name, texts).await?;
            *referred = found;
            problems.extend(faults);
        }
        if !new_school && referred.contains(&Referred::Missing) {
            problems.extend(describe::other_tables(tx).await?);
        }
        problems.extend(self.free_names(tx).await?);
        if let Some(table) = catalog::table(tx, "student_courses").await? {
            problems.extend(recognize::check_references(&table, "students", "courses"));
            let school = SchoolTables::default();
            let takeover = association::rebuild(tx, &table, referred, &school, None, now).await?;
            problems.extend(self.take(takeover));
        }
        Ok(problems)
    }

    /// Adopts the tables that a mapping names.
    async fn adopt_mapped(
        &mut self,
        tx: &Tx<'_>,
        mapping: &Mapping,
        now: &Stamp,
    ) -> Result<Vec<AdoptionProblem>, DbError> {
        let mut problems = Vec::new();
        if !catalog::can_create_views(tx).await? {
            problems.push(AdoptionProblem::new(
                "the role may not create temporary views in this database, through which a school with a mapping is \
                 read (grant temporary on database ...)",
            ));
        }
        let mut referred = [Referred::Usable; 2];
        let parts = [&mapping.students, &mapping.courses];
        for (((name, texts), part), referred) in SERVED.into_iter().zip(parts).zip(&mut referred) {
            let Some(part) = part else {
                let (found, faults) = self.served(tx, name, texts).await?;
                *referred = found;
                problems.extend(faults);
                continue;
            };
            self.leave_out(name);
            match school::mapped_table(tx, name, part).await? {
                Ok(found) => self.map(name, found),
                Err(found) => {
                    *referred = Referred::Refused;
                    problems.extend(found);
                }
            }
        }
        self.mapping = Some(mapping.clone());
        problems.extend(self.free_names(tx).await?);
        let association = catalog::table(tx, "student_courses").await?;
        let name_of = |part: &Option<RecordMapping>, name: &str| {
            part.as_ref().map_or_else(|| name.to_owned(), |part| part.table.clone())
        };
        let (students, courses) =
            (name_of(&mapping.students, "students"), name_of(&mapping.courses, "courses"));
        let school = self.tables.clone();
        match (&mapping.enrollments, association) {
            (Some(rows), Some(table)) if rows.table.eq_ignore_ascii_case("student_courses") => {
                problems.extend(recognize::check_references(&table, &students, &courses));
                let takeover = association::rebuild(tx, &table, referred, &school, Some(rows), now).await?;
                problems.extend(self.take(takeover));
            }
            (_, Some(_)) => problems.push(AdoptionProblem::new(
                "the name student_courses is taken: there is another table with that name, which the mapping does not \
                 name as [enrollments]",
            )),
            (Some(rows), None) => {
                let takeover = association::copy(tx, rows, referred, &school, now).await?;
                problems.extend(self.take(takeover));
            }
            (None, None) => {}
        }
        Ok(problems)
    }

    /// Uses the found table in place of ours with this name.
    fn map(&mut self, name: &str, found: MappedTable) {
        self.found.extend(found.found);
        if name == "students" {
            self.tables.students = found.table;
        } else {
            self.tables.courses = found.table;
        }
        self.refer_to_tables();
    }

    /// Lets the foreign keys of the migrations refer to the tables of this school.
    fn refer_to_tables(&mut self) {
        for (name, table) in [("students", &self.tables.students), ("courses", &self.tables.courses)] {
            let theirs = format!("references {} ({})", table.reference, table.key.quoted_id());
            for migration in &mut self.migrations {
                migration.sql = migration.sql.replace(&format!("references {name} (id)"), &theirs);
            }
        }
    }

    fn take(&mut self, takeover: Takeover) -> Vec<AdoptionProblem> {
        self.found.extend(takeover.found);
        self.before.extend(takeover.before);
        self.after.extend(takeover.after);
        self.after.extend(self.migrations.iter_mut().flat_map(Pending::take_indexes));
        self.adopted = takeover.rows;
        // Otherwise the other program could no longer delete students or courses as it does.
        for (cascades, table) in
            takeover.cascades.into_iter().zip([&self.tables.students, &self.tables.courses])
        {
            let key = format!("references {} ({})", table.reference, table.key.quoted_id());
            if let Some(migration) = creation(&mut self.migrations, "student_courses").filter(|_| cascades) {
                migration.sql = migration.sql.replace(&key, &format!("{key} on delete cascade"));
            }
        }
        takeover.problems
    }

    /// Skips creating a table that exists.
    fn leave_out(&mut self, table: &str) {
        if let Some(migration) = creation(&mut self.migrations, table) {
            migration.sql.clear();
        }
    }

    /// Gives our indexes other names where theirs are taken; problems for tables whose names are taken.
    async fn free_names(&mut self, tx: &Tx<'_>) -> Result<Vec<AdoptionProblem>, DbError> {
        let taken: Vec<_> = catalog::names(tx).await?.into_iter().map(|taken| taken.name).collect();
        for migration in &mut self.migrations {
            let indexes = migration
                .creates()
                .filter(|(kind, name)| *kind == "index" && taken.iter().any(|one| one == name));
            let indexes: Vec<_> = indexes.map(|(_, name)| name.to_owned()).collect();
            for name in indexes {
                let (ours, other) = (format!("index {name} on "), format!("index matricula_{name} on "));
                migration.sql = migration.sql.replace(&ours, &other);
            }
        }
        // Checked only now, since tables that exist are not created.
        describe::taken_names(tx, &self.migrations, true).await
    }

    /// Adopts the table with this name if it exists. Returns whether rows can refer to it, and its problems.
    async fn served(
        &mut self,
        tx: &Tx<'_>,
        name: &str,
        texts: [&str; 2],
    ) -> Result<(Referred, Vec<AdoptionProblem>), DbError> {
        let Some(table) = catalog::table(tx, name).await? else {
            self.found.push(format!("{name}: missing, will be created"));
            return Ok((Referred::Missing, Vec::new()));
        };
        self.leave_out(name);
        let mut problems = recognize::check_served_table(name, texts, &table);
        let may_hold_ids = columns::may_hold_ids(&table, "id");
        if may_hold_ids {
            problems.extend(store::unusable_ids(tx, name, name, "id").await?);
        }
        if problems.is_empty() {
            let extra = columns::extra_columns(&table, &["id", texts[0], texts[1]]);
            let rows = store::count(tx, name).await?;
            self.found
                .push(format!("{name}: found, {}, will not be changed", describe::content(rows, &extra)));
            self.found.extend(recognize::remarks(name, "id", &texts, &table));
        }
        Ok((if may_hold_ids { Referred::Usable } else { Referred::Refused }, problems))
    }
}

/// Returns the migration that creates this table.
fn creation<'m>(migrations: &'m mut [Pending], table: &str) -> Option<&'m mut Pending> {
    migrations.iter_mut().find(|migration| migration.creates().any(|created| created == ("table", table)))
}

/// Lines about tables that link students and courses, but whose rows are not taken over.
async fn links_left_out(tx: &Tx<'_>, mapping: Option<&Mapping>) -> Result<Vec<String>, DbError> {
    let rows = mapping.and_then(|mapping| mapping.enrollments.as_ref());
    let taken = rows.map_or("student_courses", |rows| &rows.table);
    let links = linking_tables(tx)
        .await?
        .into_iter()
        .filter(|link| link.rows > 0 && !link.table.eq_ignore_ascii_case(taken));
    let line = |OtherLink { table, rows }| {
        let rows = counted(rows, "row");
        format!(
            "{table}: {rows} not taken over, although the table links students and courses; a mapping can name it under [enrollments]"
        )
    };
    Ok(links.map(line).collect())
}

/// Checks that tables can be created at all, unless matricula has already migrated this database.
pub(super) async fn check_obstacles(tx: &Tx<'_>) -> Result<(), MigrateErrorReason> {
    nodes::check_single_node(tx).await?;
    if catalog::table(tx, migrate::HISTORY).await?.is_some() {
        return Ok(());
    }
    let obstacles = catalog::obstacles(tx).await?;
    if obstacles.is_empty() {
        return Ok(());
    }
    let problem = |Rule { what, undo }| AdoptionProblem { remedy: undo, ..AdoptionProblem::new(what) };
    Err(AdoptionProblems(obstacles.into_iter().map(problem).collect()).into())
}
