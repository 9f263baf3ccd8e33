//! The database at one snapshot, as DataFusion sees it: tables, and their names for information_schema.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, Session, TableProvider};
use datafusion::common::{Constraint, Constraints, Result, internal_err};
use datafusion::datasource::source::DataSourceExec;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use varve_table::{DEFAULT_SCHEMA, Index, RowSet, TableVersion, Version, View};
use vortex::session::VortexSession;

use crate::scan::{TableScan, visible_schema};

/// The catalogue that names without one are in.
pub(crate) const CATALOGUE: &str = "varve";

/// One version of a table.
pub(crate) struct StoredTable {
    version: Arc<TableVersion>,
    indexes: Arc<Vec<Index>>,
    session: VortexSession,
    schema: SchemaRef,
    constraints: Constraints,
    threads: usize,
    only: Option<Arc<RowSet>>,
}

impl StoredTable {
    /// `indexes` are all of the database; `with_address` adds the address of each row as a last column.
    pub(crate) fn new(
        (version, indexes): (Arc<TableVersion>, Arc<Vec<Index>>),
        session: VortexSession,
        threads: usize,
        with_address: bool,
    ) -> Self {
        let table = &version.table;
        let key = table.primary_key.iter();
        let key: Vec<usize> =
            key.filter_map(|id| table.columns.iter().position(|column| column.id == *id)).collect();
        let key = (!key.is_empty()).then_some(Constraint::PrimaryKey(key));
        Self {
            schema: visible_schema(table, with_address),
            constraints: Constraints::new_unverified(key.into_iter().collect()),
            version,
            indexes,
            session,
            threads,
            only: None,
        }
    }

    /// The same table with these rows only.
    pub(crate) fn of_rows(self, rows: RowSet) -> Self {
        Self { only: Some(Arc::new(rows)), ..self }
    }

    /// The same table as `version` has it, whose definitions are the same.
    pub(crate) fn at(&self, version: &Version) -> Result<Self> {
        let Some(now) = version.tables.get(&self.version.table.id) else {
            return internal_err!("{self:?} is not there any more");
        };
        Ok(self.of((Arc::clone(now), Arc::clone(&version.indexes))))
    }

    /// The same table without rows, to be kept for longer than its files.
    pub(crate) fn without_rows(&self) -> Self {
        self.of((Arc::new(self.version.without_rows()), Arc::default()))
    }

    fn of(&self, (version, indexes): (Arc<TableVersion>, Arc<Vec<Index>>)) -> Self {
        Self {
            version,
            indexes,
            session: self.session.clone(),
            schema: Arc::clone(&self.schema),
            constraints: self.constraints.clone(),
            threads: self.threads,
            only: None,
        }
    }
}

impl fmt::Debug for StoredTable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "StoredTable({}.{})", self.version.table.schema, self.version.table.name)
    }
}

#[async_trait]
impl TableProvider for StoredTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn constraints(&self) -> Option<&Constraints> {
        Some(&self.constraints)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Filters come later, as physical expressions; so does the limit.
    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let columns = projection.cloned().unwrap_or_else(|| (0..self.schema.fields().len()).collect());
        let of = (Arc::clone(&self.version), Arc::clone(&self.indexes));
        let scan = TableScan::new(of, self.session.clone(), columns, self.threads)?;
        let scan = match &self.only {
            Some(rows) => scan.of_rows(Arc::clone(rows)),
            None => scan,
        };
        Ok(DataSourceExec::from_data_source(scan))
    }
}

/// All schemas; the one that is always there needs no record.
pub(crate) fn schemas(version: &Version) -> impl Iterator<Item = &str> {
    let recorded = version.schemas.iter().map(String::as_str).filter(|schema| *schema != DEFAULT_SCHEMA);
    std::iter::once(DEFAULT_SCHEMA).chain(recorded)
}

/// The names of everything in a snapshot; its tables have columns but no rows. Read by information_schema.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    version: Arc<Version>,
    /// Columns of views, in the order of the version's views.
    view_columns: Arc<[SchemaRef]>,
}

impl Names {
    /// `columns_of` plans a view to tell its columns.
    pub(crate) fn new(version: &Arc<Version>, columns_of: impl Fn(&View) -> SchemaRef) -> Self {
        Self { version: Arc::clone(version), view_columns: version.views.iter().map(columns_of).collect() }
    }
}

impl CatalogProviderList for Names {
    fn register_catalog(&self, _: String, _: Arc<dyn CatalogProvider>) -> Option<Arc<dyn CatalogProvider>> {
        None
    }

    fn catalog_names(&self) -> Vec<String> {
        vec![CATALOGUE.to_owned()]
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        (name == CATALOGUE).then(|| Arc::new(self.clone()) as _)
    }
}

impl CatalogProvider for Names {
    fn schema_names(&self) -> Vec<String> {
        schemas(&self.version).map(str::to_owned).collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let is_there = schemas(&self.version).any(|schema| schema == name);
        is_there.then(|| Arc::new(SchemaNames { names: self.clone(), schema: name.to_owned() }) as _)
    }
}

#[derive(Debug)]
struct SchemaNames {
    names: Names,
    schema: String,
}

#[async_trait]
impl SchemaProvider for SchemaNames {
    fn table_names(&self) -> Vec<String> {
        let tables = self.names.version.tables.values().map(|version| &version.table);
        let tables = tables.filter(|table| table.schema == self.schema).map(|table| table.name.clone());
        let views = self.names.version.views.iter().filter(|view| view.schema == self.schema);
        tables.chain(views.map(|view| view.name.clone())).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if let Some(version) = self.names.version.table(&self.schema, name) {
            return Ok(Some(Arc::new(Named { schema: version.table.arrow_schema(), definition: None })));
        }
        let mut views = self.names.version.views.iter().zip(self.names.view_columns.iter());
        let view = views.find(|(view, _)| view.schema == self.schema && view.name == name);
        Ok(view.map(|(view, columns)| {
            Arc::new(Named { schema: Arc::clone(columns), definition: Some(view.sql.clone()) }) as _
        }))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.names.version.table(&self.schema, name).is_some()
            || self.names.version.view(&self.schema, name).is_some()
    }
}

/// What information_schema shows of a table or view.
#[derive(Debug)]
struct Named {
    schema: SchemaRef,
    definition: Option<String>,
}

#[async_trait]
impl TableProvider for Named {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        if self.definition.is_some() { TableType::View } else { TableType::Base }
    }

    fn get_table_definition(&self) -> Option<&str> {
        self.definition.as_deref()
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        _projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(EmptyExec::new(Arc::clone(&self.schema))))
    }
}
