//! Reading lines of bounded length.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// What [`next_line`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A line is in the buffer, without its end.
    Line,
    /// The buffer is full and the line goes on.
    TooLong,
    /// There is no more; what is in the buffer has no end.
    End,
}

/// Adds to `line` up to the end of a line. May be dropped and called again with the same buffer:
/// nothing is lost.
pub(super) async fn next_line(
    reader: &mut (impl AsyncBufRead + Unpin),
    line: &mut Vec<u8>,
    limit: usize,
) -> io::Result<Next> {
    loop {
        let available = reader.fill_buf().await?;
        if available.is_empty() {
            return Ok(Next::End);
        }
        let end = available.iter().position(|byte| *byte == b'\n');
        let wanted = end.unwrap_or(available.len());
        let taken = wanted.min(limit - line.len().min(limit));
        line.extend_from_slice(&available[..taken]);
        if taken < wanted {
            reader.consume(taken);
            return Ok(Next::TooLong);
        }
        match end {
            Some(end) => {
                reader.consume(end + 1);
                return Ok(Next::Line);
            }
            None => reader.consume(wanted),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_come_whole_or_in_pieces_of_the_limit() {
        let mut input = &b"ab\n\nabcdef\nx"[..];
        let mut found = Vec::new();
        loop {
            let mut line = Vec::new();
            let next = next_line(&mut input, &mut line, 4).await.expect("memory");
            found.push((next, String::from_utf8(line).expect("text")));
            if next == Next::End {
                break;
            }
        }
        let found: Vec<_> = found.iter().map(|(n, l)| (*n, l.as_str())).collect();
        assert_eq!(
            found,
            [
                (Next::Line, "ab"),
                (Next::Line, ""),
                (Next::TooLong, "abcd"),
                (Next::Line, "ef"),
                (Next::End, "x"),
            ]
        );
    }
}
