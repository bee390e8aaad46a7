//! Ready-made frames of one size.

/// The bytes of several equal ZMTP frames, one after the other.
pub struct Frames {
    bytes: Vec<u8>,
    header_bytes: usize,
    frame_bytes: usize,
}

impl Frames {
    /// Frames with this body, as many as a write of `write_bytes` takes, at least one.
    pub fn new(body: &[u8], write_bytes: usize) -> Self {
        let header = header(body.len());
        let frame = [&header, body].concat();
        let count = (write_bytes / frame.len()).max(1);
        Self { bytes: frame.repeat(count), header_bytes: header.len(), frame_bytes: frame.len() }
    }

    /// Frames in a full write.
    pub fn per_write(&self) -> usize {
        self.bytes.len() / self.frame_bytes
    }

    pub fn header_bytes(&self) -> usize {
        self.header_bytes
    }

    pub fn frame_bytes(&self) -> usize {
        self.frame_bytes
    }

    /// One body.
    pub fn body(&self) -> &[u8] {
        &self.bytes[self.header_bytes..self.frame_bytes]
    }

    /// `count` frames, no more than a full write has.
    pub fn of(&self, count: usize) -> &[u8] {
        &self.bytes[..count * self.frame_bytes]
    }
}

/// Flags and length: a short frame's one byte, or a long one's eight.
fn header(body_bytes: usize) -> Vec<u8> {
    match u8::try_from(body_bytes) {
        Ok(length) => vec![0, length],
        Err(_) => [&[2], (body_bytes as u64).to_be_bytes().as_slice()].concat(),
    }
}
