//! Physical plans that are run again: a question that comes again to the same rows is not planned again.
//!
//! A plan of operators is run once: they count what they did and hold what they are at. So the kept one is never run. Each
//! run has its own copy, from its scans up. Plans with joins are not kept: what their runs teach orders the next one. Nor are
//! those with filters that narrow while they run, which operators share, or with our own aggregation: it holds the operators
//! that it stands for, and so the files below them.

use std::sync::{Arc, Weak};

use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::{ChildrenPropertiesMode, ExecutionPlan, ReplaceChildrenOptions};
use varve_table::{TableVersion, Version};

use crate::scan::TableScan;

/// A physical plan, without the rows that it was made for.
pub(super) struct Repeatable {
    plan: Arc<dyn ExecutionPlan>,
    /// Of its scans, in order. They keep no file.
    tables: Vec<Weak<TableVersion>>,
}

impl Repeatable {
    /// A plan as it is kept; `None` when it serves one run.
    pub(super) fn of(plan: &Arc<dyn ExecutionPlan>) -> Option<Self> {
        let mut tables = Vec::new();
        let plan = over(plan, &mut |scan| {
            tables.push(Arc::downgrade(scan.version()));
            scan.may_be_repeated().then(|| scan.at(Arc::new(scan.version().without_rows())))
        });
        Some(Self { plan: plan?, tables })
    }

    /// A copy for one run at `version`; `None` when one of its tables has changed.
    pub(super) fn at(&self, version: &Version) -> Option<Arc<dyn ExecutionPlan>> {
        let mut tables = self.tables.iter();
        over(&self.plan, &mut |scan| {
            let now = version.tables.get(&scan.version().table.id)?;
            // A weak pointer keeps its place from being used for another version.
            (tables.next()?.as_ptr() == Arc::as_ptr(now)).then(|| scan.at(Arc::clone(now)))
        })
    }
}

/// The same plan over other scans, as if it had never run; `None` when it cannot be, or when `other` gives none.
fn over(
    plan: &Arc<dyn ExecutionPlan>,
    other: &mut impl FnMut(&TableScan) -> Option<TableScan>,
) -> Option<Arc<dyn ExecutionPlan>> {
    if let Some(scan) = TableScan::of(plan.as_ref()) {
        return Some(DataSourceExec::from_data_source(other(scan)?));
    }
    if !is_renewed_with_its_children(plan.as_ref()) {
        return None;
    }
    let children: Option<Vec<_>> = plan.children().into_iter().map(|child| over(child, other)).collect();
    // Scans of the same form have the same properties.
    let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep);
    Arc::clone(plan).replace_children(children?, options).ok()
}

/// Whether an operator that gets other children has nothing of its former runs.
fn is_renewed_with_its_children(plan: &dyn ExecutionPlan) -> bool {
    plan.dynamic_expressions_produced().is_empty()
        && (plan.is::<AggregateExec>()
            || plan.is::<CoalescePartitionsExec>()
            || plan.is::<CooperativeExec>()
            || plan.is::<FilterExec>()
            || plan.is::<ProjectionExec>())
}

#[cfg(test)]
mod tests {
    use datafusion::physical_plan::{collect, displayable};

    use super::*;
    use crate::run::Run;
    use crate::statement::parse;
    use crate::{Engine, Options, Params};

    struct Fixture {
        engine: Engine,
        _dir: tempfile::TempDir,
    }

    impl Fixture {
        fn new() -> Self {
            let dir = tempfile::TempDir::new().expect("a folder");
            let options =
                Options { directory: Some(dir.path().to_owned()), threads: 2, ..Options::default() };
            let fixture = Self { engine: Engine::open(&options).expect("it opens"), _dir: dir };
            fixture
                .run("CREATE TABLE t AS SELECT value AS a, value % 7 AS b FROM generate_series(1, 200000)");
            fixture.run("CREATE TABLE u (a BIGINT)");
            fixture
        }

        fn run(&self, sql: &str) {
            let session = self.engine.session();
            let done = self.engine.handle().block_on(session.execute(sql, Params::default()));
            done.unwrap_or_else(|error| panic!("{sql}: {error}"));
        }

        fn version(&self) -> Arc<Version> {
            self.engine.database().expect("a database").snapshot()
        }

        fn plan(&self, sql: &str) -> Arc<dyn ExecutionPlan> {
            let params = Params::default();
            let planner = Run::new(&self.engine, &params).planner(self.version());
            let statement = parse::all(sql).expect(sql).pop().expect("a statement");
            let plan =
                planner.unbound_here(statement).and_then(|plan| planner.state.optimize(&plan)).expect(sql);
            let planned = planner.state.query_planner().create_physical_plan(&plan, planner.state.as_ref());
            self.engine.handle().block_on(async { planned.await.expect(sql) })
        }

        /// The rows that a run counted.
        fn counted(&self, plan: &Arc<dyn ExecutionPlan>) -> Option<usize> {
            let context = self.engine.states().usual.task_ctx();
            self.engine.handle().block_on(collect(Arc::clone(plan), context)).expect("it runs");
            plan.metrics().and_then(|metrics| metrics.output_rows())
        }
    }

    #[test]
    fn what_may_run_again_does_as_if_it_never_had() {
        let fixture = Fixture::new();
        let rows = [
            ("SELECT a FROM t", true),
            ("SELECT a + 1 FROM t WHERE b = 3 AND a % 2 = 0", true),
            ("SELECT count(*), sum(a) FROM t WHERE a < 10", true),
            // These hold what they stand for.
            ("SELECT b, sum(a) FROM t GROUP BY b", false),
            ("SELECT a, sum(b) FROM t GROUP BY a", false),
            // What joins teach orders the next one.
            ("SELECT t.b FROM t JOIN u ON t.a = u.a", false),
            // Filters that narrow are of one run.
            ("SELECT a FROM t ORDER BY b LIMIT 3", false),
            ("SELECT max(a) FROM t WHERE b = 1", false),
        ];
        for (sql, may) in rows {
            let plan = fixture.plan(sql);
            let shown = |plan: &Arc<dyn ExecutionPlan>| displayable(plan.as_ref()).indent(true).to_string();
            let kept = Repeatable::of(&plan);
            assert_eq!(kept.is_some(), may, "{sql}\n{}", shown(&plan));
            let Some(kept) = kept else { continue };
            let copies = [(); 2].map(|()| kept.at(&fixture.version()).expect("nothing has changed"));
            let counted = fixture.counted(&plan);
            for copy in &copies {
                assert_eq!(shown(copy), shown(&plan), "{sql}");
                assert_eq!(fixture.counted(copy), counted, "{sql}");
            }
        }
    }

    #[test]
    fn what_has_changed_is_planned_anew() {
        let fixture = Fixture::new();
        let kept = Repeatable::of(&fixture.plan("SELECT a FROM t")).expect("a scan");
        let before = fixture.version();
        assert!(kept.at(&before).is_some());
        fixture.run("INSERT INTO u VALUES (1)");
        assert!(kept.at(&fixture.version()).is_some(), "another table has changed");
        fixture.run("INSERT INTO t VALUES (1, 1)");
        assert!(kept.at(&fixture.version()).is_none());
        assert!(kept.at(&before).is_some(), "a snapshot has not");
        fixture.run("DROP TABLE t");
        assert!(kept.at(&fixture.version()).is_none());
    }
}
