//! Reads and writes the ids of the outside world: numbers of students and codes of courses.

use super::effects::Effects;
use super::orphans::Orphans;
use super::rows::sets;
use crate::db::{Arg, DbError, Insert, Row, Tx, Write};
use crate::mapping::SchoolTables;
use crate::registrar::facts::Facts;
use crate::registrar::needs::Needs;
use crate::registrar::record::{Course, CourseId, Student, StudentId};
use crate::registrar::records::Record as _;

const HOLDERS_OF_NUMBER: &str = "select n.student_id, case when exists (select 1 from students s where s.id = n.student_id) then 1 else 0 end \
    from matricula_student_numbers n where n.number = cast($1 as text) and cast(n.number as text) collate \"C\" = cast($1 as text)";

const HOLDERS_OF_CODE: &str = "select n.course_id, case when exists (select 1 from courses c where c.id = n.course_id) then 1 else 0 end \
    from matricula_course_codes n where n.code = cast($1 as text) and cast(n.code as text) collate \"C\" = cast($1 as text)";

/// Loads who has the numbers and codes that the commands want to give. A record that another program deleted without
/// enforcing foreign keys holds none; it is added to the orphans.
pub(super) async fn load_external_ids(
    tx: &Tx<'_>,
    needs: &Needs,
    facts: &mut Facts,
    orphans: &mut Orphans,
) -> Result<(), DbError> {
    let asked = |external_id: &String| vec![external_id.as_str().into()];
    let (numbers, codes): (Vec<Vec<Arg>>, Vec<Vec<Arg>>) =
        (needs.numbers.iter().map(asked).collect(), needs.codes.iter().map(asked).collect());
    let holder = |row: &Row<'_>| Ok((row.int(0)?, row.int(1)? > 0));
    let of_numbers = tx.query_many(HOLDERS_OF_NUMBER, &numbers, holder).await?;
    let of_codes = tx.query_many(HOLDERS_OF_CODE, &codes, holder).await?;
    for (number, found) in needs.numbers.iter().zip(of_numbers) {
        let (holders, gone): (Vec<_>, Vec<_>) = found.into_iter().partition(|(_, exists)| *exists);
        facts.numbers.insert(number.clone(), holders.into_iter().map(|(id, _)| id.into()).collect());
        orphans.students.extend(gone.into_iter().map(|(id, _)| StudentId(id)));
    }
    for (code, found) in needs.codes.iter().zip(of_codes) {
        let (holders, gone): (Vec<_>, Vec<_>) = found.into_iter().partition(|(_, exists)| *exists);
        facts.codes.insert(code.clone(), holders.into_iter().map(|(id, _)| id.into()).collect());
        orphans.courses.extend(gone.into_iter().map(|(id, _)| CourseId(id)));
    }
    Ok(())
}

const INTO_NUMBERS: Insert =
    Insert { table: "matricula_student_numbers", columns: &["student_id", "number"] };
const INTO_CODES: Insert = Insert { table: "matricula_course_codes", columns: &["course_id", "code"] };

/// Writes the numbers and codes of a school that has no columns of its own for them.
pub(super) async fn write_external_ids(
    tx: &Tx<'_>,
    effects: &Effects<'_>,
    tables: &SchoolTables,
) -> Result<(), DbError> {
    let (mut no_numbers, mut numbers) = (Vec::new(), Vec::new());
    if !tables.students.has(Student::EXTERNAL_ID) {
        let new = effects.new_students.iter().filter_map(|new| Some((new.id, new.number.as_deref()?)));
        let changed = effects.numbers.iter().filter_map(|(id, number)| Some((*id, (*number)?)));
        numbers = new.chain(changed).map(|(id, number)| vec![id.0.into(), number.into()]).collect();
        no_numbers = sets(effects.numbers.keys());
    }
    let (mut no_codes, mut codes) = (Vec::new(), Vec::new());
    if !tables.courses.has(Course::EXTERNAL_ID) {
        let new = effects.new_courses.iter().filter_map(|new| Some((new.id, new.code.as_deref()?)));
        let changed = effects.codes.iter().filter_map(|(id, code)| Some((*id, (*code)?)));
        codes = new.chain(changed).map(|(id, code)| vec![id.0.into(), code.into()]).collect();
        no_codes = sets(effects.codes.keys());
    }
    if no_numbers.is_empty() && numbers.is_empty() && no_codes.is_empty() && codes.is_empty() {
        return Ok(());
    }
    // The deletes first: an id that one record gives up may go to another in the same batch.
    tx.write_in_order(&[
        Write::Delete("delete from matricula_student_numbers where student_id = $1", no_numbers),
        Write::Delete("delete from matricula_course_codes where course_id = $1", no_codes),
        Write::Insert(&INTO_NUMBERS, numbers),
        Write::Insert(&INTO_CODES, codes),
    ])
    .await?;
    Ok(())
}
