//! Reads PostgreSQL's catalog. Names are resolved along `search_path`, as in a statement.

use crate::db::catalog::{Column, Index, Name, Reference, Referrer, Rights, Rule, Table};
use crate::db::{Arg, DbError, Row, Tx};

pub(in crate::db) const COMPUTED_COLUMNS: &str = "select cast(attname as text) from pg_attribute \
    where attrelid = to_regclass($1) and attnum > 0 and not attisdropped and attgenerated <> ''";
pub(in crate::db) const PLAIN_COLUMNS: &str = "select cast(attname as text), format_type(atttypid, atttypmod) \
    from pg_attribute where attrelid = to_regclass($1) and attnum > 0 and not attisdropped \
    and attgenerated = '' and attidentity <> 'a' order by attnum";

pub(in crate::db) const TYPED_COLUMNS: &str = "select cast(attname as text), format_type(atttypid, atttypmod), \
    cast(case when attgenerated <> '' then 1 else 0 end as bigint) \
    from pg_attribute where attrelid = to_regclass($1) and attnum > 0 and not attisdropped";

/// Reasons why no table can be created at all.
///
/// # Errors
/// When the catalog cannot be read.
pub(in crate::db) async fn obstacles(tx: &Tx<'_>) -> Result<Vec<Rule>, DbError> {
    tx.query(
        "select case when current_schema() is null then 'search_path names no existing schema: ' ||
            current_setting('search_path')
        else 'the role ' || quote_ident(current_user) || ' may not create tables in the schema ' || current_schema() end,
        'grant create on schema ' || quote_ident(current_schema()) || ' to ' || quote_ident(current_user) || ';'
        where current_schema() is null or not has_schema_privilege(current_schema(), 'create')",
        &[],
        rule,
    )
    .await
}

/// The table or view that this name refers to.
///
/// # Errors
/// When the catalog cannot be read.
pub(in crate::db) async fn table(tx: &Tx<'_>, name: &str) -> Result<Option<Table>, DbError> {
    let found = tx
        .query(
            "select cast(c.oid as bigint),
            case when c.relpersistence = 't' then 'temporary table' when c.relkind = 'v' then 'view'
                when c.relkind = 'm' then 'materialized view' when c.relkind = 'f' then 'foreign table'
                when c.relkind not in ('r', 'p') then 'name of something else'
                when c.relpersistence = 'u' then 'table that is not logged'
                when c.relkind = 'r' and exists (select 1 from pg_inherits where inhparent = c.oid)
                then 'table that others inherit from' else 'table' end,
            case when n.nspname <> current_schema() then cast(n.nspname as text) end,
            quote_ident(current_user),
            (select coalesce(bool_and(has_column_privilege(c.oid, attnum, 'select')), true) from pg_attribute
                where attrelid = c.oid and not attisdropped
                and attname in ('id', 'name', 'email', 'level', 'student_id', 'course_id')),
            (select coalesce(bool_and(has_column_privilege(c.oid, attnum, 'references')), true) from pg_attribute
                where attrelid = c.oid and not attisdropped and attname = 'id'),
            has_any_column_privilege(c.oid, 'insert'), pg_has_role(c.relowner, 'usage')
            from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = to_regclass($1)",
            &[name.into()],
            |row: &Row<'_>| {
                let table = Table {
                    kind: row.text(1)?,
                    elsewhere: row.opt_text(2)?,
                    strict: true,
                    rights: Rights {
                        role: row.text(3)?,
                        read: row.int(4)? != 0,
                        refer: row.int(5)? != 0,
                        add: row.int(6)? != 0,
                        own: row.int(7)? != 0,
                    },
                    ..Table::default()
                };
                Ok((row.int(0)?, table))
            },
        )
        .await?;
    let Some((oid, table)) = found.into_iter().next() else {
        return Ok(None);
    };
    if table.kind != "table" {
        return Ok(Some(table));
    }
    let args = [oid.into(), name.into()];
    Ok(Some(Table {
        columns: columns(tx, &args[..1]).await?,
        indexes: indexes(tx, &args).await?,
        references: references(tx, &args).await?,
        referrers: referrers(tx, &args[..1]).await?,
        triggers: triggers(tx, &args).await?,
        rules: rules(tx, &args).await?,
        restores: restore_statements(tx, &args).await?,
        remarks: remarks(tx, &args[..1]).await?,
        ..table
    }))
}

async fn remarks(tx: &Tx<'_>, args: &[Arg]) -> Result<Vec<String>, DbError> {
    let sql = "select 'its foreign keys are checked at once, not at the commit' where exists \
               (select 1 from pg_constraint where conrelid = cast(cast($1 as bigint) as oid) and contype = 'f' \
               and condeferrable)";
    tx.query(sql, args, |row| row.text(0)).await
}

/// Every name that is taken in the schema of new tables.
///
/// # Errors
/// When the catalog cannot be read.
pub(in crate::db) async fn names(tx: &Tx<'_>) -> Result<Vec<Name>, DbError> {
    tx.query(
        "select cast(c.relname as text), case c.relkind when 'v' then 'view' when 'm' then 'materialized view'
            when 'f' then 'foreign table' when 'S' then 'sequence' when 'i' then 'index' when 'I' then 'index'
            when 'c' then 'type' else 'table' end, cast(coalesce(t.relname, c.relname) as text)
        from pg_class c left join pg_index i on i.indexrelid = c.oid left join pg_class t on t.oid = i.indrelid
        where c.relnamespace = (select oid from pg_namespace where nspname = current_schema())
        union all
        select cast(typname as text), 'type', '' from pg_type
        where typrelid = 0 and typelem = 0
        and typnamespace = (select oid from pg_namespace where nspname = current_schema())
        order by 1",
        &[],
        |row: &Row<'_>| {
            let (name, kind) = (row.text(0)?, row.text(1)?);
            let undo = format!("alter {kind} {name} rename to {name}_before;");
            Ok(Name { name, kind, table: row.text(2)?, undo })
        },
    )
    .await
}

/// The highest key that a table's own sequence has ever assigned.
///
/// # Errors
/// When the catalog cannot be read.
pub(in crate::db) async fn last_assigned_id(tx: &Tx<'_>, table: &str) -> Result<Option<i64>, DbError> {
    let sql = "select pg_sequence_last_value(to_regclass(pg_get_serial_sequence($1, 'id')))";
    Ok(tx.query(sql, &[table.into()], |row: &Row<'_>| row.opt_int(0)).await?.into_iter().flatten().next())
}

pub(super) async fn columns(tx: &Tx<'_>, args: &[Arg]) -> Result<Vec<Column>, DbError> {
    tx.query(
        "select cast(a.attname as text),
        format_type(a.atttypid, a.atttypmod) || case when a.attcollation <> t.typcollation
            then ' collate ' || cast(cast(a.attcollation as regcollation) as text) else '' end,
        coalesce(nullif(t.typbasetype, 0), t.oid) in ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype),
        a.attnotnull,
        case when a.attgenerated = '' and pg_get_expr(d.adbin, d.adrelid) not like 'NULL::%'
            then pg_get_expr(d.adbin, d.adrelid) end,
        coalesce(array_position(cast(k.indkey as smallint[]), a.attnum) + 1, 0),
        a.attidentity <> '' or coalesce(pg_get_expr(d.adbin, d.adrelid) like 'nextval(%', false),
        a.attgenerated <> ''
        from pg_attribute a join pg_type t on t.oid = a.atttypid
        left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        left join pg_index k on k.indrelid = a.attrelid and k.indisprimary and k.indimmediate
        where a.attrelid = cast($1 as bigint) and a.attnum > 0 and not a.attisdropped order by a.attnum",
        args,
        |row: &Row<'_>| {
            Ok(Column {
                name: row.text(0)?,
                kind: row.text(1)?,
                is_integer: row.int(2)? != 0,
                required: row.int(3)? != 0,
                default: row.opt_text(4)?,
                key: row.int(5)?,
                numbers_itself: row.int(6)? != 0,
                generated: row.int(7)? != 0,
            })
        },
    )
    .await
}

pub(super) async fn indexes(tx: &Tx<'_>, args: &[Arg]) -> Result<Vec<Index>, DbError> {
    let parts = tx
        .query(
            "select cast(i.relname as text), x.indisunique and x.indimmediate and x.indisvalid,
            x.indpred is not null, cast(a.attname as text),
            case when c.oid is null then pg_get_indexdef(x.indexrelid) end,
            case when c.oid is null then 'drop index ' || quote_ident(i.relname) || ';'
            else 'alter table ' || $2 || ' drop constraint ' || quote_ident(c.conname) || ';' end
            from pg_index x join pg_class i on i.oid = x.indexrelid
            cross join generate_series(0, x.indnkeyatts - 1) n
            left join pg_attribute a on a.attrelid = x.indrelid and a.attnum = x.indkey[n]
            left join pg_constraint c on c.conindid = x.indexrelid and c.conrelid = x.indrelid
                and c.contype in ('p', 'u', 'x')
            where x.indrelid = cast($1 as bigint) order by i.relname, n",
            args,
            |row: &Row<'_>| {
                Ok(Index {
                    name: row.text(0)?,
                    unique: row.int(1)? != 0,
                    partial: row.int(2)? != 0,
                    columns: vec![row.opt_text(3)?],
                    definition: row.opt_text(4)?,
                    undo: row.text(5)?,
                })
            },
        )
        .await?;
    Ok(Index::merge_columns(parts))
}

pub(super) async fn references(tx: &Tx<'_>, args: &[Arg]) -> Result<Vec<Reference>, DbError> {
    tx.query(
        "select cast(a.attname as text), cast(cast(c.confrelid as regclass) as text), cast(o.attname as text),
        regexp_replace(substring(pg_get_constraintdef(c.oid) from 'REFERENCES .*'), ' NOT VALID$', ''),
        cardinality(c.conkey) > 1,
        'alter table ' || $2 || ' drop constraint ' || quote_ident(c.conname) || ';'
        from pg_constraint c cross join unnest(c.conkey) with ordinality k (attnum, place)
        join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.attnum
        join pg_attribute o on o.attrelid = c.confrelid and o.attnum = c.confkey[k.place]
        where c.conrelid = cast($1 as bigint) and c.contype = 'f' order by c.conname, k.place",
        args,
        |row: &Row<'_>| {
            Ok(Reference {
                column: row.text(0)?,
                table: row.text(1)?,
                target: row.opt_text(2)?,
                clause: row.text(3)?,
                composite: row.int(4)? != 0,
                undo: row.text(5)?,
            })
        },
    )
    .await
}

async fn referrers(tx: &Tx<'_>, args: &[Arg]) -> Result<Vec<Referrer>, DbError> {
    tx.query(
        "select cast(cast(c.conrelid as regclass) as text),
        case c.confdeltype when 'c' then 'cascade' when 'n' then 'set null' when 'd' then 'set default'
            when 'r' then 'restrict' else 'no action' end,
        'alter table ' || cast(cast(c.conrelid as regclass) as text) || ' drop constraint ' || quote_ident(c.conname) || ';'
        from pg_constraint c where c.confrelid = cast($1 as bigint) and c.contype = 'f' and c.conrelid <> c.confrelid
        and c.conparentid = 0 order by 1, 3",
        args,
        |row: &Row<'_>| Ok(Referrer { table: row.text(0)?, on_delete: row.text(1)?, undo: row.text(2)? }),
    )
    .await
}

async fn triggers(tx: &Tx<'_>, args: &[Arg]) -> Result<Vec<Rule>, DbError> {
    tx.query(
        "select cast(tgname as text), 'drop trigger ' || quote_ident(tgname) || ' on ' || $2 || ';'
        from pg_trigger where tgrelid = cast($1 as bigint) and not tgisinternal order by tgname",
        args,
        rule,
    )
    .await
}

/// What would be lost if the table were recreated from the other results.
async fn rules(tx: &Tx<'_>, args: &[Arg]) -> Result<Vec<Rule>, DbError> {
    let sql = "with found (oid, name) as (select cast(cast($1 as bigint) as oid), $2)
        select case c.contype when 'c' then 'its check ' when 'x' then 'its exclusion constraint '
            else 'its deferrable constraint ' end || c.conname,
            'alter table ' || name || ' drop constraint ' || quote_ident(c.conname) || ';'
        from found join pg_constraint c on c.conrelid = found.oid where c.contype in ('c', 'x')
            or c.condeferrable and c.contype <> 'f'
        union all
        select 'its computed column ' || a.attname,
            'alter table ' || name || ' alter column ' || quote_ident(a.attname) || ' drop expression;'
        from found join pg_attribute a on a.attrelid = found.oid where a.attgenerated <> '' and not a.attisdropped
        union all
        select 'the numbering of its column ' || a.attname,
            'alter table ' || name || ' alter column ' || quote_ident(a.attname) || ' drop identity;'
        from found join pg_attribute a on a.attrelid = found.oid
        where a.attidentity <> '' and a.attname <> 'id' and not a.attisdropped
        union all
        select 'the numbering of its column ' || a.attname,
            'alter sequence ' || cast(cast(d.objid as regclass) as text) || ' owned by none;'
        from found join pg_depend d on d.refobjid = found.oid and d.deptype = 'a' and d.refobjsubid > 0
            and d.refclassid = 'pg_class'::regclass and d.classid = 'pg_class'::regclass
        join pg_class s on s.oid = d.objid and s.relkind = 'S'
        join pg_attribute a on a.attrelid = found.oid and a.attnum = d.refobjsubid where a.attname <> 'id'
        union all
        select 'its row security', 'alter table ' || name || ' disable row level security;'
        from found join pg_class c on c.oid = found.oid where c.relrowsecurity
        union all
        select 'its partitions', null from found join pg_class c on c.oid = found.oid where c.relkind = 'p'
        union all
        select 'its place under ' || cast(cast(i.inhparent as regclass) as text),
            'alter table ' || name || ' no inherit ' || cast(cast(i.inhparent as regclass) as text) || ';'
        from found join pg_inherits i on i.inhrelid = found.oid
        union all
        select 'its rule ' || r.rulename, 'drop rule ' || quote_ident(r.rulename) || ' on ' || name || ';'
        from found join pg_rewrite r on r.ev_class = found.oid
        union all
        select 'its place in the publication ' || p.pubname,
            'alter publication ' || quote_ident(p.pubname) || ' drop table ' || name || ';'
        from found join pg_publication_rel r on r.prrelid = found.oid join pg_publication p on p.oid = r.prpubid
        union all
        select distinct 'what depends on it, the ' || case when r.oid is null
            then pg_describe_object(d.classid, d.objid, d.objsubid)
            else pg_describe_object('pg_class'::regclass, r.ev_class, 0) end || ',', null
        from found join pg_class t on t.oid = found.oid
        join pg_depend d on d.deptype = 'n' and (d.refclassid, d.refobjid) in
            (('pg_class'::regclass, t.oid), ('pg_type'::regclass, t.reltype))
        left join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
        left join pg_constraint c on d.classid = 'pg_constraint'::regclass and c.oid = d.objid
        left join pg_attrdef a on d.classid = 'pg_attrdef'::regclass and a.oid = d.objid
        where coalesce(r.ev_class, c.conrelid, a.adrelid, 0) <> found.oid and d.classid <> 'pg_policy'::regclass
        and coalesce(c.contype, ' ') <> 'f'
        order by 1";
    tx.query(sql, args, rule).await
}

async fn restore_statements(tx: &Tx<'_>, args: &[Arg]) -> Result<Vec<String>, DbError> {
    let sql = "with found (oid, name) as (select cast(cast($1 as bigint) as oid), $2)
        select 1, 'grant ' || lower(g.privilege_type) || ' on ' || name || ' to '
            || case when g.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(g.grantee)) end
            || case when g.is_grantable then ' with grant option;' else ';' end
        from found join pg_class c on c.oid = found.oid cross join aclexplode(c.relacl) g
        where g.grantee <> c.relowner
        union all
        select 2, 'grant ' || lower(g.privilege_type) || ' (' || quote_ident(a.attname) || ') on ' || name || ' to '
            || case when g.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(g.grantee)) end
            || case when g.is_grantable then ' with grant option;' else ';' end
        from found join pg_class c on c.oid = found.oid
        join pg_attribute a on a.attrelid = found.oid and not a.attisdropped cross join aclexplode(a.attacl) g
        where g.grantee <> c.relowner
        union all
        select 3, 'comment on ' || case when d.objsubid = 0 then 'table ' || name
            else 'column ' || name || '.' || quote_ident(a.attname) end || ' is ' || quote_literal(d.description) || ';'
        from found join pg_description d on d.objoid = found.oid and d.classoid = 'pg_class'::regclass
        left join pg_attribute a on a.attrelid = found.oid and a.attnum = d.objsubid
        union all
        select 4, 'alter table ' || name || ' owner to ' || quote_ident(pg_get_userbyid(c.relowner)) || ';'
        from found join pg_class c on c.oid = found.oid where pg_get_userbyid(c.relowner) <> current_user
        order by 1, 2";
    tx.query(sql, args, |row: &Row<'_>| row.text(1)).await
}

fn rule(row: &Row<'_>) -> Result<Rule, DbError> {
    Ok(Rule { what: row.text(0)?, undo: row.opt_text(1)? })
}
