//! Messages as lines: text, hexadecimal or JSON, one message a line.
//!
//! `text` writes frames as they are, a delimiter between them; `hex` likewise with two digits a byte; `jsonl`
//! is an object with `frames` (UTF-8) or `hex` and keeps every message apart, whatever is in it.

use std::io::{self, Write};

use monocoque::{Frame, Message};
use serde::{Deserialize, Serialize};

use crate::exit::Failure;

/// How a message is written as a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Frames as they are, the delimiter between them.
    Text,
    /// Two digits for each byte, the delimiter between frames.
    Hex,
    /// {"frames":["…"]}, or {"hex":["…"]} when a frame is not UTF-8.
    Jsonl,
}

/// Reads and writes messages as lines.
#[derive(Debug, Clone)]
pub struct Lines {
    format: Format,
    /// Between frames; empty if a line is one frame.
    delimiter: Vec<u8>,
    /// The first frame is a routing id, which is mostly not printable.
    is_routed: bool,
    /// The lines are for a terminal, which control bytes would upset.
    is_shown: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Json<'a> {
    Frames(Vec<std::borrow::Cow<'a, str>>),
    Hex(Vec<String>),
}

impl Lines {
    pub fn new(format: Format, delimiter: Vec<u8>) -> Self {
        Self { format, delimiter, is_routed: false, is_shown: false }
    }

    /// In text, the first frame is a routing id: one that a ROUTER made up is written as `0x…`.
    pub fn routed(self, is_routed: bool) -> Self {
        Self { is_routed, ..self }
    }

    /// In text, escapes what a terminal would act on.
    pub fn shown(self, is_shown: bool) -> Self {
        Self { is_shown, ..self }
    }

    /// The message that `line`, without its end, stands for.
    ///
    /// # Errors
    /// [`Failure::Usage`] if the line is not of this format.
    pub fn parse(&self, line: &[u8]) -> Result<Message, Failure> {
        match self.format {
            Format::Jsonl => parse_json(line),
            Format::Text => {
                let frames = self.split(line).enumerate();
                Ok(frames.map(|(index, bytes)| self.text_frame(index, bytes)).collect())
            }
            Format::Hex => self.split(line).map(|digits| Ok(Frame::from(parse_hex(digits)?))).collect(),
        }
    }

    /// Writes `message` and the end of the line.
    pub fn write(&self, message: &Message, out: &mut impl Write) -> io::Result<()> {
        if self.format == Format::Jsonl {
            return write_json(message, out);
        }
        for (index, frame) in message.frames().iter().enumerate() {
            if index > 0 {
                out.write_all(self.output_delimiter())?;
            }
            match self.format {
                Format::Hex => out.write_all(to_hex(frame).as_bytes())?,
                _ if index == 0 && self.is_routed && is_generated_id(frame) => write!(out, "0x{}", to_hex(frame))?,
                _ if self.is_shown => write_shown(frame, out)?,
                _ => out.write_all(frame)?,
            }
        }
        out.write_all(b"\n")
    }

    fn output_delimiter(&self) -> &[u8] {
        if self.delimiter.is_empty() { b"\t" } else { &self.delimiter }
    }

    fn split<'a>(&'a self, line: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = Some(line);
        std::iter::from_fn(move || {
            let line = rest.take()?;
            let end = match self.delimiter.len() {
                0 => None,
                len => line.windows(len).position(|window| window == self.delimiter),
            };
            let Some(end) = end else { return Some(line) };
            rest = Some(&line[end + self.delimiter.len()..]);
            Some(&line[..end])
        })
    }

    fn text_frame(&self, index: usize, bytes: &[u8]) -> Frame {
        let id = (index == 0 && self.is_routed).then(|| bytes.strip_prefix(b"0x")).flatten();
        let id = id.and_then(|digits| parse_hex(digits).ok()).filter(|id| is_generated_id(id));
        id.map_or_else(|| Frame::copy_from_slice(bytes), Frame::from)
    }
}

/// Whether a ROUTER made up this routing id: a zero byte and four more.
fn is_generated_id(id: &[u8]) -> bool {
    id.len() == 5 && id[0] == 0
}

fn write_shown(frame: &[u8], out: &mut impl Write) -> io::Result<()> {
    for chunk in frame.utf8_chunks() {
        for letter in chunk.valid().chars() {
            if letter.is_control() { write!(out, "{}", letter.escape_default())? } else { write!(out, "{letter}")? }
        }
        write!(out, "{}", chunk.invalid().escape_ascii())?;
    }
    Ok(())
}

fn write_json(message: &Message, out: &mut impl Write) -> io::Result<()> {
    let texts: Result<Vec<_>, _> = message.frames().iter().map(|frame| str::from_utf8(frame).map(Into::into)).collect();
    let json = match texts {
        Ok(frames) => Json::Frames(frames),
        Err(_) => Json::Hex(message.frames().iter().map(|frame| to_hex(frame)).collect()),
    };
    serde_json::to_writer(&mut *out, &json)?;
    out.write_all(b"\n")
}

fn parse_json(line: &[u8]) -> Result<Message, Failure> {
    let json = serde_json::from_slice(line).map_err(|error| {
        Failure::usage(format!("not a message ({error}): expected {{\"frames\":[\"…\"]}} or {{\"hex\":[\"…\"]}}"))
    })?;
    match json {
        Json::Frames(frames) => Ok(frames.iter().map(|frame| Frame::from(frame.as_ref())).collect()),
        Json::Hex(frames) => frames.iter().map(|digits| Ok(Frame::from(parse_hex(digits.as_bytes())?))).collect(),
    }
}

/// Two digits for each byte.
pub fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let pairs = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    pairs.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

/// The bytes of pairs of digits; spaces between the pairs are allowed.
///
/// # Errors
/// [`Failure::Usage`].
pub fn parse_hex(digits: &[u8]) -> Result<Vec<u8>, Failure> {
    let refuse = || Failure::usage(format!("'{}' is not pairs of hexadecimal digits", digits.escape_ascii()));
    let digits: Option<Vec<u32>> = digits
        .iter()
        .filter(|digit| !digit.is_ascii_whitespace())
        .map(|&digit| char::from(digit).to_digit(16))
        .collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0).ok_or_else(refuse)?;
    Ok(digits.chunks_exact(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect())
}

/// The bytes of a delimiter: `\t`, `\n`, `\0`, `\\` and `\xHH` stand for one byte.
///
/// # Errors
/// What is wrong with it, for clap to print.
pub fn parse_delimiter(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        rest = &rest[letter.len_utf8()..];
        if letter != '\\' {
            bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        let (byte, used) = escape(rest).ok_or_else(|| format!("'\\{rest}' is none of \\t \\n \\0 \\\\ \\xHH"))?;
        bytes.push(byte);
        rest = &rest[used..];
    }
    Ok(bytes)
}

/// The byte that the escape at the beginning of `rest` stands for, and its length.
fn escape(rest: &str) -> Option<(u8, usize)> {
    match rest.as_bytes().first()? {
        b't' => Some((b'\t', 1)),
        b'n' => Some((b'\n', 1)),
        b'0' => Some((0, 1)),
        b'\\' => Some((b'\\', 1)),
        b'x' => Some((u8::from_str_radix(rest.get(1..3)?, 16).ok()?, 3)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> Lines {
        Lines::new(Format::Text, b"\t".to_vec())
    }

    fn written(lines: &Lines, message: &Message) -> String {
        let mut out = Vec::new();
        lines.write(message, &mut out).expect("memory takes everything");
        String::from_utf8(out).expect("the tests write text")
    }

    fn parsed(lines: &Lines, line: &str) -> Message {
        lines.parse(line.as_bytes()).expect("a sound line")
    }

    #[test]
    fn every_format_reads_what_it_writes() {
        let message = Message::from(("topic", "", "body with spaces"));
        for format in [Format::Text, Format::Hex, Format::Jsonl] {
            let lines = Lines::new(format, b"\t".to_vec());
            let line = written(&lines, &message);
            assert_eq!(parsed(&lines, line.trim_end_matches('\n')), message, "{format:?}");
        }
    }

    #[test]
    fn json_keeps_bytes_that_are_no_text() {
        let lines = Lines::new(Format::Jsonl, Vec::new());
        let message = Message::from([&b"\xff\x00"[..], b"a\nb"]);
        assert_eq!(written(&lines, &message), "{\"hex\":[\"ff00\",\"610a62\"]}\n");
        assert_eq!(parsed(&lines, "{\"hex\":[\"ff00\",\"610a62\"]}"), message);
        assert_eq!(parsed(&lines, r#"{"frames":["a\n","ü"]}"#), Message::from(("a\n", "ü")));
        assert_eq!(parsed(&lines, r#"{"frames":[]}"#), Message::new());
    }

    #[test]
    fn bad_lines_are_usage_errors() {
        let json = Lines::new(Format::Jsonl, Vec::new());
        for line in ["", "[]", "{}", r#"{"frames":[1]}"#, r#"{"hex":["0"]}"#, r#"{"hex":["zz"]}"#, r#"{"body":[""]}"#] {
            assert!(matches!(json.parse(line.as_bytes()), Err(Failure::Usage(_))), "{line}");
        }
        assert!(Lines::new(Format::Hex, b"\t".to_vec()).parse(b"0x00").is_err());
    }

    #[test]
    fn a_generated_routing_id_is_shown_in_digits_and_taken_back() {
        let lines = text().routed(true);
        let message = Message::from([&b"\0\0\0\x01\x02"[..], b"hello"]);
        assert_eq!(written(&lines, &message), "0x0000000102\thello\n");
        assert_eq!(parsed(&lines, "0x0000000102\thello"), message);
        assert_eq!(parsed(&lines, "0xff\thello"), Message::from(("0xff", "hello")));
        assert_eq!(parsed(&text(), "0x0000000102"), Message::from("0x0000000102"));
    }

    #[test]
    fn without_a_delimiter_a_line_is_one_frame() {
        let lines = Lines::new(Format::Text, Vec::new());
        assert_eq!(parsed(&lines, "a\tb"), Message::from("a\tb"));
        assert_eq!(written(&lines, &Message::from(("a", "b"))), "a\tb\n");
    }

    #[test]
    fn delimiters_of_many_bytes_and_empty_frames() {
        let lines = Lines::new(Format::Text, b"||".to_vec());
        assert_eq!(parsed(&lines, "||a||"), Message::from(("", "a", "")));
        assert_eq!(parsed(&lines, ""), Message::new());
    }

    #[test]
    fn a_terminal_is_not_upset() {
        let lines = text().shown(true);
        assert_eq!(written(&lines, &Message::from(&b"\x1b[2J\xff ok \xc3\xbc"[..])), "\\u{1b}[2J\\xff ok ü\n");
    }

    #[test]
    fn delimiters_have_escapes() {
        assert_eq!(parse_delimiter("\\t|\\x1f\\0\\\\é").as_deref(), Ok(&b"\t|\x1f\0\\\xc3\xa9"[..]));
        for bad in ["\\", "\\q", "\\x1", "\\xé", "\\xzz"] {
            assert!(parse_delimiter(bad).is_err(), "{bad}");
        }
    }
}
