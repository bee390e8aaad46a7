//! Z85 (RFC 32): binary as printable text, five characters for four bytes. CURVE keys are written in it.

const ALPHABET: &[u8; 85] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
const CHUNK_BYTES: usize = 4;
const CHUNK_CHARS: usize = 5;

/// What stands in [`VALUES`] for a byte that is not of the alphabet.
const NONE: u8 = u8::MAX;
const VALUES: [u8; 256] = values();

const fn values() -> [u8; 256] {
    let mut values = [NONE; 256];
    let mut at = 0;
    while at < ALPHABET.len() {
        values[ALPHABET[at] as usize] = at as u8;
        at += 1;
    }
    values
}

/// Why something is not Z85, or cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Z85Error {
    /// Only whole groups of four bytes can be written.
    #[error("{0} bytes are not a multiple of 4")]
    Bytes(usize),
    /// Only whole groups of five characters can be read.
    #[error("{0} characters are not a multiple of 5")]
    Chars(usize),
    /// A character that is not of the alphabet.
    #[error("the character at {0} is not one of Z85's")]
    Char(usize),
    /// Five characters that are more than four bytes can hold.
    #[error("the characters from {0} on are more than 32 bits")]
    Overflow(usize),
}

/// Writes `bytes` as text (`zmq_z85_encode`).
///
/// # Errors
/// [`Z85Error::Bytes`] if their number is not a multiple of four.
///
/// ```
/// assert_eq!(monocoque_zmtp::z85::encode(b"\x86\x4f\xd2\x6f\xb5\x59\xf7\x5b")?, "HelloWorld");
/// # Ok::<(), monocoque_zmtp::z85::Z85Error>(())
/// ```
pub fn encode(bytes: impl AsRef<[u8]>) -> Result<String, Z85Error> {
    let bytes = bytes.as_ref();
    let (chunks, []) = bytes.as_chunks::<CHUNK_BYTES>() else {
        return Err(Z85Error::Bytes(bytes.len()));
    };
    let mut text = String::with_capacity(chunks.len() * CHUNK_CHARS);
    for chunk in chunks {
        let value = u32::from_be_bytes(*chunk);
        let digit = |place: u32| char::from(ALPHABET[(value / 85_u32.pow(place) % 85) as usize]);
        text.extend((0..CHUNK_CHARS as u32).rev().map(digit));
    }
    Ok(text)
}

/// Reads what [`encode`] wrote (`zmq_z85_decode`).
///
/// # Errors
/// [`Z85Error`] by what is wrong with the text, and where.
pub fn decode(text: impl AsRef<[u8]>) -> Result<Vec<u8>, Z85Error> {
    let text = text.as_ref();
    let (chunks, []) = text.as_chunks::<CHUNK_CHARS>() else {
        return Err(Z85Error::Chars(text.len()));
    };
    let mut bytes = Vec::with_capacity(chunks.len() * CHUNK_BYTES);
    for (number, chunk) in chunks.iter().enumerate() {
        bytes.extend_from_slice(&value(chunk, number * CHUNK_CHARS)?.to_be_bytes());
    }
    Ok(bytes)
}

/// The number that five characters, which begin at `at`, are.
fn value(chunk: &[u8; CHUNK_CHARS], at: usize) -> Result<u32, Z85Error> {
    let mut sum = 0_u64;
    for (place, &char) in chunk.iter().enumerate() {
        match VALUES[usize::from(char)] {
            NONE => return Err(Z85Error::Char(at + place)),
            digit => sum = sum * 85 + u64::from(digit),
        }
    }
    u32::try_from(sum).map_err(|_| Z85Error::Overflow(at))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_test_of_the_rfc_passes() {
        let bytes = b"\x86\x4f\xd2\x6f\xb5\x59\xf7\x5b";
        assert_eq!(encode(bytes).as_deref(), Ok("HelloWorld"));
        assert_eq!(decode("HelloWorld").as_deref(), Ok(&bytes[..]));
        assert_eq!((encode(b""), decode("")), (Ok(String::new()), Ok(Vec::new())));
    }

    #[test]
    fn each_fault_is_told_with_its_place() {
        assert_eq!(encode(b"abcde"), Err(Z85Error::Bytes(5)));
        assert_eq!(decode("HelloWorld!"), Err(Z85Error::Chars(11)));
        assert_eq!(decode("HelloWor d"), Err(Z85Error::Char(8)));
        assert_eq!(decode("Hello\"orld"), Err(Z85Error::Char(5)));
        assert_eq!(decode("%nSc0").as_deref(), Ok(&[0xff; 4][..]));
        assert_eq!(decode("00000%nSc1"), Err(Z85Error::Overflow(5)));
        assert_eq!(decode("#####"), Err(Z85Error::Overflow(0)));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(chunks in prop::collection::vec(any::<[u8; 4]>(), 0..20)) {
            let bytes = chunks.concat();
            prop_assert_eq!(decode(encode(&bytes).expect("whole chunks")), Ok(bytes));
        }

        #[test]
        fn any_text_is_judged_and_only_what_is_written_is_read(text in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(bytes) = decode(&text) {
                prop_assert_eq!(encode(bytes).map(String::into_bytes), Ok(text));
            }
        }
    }
}
