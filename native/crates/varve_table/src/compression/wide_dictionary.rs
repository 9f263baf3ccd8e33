//! One dictionary for a whole column of a segment.
//!
//! Vortex's own dictionaries end at 65,535 values and are made only where a block of 8,192 rows repeats its values. A
//! column of 100,000 values that recur over millions of rows would be kept as strings; as numbers into one dictionary it
//! takes fewer bytes, and whoever groups or filters by it looks at each value once per segment. The layout is Vortex's.

use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use parking_lot::Mutex;
use vortex::array::arrays::PrimitiveArray;
use vortex::array::builders::dict::{DictConstraints, DictEncoder, dict_encoder_in};
use vortex::array::validity::Validity;
use vortex::array::{ArrayRef, IntoArray, VortexSessionExecute};
use vortex::compressor::BtrBlocksCompressorBuilder;
use vortex::dtype::{DType, PType};
use vortex::error::{VortexResult, vortex_bail};
use vortex::layout::layouts::buffered::BufferedStrategy;
use vortex::layout::layouts::chunked::writer::ChunkedLayoutStrategy;
use vortex::layout::layouts::compressed::CompressingStrategy;
use vortex::layout::layouts::dict::{Dict, DictLayoutMetadata};
use vortex::layout::layouts::flat::writer::FlatLayoutStrategy;
use vortex::layout::layouts::repartition::{RepartitionStrategy, RepartitionWriterOptions};
use vortex::layout::layouts::zoned::writer::{ZonedLayoutOptions, ZonedStrategy};
use vortex::layout::segments::SegmentSinkRef;
use vortex::layout::sequence::{
    SendableSequentialStream, SequencePointer, SequentialStream, SequentialStreamAdapter, SequentialStreamExt,
};
use vortex::layout::{
    LayoutDeserializeArgs, LayoutParts, LayoutRef, LayoutStrategy, LayoutWriterContext, VTable,
    layout_children,
};
use vortex::session::VortexSession;
use vortex::session::registry::ReadContext;
use vortex_btrblocks::SchemeExt;
use vortex_btrblocks::schemes::integer::IntDictScheme;

use super::profile::ZONE_ROWS;

/// Codes are compressed in blocks of so many bytes, buffered to lie together in twice as many.
const BLOCK_BYTES: u64 = 1 << 20;
/// Codes are 32 bits wide before they are packed.
const VALUES_MAX: DictConstraints = DictConstraints { max_bytes: usize::MAX, max_len: u32::MAX as usize };

/// The writer of a column of strings: zone maps over [`WideDictionary`].
pub(super) fn strategy(session: &VortexSession) -> Arc<dyn LayoutStrategy> {
    let schemes = BtrBlocksCompressorBuilder::from_session(session);
    let whole = CompressingStrategy::new(FlatLayoutStrategy::default(), schemes.clone().build());
    let blocks =
        BufferedStrategy::new(ChunkedLayoutStrategy::new(FlatLayoutStrategy::default()), 2 * BLOCK_BYTES);
    // A dictionary of the dictionary's codes is of no use.
    let packed = CompressingStrategy::new(blocks, schemes.exclude_schemes([IntDictScheme.id()]).build());
    let repartitioned = |child, block_bytes: Option<u64>, canonicalize| {
        let options = RepartitionWriterOptions {
            block_size_minimum: block_bytes.unwrap_or(0),
            block_len_multiple: ZONE_ROWS,
            block_size_target: block_bytes,
            canonicalize,
        };
        RepartitionStrategy::new::<Arc<dyn LayoutStrategy>>(child, options)
    };
    let codes = repartitioned(Arc::new(packed), Some(BLOCK_BYTES), true);
    let dictionary = WideDictionary { codes: Arc::new(codes), values: Arc::new(whole.clone()) };
    let zoned = ZonedStrategy::new(dictionary, whole, ZonedLayoutOptions::default());
    Arc::new(repartitioned(Arc::new(zoned), None, false))
}

/// Writes the codes of all rows, then the values that they stand for.
struct WideDictionary {
    codes: Arc<dyn LayoutStrategy>,
    values: Arc<dyn LayoutStrategy>,
}

#[async_trait]
impl LayoutStrategy for WideDictionary {
    async fn write_stream(
        &self,
        context: LayoutWriterContext,
        sink: SegmentSinkRef,
        rows: SendableSequentialStream,
        mut end: SequencePointer,
        session: &VortexSession,
    ) -> VortexResult<LayoutRef> {
        let dtype = rows.dtype().clone();
        let codes_dtype = DType::Primitive(PType::U32, dtype.nullability());
        let encoder: Arc<Mutex<Option<Box<dyn DictEncoder>>>> = Arc::default();
        let (shared, chunks) = (Arc::clone(&encoder), session.clone());
        let codes = rows.map(move |chunk| {
            let (place, chunk) = chunk?;
            Ok((place, encode(&mut shared.lock(), &chunk, &chunks)?))
        });
        let codes = SequentialStreamAdapter::new(codes_dtype, codes).sendable();
        let codes_end = end.split_off();
        let codes =
            self.codes.write_stream(context.clone(), Arc::clone(&sink), codes, codes_end, session).await?;

        let values = encoder.lock().as_mut().map(|encoder| encoder.reset());
        let Some(values) = values else { vortex_bail!("a column without rows has no dictionary") };
        let place = end.advance();
        let values =
            SequentialStreamAdapter::new(dtype.clone(), stream::iter([Ok((place, values))])).sendable();
        let values = self.values.write_stream(context, sink, values, end, session).await?;
        layout(&dtype, values, codes, session)
    }
}

/// The codes of a chunk; new values go into the dictionary.
fn encode(
    encoder: &mut Option<Box<dyn DictEncoder>>,
    chunk: &ArrayRef,
    session: &VortexSession,
) -> VortexResult<ArrayRef> {
    let mut context = session.create_execution_ctx();
    let encoder =
        encoder.get_or_insert_with(|| dict_encoder_in(chunk, &VALUES_MAX, context.allocator().clone()));
    let codes = encoder.encode(chunk, &mut context)?;
    if codes.len() < chunk.len() {
        vortex_bail!("a dictionary cannot hold more than {} values", u32::MAX);
    }
    // NULL is an entry of the dictionary, so that no code is NULL. The layout takes its codes to be as nullable as the
    // column, though.
    let validity = if chunk.dtype().is_nullable() { Validity::AllValid } else { Validity::NonNullable };
    Ok(PrimitiveArray::new(codes.into_buffer::<u32>(), validity).into_array())
}

/// The layout of a dictionary, through what Vortex reads it with: it has no other way to make one from outside.
fn layout(
    dtype: &DType,
    values: LayoutRef,
    codes: LayoutRef,
    session: &VortexSession,
) -> VortexResult<LayoutRef> {
    let rows = codes.row_count();
    let children = layout_children(vec![values, codes]);
    let arrays = ReadContext::new([]);
    let args = LayoutDeserializeArgs {
        session,
        array_read_ctx: &arrays,
        dtype,
        row_count: rows,
        segment_ids: Vec::new(),
        children: &children,
    };
    let data = Dict.deserialize(&args, &DictLayoutMetadata::new(PType::U32))?;
    Ok(LayoutParts::new(Dict, dtype.clone(), rows, Vec::new(), children, data).into_layout())
}
