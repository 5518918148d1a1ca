use super::error::MigrateErrorReason;
use super::problem::{AdoptionProblem, AdoptionProblems};
use super::{columns, nodes, recognize, store};
use crate::clock::Clock;
use crate::db::catalog::{self, Name, Rule, Table};
use crate::db::migrate::{self, MigrationHistory, Pending};
use crate::db::{DbError, Tx};

/// The tables that the service needs, with their text columns.
const SERVED: [(&str, [&str; 2]); 2] = [("students", ["name", "email"]), ("courses", ["name", "level"])];

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
}

impl Plan {
    /// Inspects the database and decides. If no migration is pending, only the history is read.
    pub(super) async fn new(tx: &Tx<'_>, clock: &Clock) -> Result<Self, MigrateErrorReason> {
        let MigrationHistory { is_new, pending } = migrate::history(tx).await?;
        let mut plan = Self { migrations: pending, ..Self::default() };
        let mut problems = Vec::new();
        if plan.migrations.is_empty() {
            return Ok(plan);
        }
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
            let mut served = Vec::new();
            for (name, texts) in SERVED {
                let table = catalog::table(tx, name).await?;
                problems.extend(plan.served(tx, name, texts, table.as_ref()).await?);
                if table.is_some() {
                    plan.leave_out(name);
                }
                served.push((name, table));
            }
            // Checked only now, since tables that exist are not created.
            problems.extend(taken_names(tx, &plan.migrations, is_new).await?);
            if let Some(table) = catalog::table(tx, "student_courses").await? {
                problems.extend(plan.association(tx, &table, &served, clock).await?);
            }
        } else {
            problems.extend(taken_names(tx, &plan.migrations, is_new).await?);
        }
        if problems.is_empty() { Ok(plan) } else { Err(AdoptionProblems(problems).into()) }
    }

    /// The last check before the commit: no foreign key of our tables refers to a missing row.
    pub(super) async fn verify(&self, tx: &Tx<'_>) -> Result<(), MigrateErrorReason> {
        let created = self.migrations.iter().flat_map(Pending::creates);
        for (_, name) in created.filter(|(kind, _)| *kind == "table") {
            if let Some(problem) = broken_references(tx, name).await? {
                return Err(AdoptionProblems(vec![problem]).into());
            }
        }
        Ok(())
    }

    /// Skips creating a table that exists.
    fn leave_out(&mut self, table: &str) {
        let creates = |migration: &Pending| migration.creates().any(|created| created == ("table", table));
        if let Some(migration) = self.migrations.iter_mut().find(|migration| creates(migration)) {
            migration.sql.clear();
        }
    }

    async fn served(
        &mut self,
        tx: &Tx<'_>,
        name: &str,
        texts: [&str; 2],
        table: Option<&Table>,
    ) -> Result<Vec<AdoptionProblem>, DbError> {
        let Some(table) = table else {
            self.found.push(format!("{name}: missing, will be created"));
            return Ok(Vec::new());
        };
        let number_rows = |table: &str| catalog::number_rows(tx, table);
        let mut problems = recognize::check_served_table(name, texts, table, number_rows);
        if columns::may_hold_ids(table, "id") {
            problems.extend(store::unusable_ids(tx, name).await?);
        }
        if problems.is_empty() {
            let extra = columns::extra_columns(table, &["id", texts[0], texts[1]]);
            let rows = store::count(tx, name).await?;
            self.found.push(format!("{name}: found, {}, will not be changed", content(rows, &extra)));
            self.found.extend(recognize::remarks(name, texts, table));
        }
        Ok(problems)
    }

    async fn association(
        &mut self,
        tx: &Tx<'_>,
        table: &Table,
        served: &[(&str, Option<Table>)],
        clock: &Clock,
    ) -> Result<Vec<AdoptionProblem>, DbError> {
        let mut problems = recognize::check_association(table, |table| catalog::number_rows(tx, table));
        if ["id", "student_id", "course_id"].iter().all(|name| columns::may_hold_ids(table, name)) {
            problems.extend(store::unusable_rows(tx, served).await?);
        }
        let extra = columns::to_carry(table);
        if problems.is_empty() && !extra.is_empty() {
            problems.extend(broken_references(tx, "student_courses").await?);
        }
        if problems.is_empty() {
            self.adopted = store::count(tx, "student_courses").await?;
            self.found.push(format!(
                "student_courses: found, {}, will be adopted with the current time as the time of enrollment",
                content(self.adopted, &extra)
            ));
            self.found.extend(extra.iter().filter(|column| columns::needs_value(column)).map(|column| {
                format!("student_courses.{} becomes optional: matricula does not set it", column.name)
            }));
            self.before = store::copy_found();
            self.after = store::adopt_rows(tx, table, self.adopted, &clock.stamp()).await?;
        }
        Ok(problems)
    }
}

async fn broken_references(tx: &Tx<'_>, table: &str) -> Result<Option<AdoptionProblem>, DbError> {
    let (rows, total) = catalog::broken_references(tx, table, store::MAX_SHOWN).await?;
    let what = format!("{table} has rows that refer to rows that do not exist:");
    Ok((total > 0).then(|| AdoptionProblem { rows, total, ..AdoptionProblem::new(what) }))
}

fn content(rows: i64, extra: &[&catalog::Column]) -> String {
    let names: Vec<&str> = extra.iter().map(|column| column.name.as_str()).collect();
    let rows = if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") };
    if names.is_empty() { rows } else { format!("{rows}, extra columns {}", names.join(", ")) }
}

/// Names that a migration needs but that something else has.
async fn taken_names(
    tx: &Tx<'_>,
    pending: &[Pending],
    is_new: bool,
) -> Result<Vec<AdoptionProblem>, DbError> {
    let created = pending.iter().flat_map(Pending::creates).map(|(_, name)| name);
    let wanted: Vec<&str> = created.chain([store::FOUND_COPY]).collect();
    let taken = catalog::names(tx).await?.into_iter().filter(|taken| {
        // Indexes of an existing student_courses are dropped with it when it is adopted.
        wanted.contains(&taken.name.as_str()) && !(is_new && taken.table == "student_courses")
    });
    let problem = |Name { name, kind, undo, .. }| {
        AdoptionProblem::new(format!("the name {name} is taken: there is another {kind} with that name"))
            .with_remedy(undo)
    };
    Ok(taken.map(problem).collect())
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
