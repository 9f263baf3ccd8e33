//! The file that a segment is written into, as Vortex wants to see it.

use std::io;

use varve_files::File;
use vortex::io::{IoBuf, VortexWrite};

/// How many bytes are gathered before they are written.
const BUFFER_BYTES: usize = 1 << 20;

/// Bytes go to the end of a file and into a checksum.
pub(super) struct SegmentFile {
    file: Box<dyn File>,
    buffer: Vec<u8>,
    written: u64,
    sum: u32,
}

impl SegmentFile {
    pub(super) fn new(file: Box<dyn File>) -> Self {
        Self { file, buffer: Vec::with_capacity(BUFFER_BYTES), written: 0, sum: 0 }
    }

    /// Makes everything durable; file, length and crc32c of all bytes.
    pub(super) fn finish(mut self) -> io::Result<(Box<dyn File>, u64, u32)> {
        self.drain()?;
        self.file.sync_data()?;
        Ok((self.file, self.written, self.sum))
    }

    fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum = crc32c::crc32c_append(self.sum, bytes);
        if self.buffer.len() + bytes.len() > BUFFER_BYTES {
            self.drain()?;
        }
        if bytes.len() < BUFFER_BYTES {
            self.buffer.extend_from_slice(bytes);
            return Ok(());
        }
        self.file.write_at(bytes, self.written)?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    fn drain(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            self.file.write_at(&self.buffer, self.written)?;
            self.written += self.buffer.len() as u64;
            self.buffer.clear();
        }
        Ok(())
    }
}

impl VortexWrite for SegmentFile {
    async fn write_all<B: IoBuf>(&mut self, buffer: B) -> io::Result<B> {
        self.push(buffer.as_slice())?;
        Ok(buffer)
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.drain()
    }

    async fn shutdown(&mut self) -> io::Result<()> {
        self.drain()
    }
}
