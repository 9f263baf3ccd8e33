//! Scoring allocates nothing: a counting allocator watches every model of the fixtures.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use varve_tiny::Model;

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: forwards to the system's allocator; the counter allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's layout.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: `at` came from `alloc` with this layout.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> usize {
    let before = COUNT.with(Cell::get);
    work();
    COUNT.with(Cell::get) - before
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(vec![1u8; 100]))), 1);
}

#[test]
fn scoring_allocates_nothing() {
    for fixture in common::fixtures() {
        let f32_model = fixture.model();
        let check = |model: &Model| {
            let mut scratch = model.scratch();
            let mut out = vec![0.0; fixture.answers.len()];
            let count = allocations(|| {
                let row = &fixture.rows[..fixture.features];
                model.infer(&mut scratch, row, &mut out[..fixture.outputs]).expect("the row fits");
                model.infer_batch(&mut scratch, &fixture.rows, &mut out).expect("the rows fit");
            });
            assert_eq!(count, 0, "{}", fixture.name);
        };
        check(&f32_model);
        check(&f32_model.quantised());
    }
}
