//! The schemas of `schemas.json`, and databases made from them: structural facts of public programs, with made-up rows.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::school::Database;

/// An entry of `schemas.json`.
pub(crate) struct Case(Value);

/// All entries for one engine, `sqlite` or `postgres`.
pub(crate) fn cases(engine: &str) -> Vec<Case> {
    let all: Value = serde_json::from_str(include_str!("schemas.json")).unwrap();
    let entries = ["wild", "family"].into_iter().flat_map(|group| list(&all[group]));
    entries.filter(|entry| entry["engine"] == engine).map(|entry| Case(entry.clone())).collect()
}

impl Case {
    pub(crate) fn key(&self) -> &str {
        text(&self.0["key"])
    }

    /// `in`, or why it cannot be adopted whole.
    pub(crate) fn scope(&self) -> &str {
        text(&self.0["scope"])
    }

    /// A table of `students`, `courses` or `enrollments`, if the database has one.
    pub(crate) fn part(&self, part: &str) -> Option<&Value> {
        self.0["parts"].get(part)
    }

    /// The rows that have to appear, as text.
    pub(crate) fn expected(&self, part: &str) -> Vec<String> {
        let expected = &self.0["expect"][part];
        let mut rows: Vec<_> = match expected {
            Value::Object(names) => {
                names.iter().map(|(id, name)| format!("{id}|{}", name.as_str().unwrap_or_default())).collect()
            }
            pairs => list(pairs).map(|pair| format!("{}|{}", pair[0], pair[1])).collect(),
        };
        rows.sort();
        rows
    }

    pub(crate) fn columns(&self, table: &str) -> Vec<&str> {
        let found = list(&self.0["tables"]).find(|found| found["name"] == table);
        found
            .map(|found| list(&found["columns"]).map(|column| text(&column["name"])).collect())
            .unwrap_or_default()
    }

    /// The names of all tables.
    pub(crate) fn tables(&self) -> Vec<&str> {
        list(&self.0["tables"]).map(|table| text(&table["name"])).collect()
    }

    /// The rows of a table, and in a file its definition.
    pub(crate) fn content(&self, database: &Database, table: &str) -> Vec<String> {
        let other = database.other_program();
        let columns: Vec<_> = self
            .columns(table)
            .iter()
            .map(|column| format!("coalesce(cast(\"{column}\" as text), 'null')"))
            .collect();
        let rows = format!("select {} from \"{table}\" order by 1", columns.join(" || '|' || "));
        let mut content = other.column(&rows);
        if !database.is_on_a_server() {
            content.extend(other.column(&format!(
                "select sql from sqlite_schema where tbl_name = '{table}' and sql is not null order by name"
            )));
        }
        content
    }

    /// Makes the tables and rows.
    pub(crate) fn make(&self, database: &Database) {
        let sql = self.statements(database.is_on_a_server()).join("\n");
        database
            .other_program()
            .execute_batch(&sql)
            .unwrap_or_else(|error| panic!("{}: {error}", self.key()));
    }

    fn statements(&self, is_server: bool) -> Vec<String> {
        let mut statements = Vec::new();
        for kind in list(&self.0["enums"]) {
            let values: Vec<_> = list(&kind["values"]).map(literal).collect();
            statements.push(format!(
                "create type {} as enum ({});",
                quoted(&kind["name"]),
                values.join(", ")
            ));
        }
        let mut later = Vec::new();
        for table in list(&self.0["tables"]) {
            statements.extend(create(table, is_server, &mut later));
        }
        for (table, rows) in self.0["rows"].as_object().unwrap() {
            statements.extend(list(rows).map(|row| insert(table, row.as_object().unwrap(), is_server)));
        }
        statements.extend(later);
        statements
    }
}

fn create(table: &Value, is_server: bool, later: &mut Vec<String>) -> Vec<String> {
    let mut key = BTreeMap::new();
    for column in list(&table["columns"]) {
        key.extend(
            column["pk"].as_i64().filter(|place| *place > 0).map(|place| (place, quoted(&column["name"]))),
        );
    }
    let key = key.into_values().collect::<Vec<_>>().join(", ");
    let numbers_itself = table["autoincrement"] == true;
    let mut parts: Vec<_> = list(&table["columns"])
        .map(|column| {
            let is_key = numbers_itself && quoted(&column["name"]) == key;
            define(column, is_key, is_server)
        })
        .collect();
    if !key.is_empty() && !numbers_itself {
        parts.push(format!("primary key ({key})"));
    }
    parts.extend(list(&table["unique"]).map(|columns| format!("unique ({})", all_quoted(columns))));
    for foreign in list(&table["foreign_keys"]) {
        let reference = refers(foreign);
        if is_server {
            later.push(format!("alter table {} add {reference};", quoted(&table["name"])));
        } else {
            parts.push(reference);
        }
    }
    let without = if table["without_rowid"] == true { " without rowid" } else { "" };
    let name = quoted(&table["name"]);
    let created = format!("create table {name} ({}){without};", parts.join(", "));
    let indexes = list(&table["indexes"]).map(|index| {
        let unique = if index["unique"] == true { "unique " } else { "" };
        format!(
            "create {unique}index {} on {name} ({});",
            quoted(&index["name"]),
            all_quoted(&index["columns"])
        )
    });
    [created].into_iter().chain(indexes).collect()
}

fn define(column: &Value, is_key: bool, is_server: bool) -> String {
    let numbered = match (column["serial"] == true, text(&column["type"])) {
        (true, "bigint") => "bigserial",
        (true, _) => "serial",
        (false, kind) => kind,
    };
    let identity = column["identity"].as_str().map(|kind| match kind {
        "a" => "generated always as identity",
        _ => "generated by default as identity",
    });
    let generated = column["generated"].as_str();
    let default = column.get("default").filter(|default| !default.is_null());
    let default = default.map(|default| default.as_str().map_or_else(|| default.to_string(), str::to_owned));
    let parts = [
        Some(quoted(&column["name"])),
        Some(numbered.to_owned()).filter(|kind| !kind.is_empty()),
        identity.map(str::to_owned),
        generated.map(|expression| format!("generated always as ({expression}) stored")),
        is_key.then(|| "primary key autoincrement".to_owned()),
        (column["not_null"] == true).then(|| "not null".to_owned()),
        default.map(|sql| if is_server { format!("default {sql}") } else { format!("default ({sql})") }),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn refers(foreign: &Value) -> String {
    let refs = Some(all_quoted(&foreign["refs"])).filter(|refs| !refs.is_empty());
    let action = |key: &str, words: &str| foreign[key].as_str().map(|action| format!("{words} {action}"));
    let parts = [
        Some(format!(
            "foreign key ({}) references {}",
            all_quoted(&foreign["columns"]),
            quoted(&foreign["table"])
        )),
        refs.map(|refs| format!("({refs})")),
        action("on_delete", "on delete"),
        action("on_update", "on update"),
        (foreign["deferred"] == true).then(|| "deferrable initially deferred".to_owned()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn insert(table: &str, row: &serde_json::Map<String, Value>, is_server: bool) -> String {
    let table = quoted(&table.into());
    if row.is_empty() {
        return format!("insert into {table} default values;");
    }
    let columns: Vec<_> = row.keys().map(|name| quoted(&name.as_str().into())).collect();
    let values: Vec<_> = row.values().map(literal).collect();
    // For columns that are always numbered; others accept it too.
    let overriding = if is_server { " overriding system value" } else { "" };
    format!("insert into {table} ({}){overriding} values ({});", columns.join(", "), values.join(", "))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn quoted(name: &Value) -> String {
    format!("\"{}\"", text(name).replace('"', "\"\""))
}

fn all_quoted(names: &Value) -> String {
    list(names).map(quoted).collect::<Vec<_>>().join(", ")
}

fn literal(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::String(text) => format!("'{}'", text.replace('\'', "''")),
        other => other.to_string(),
    }
}
