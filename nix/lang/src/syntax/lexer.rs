//! From characters to tokens, by the longest-match rules of Nix's own lexer.

use super::SyntaxError;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Token {
    Ident,
    Int,
    Float,
    Uri,
    SearchPath,
    /// Text of a path, at its start or after an interpolation.
    PathText,
    PathEnd,
    StringOpen,
    StringText,
    StringClose,
    IndentedOpen,
    /// Text that counts for indentation.
    IndentedText,
    /// `''$`, `$`, `'''`, `''\x` or `'`: text that does not.
    IndentedEscape,
    IndentedClose,
    /// `${`
    Interpolation,
    If,
    Then,
    Else,
    Assert,
    With,
    Let,
    In,
    Rec,
    Inherit,
    Or,
    Ellipsis,
    Equal,
    NotEqual,
    LessEqual,
    GreaterEqual,
    And,
    OrOr,
    Implies,
    Update,
    Concat,
    PipeLeft,
    PipeRight,
    /// A character that stands for itself.
    Char(u8),
    End,
}

#[derive(Clone, Copy)]
pub(crate) struct Lexeme {
    pub(crate) token: Token,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// What the lexer is inside of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Code,
    String,
    Indented,
    Path { after_slash: bool },
}

/// Splits a whole text; the last lexeme is [`Token::End`].
pub(crate) fn lex(text: &str) -> Result<Vec<Lexeme>, SyntaxError> {
    let mut lexer = Lexer {
        bytes: text.as_bytes(),
        offset: 0,
        modes: vec![Mode::Code],
        lexemes: Vec::with_capacity(text.len() / 4 + 1),
        no_path_before: 0,
        no_uri_before: 0,
    };
    lexer.run()?;
    Ok(lexer.lexemes)
}

struct Lexer<'a> {
    bytes: &'a [u8],
    offset: usize,
    modes: Vec<Mode>,
    lexemes: Vec<Lexeme>,
    /// From here to that offset no path starts: all of it may be in one, and it does not go on as
    /// one. Else a run of such letters would be looked through again for each token in it.
    no_path_before: usize,
    /// The same of URIs.
    no_uri_before: usize,
}

fn is_path_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+')
}

fn is_uri_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"%/?:@&=+$,-_.!~*'".contains(&byte)
}

fn is_ident_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'\'')
}

fn keyword(text: &[u8]) -> Token {
    match text {
        b"if" => Token::If,
        b"then" => Token::Then,
        b"else" => Token::Else,
        b"assert" => Token::Assert,
        b"with" => Token::With,
        b"let" => Token::Let,
        b"in" => Token::In,
        b"rec" => Token::Rec,
        b"inherit" => Token::Inherit,
        b"or" => Token::Or,
        _ => Token::Ident,
    }
}

impl Lexer<'_> {
    fn run(&mut self) -> Result<(), SyntaxError> {
        loop {
            match self.modes.last().copied().unwrap_or(Mode::Code) {
                Mode::Code => {
                    self.skip_blanks()?;
                    if self.offset == self.bytes.len() {
                        self.push(Token::End, 0);
                        return Ok(());
                    }
                    self.code()?;
                }
                Mode::String => self.string()?,
                Mode::Indented => self.indented()?,
                Mode::Path { after_slash } => self.path(after_slash)?,
            }
        }
    }

    fn byte(&self, ahead: usize) -> u8 {
        self.bytes.get(self.offset + ahead).copied().unwrap_or(0)
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.offset..]
    }

    fn count(&self, from: usize, accept: impl Fn(u8) -> bool) -> usize {
        self.rest()[from.min(self.rest().len())..]
            .iter()
            .take_while(|byte| accept(**byte))
            .count()
    }

    fn push(&mut self, token: Token, len: usize) {
        let (start, end) = (self.offset as u32, (self.offset + len) as u32);
        self.lexemes.push(Lexeme { token, start, end });
        self.offset += len;
    }

    fn error<T>(&self, message: impl Into<String>, len: usize) -> Result<T, SyntaxError> {
        Err(SyntaxError::new(
            message,
            self.offset,
            (self.offset + len).min(self.bytes.len()),
        ))
    }

    fn open_string(&self) -> SyntaxError {
        let message = "syntax error, unexpected end of file in a string";
        let end = (self.offset + 1).min(self.bytes.len());
        SyntaxError::new(message, self.offset, end).ended_early()
    }

    fn skip_blanks(&mut self) -> Result<(), SyntaxError> {
        loop {
            self.offset += self.count(0, |byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
            if self.byte(0) == b'#' {
                self.offset += self.count(0, |byte| !matches!(byte, b'\r' | b'\n'));
            } else if self.rest().starts_with(b"/*") {
                match self.rest()[2..].windows(2).position(|pair| pair == b"*/") {
                    Some(len) => self.offset += len + 4,
                    None => return self.error("comment without an end", 2),
                }
            } else {
                return Ok(());
            }
        }
    }

    /// The length of a path that starts here and whether it goes on with an interpolation.
    fn path_len(&mut self) -> Option<usize> {
        if self.offset < self.no_path_before {
            return None;
        }
        let mut len = self.count(0, is_path_char);
        let run = len;
        let mut segments = 0;
        while self.byte(len) == b'/' && is_path_char(self.byte(len + 1)) {
            len += 1 + self.count(len + 1, is_path_char);
            segments += 1;
        }
        let slash = self.byte(len) == b'/';
        if segments > 0 {
            return Some(len + usize::from(slash));
        }
        let opens = slash && self.byte(len + 1) == b'$' && self.byte(len + 2) == b'{';
        if !opens {
            self.no_path_before = self.offset + run;
        }
        opens.then_some(len + 1)
    }

    fn uri_len(&mut self) -> usize {
        if self.offset < self.no_uri_before {
            return 0;
        }
        let scheme = self.count(0, |byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
        });
        let rest = match self.byte(scheme) {
            b':' => self.count(scheme + 1, is_uri_char),
            _ => 0,
        };
        if rest == 0 {
            self.no_uri_before = self.offset + scheme;
            return 0;
        }
        scheme + 1 + rest
    }

    fn float_len(&self) -> usize {
        let whole = self.count(0, |byte| byte.is_ascii_digit());
        if self.byte(whole) != b'.' {
            return 0;
        }
        let fraction = self.count(whole + 1, |byte| byte.is_ascii_digit());
        let ordinary = whole > 0 && self.byte(0) != b'0';
        let below_one = fraction > 0 && (whole == 0 || (whole == 1 && self.byte(0) == b'0'));
        if !ordinary && !below_one {
            return 0;
        }
        let len = whole + 1 + fraction;
        if !matches!(self.byte(len), b'e' | b'E') {
            return len;
        }
        let sign = usize::from(matches!(self.byte(len + 1), b'+' | b'-'));
        match self.count(len + 1 + sign, |byte| byte.is_ascii_digit()) {
            0 => len,
            digits => len + 1 + sign + digits,
        }
    }

    fn code(&mut self) -> Result<(), SyntaxError> {
        let first = self.byte(0);
        if is_path_char(first) || first == b'/' {
            let plain = self.word_len(first);
            let path = self.path_len().unwrap_or(0);
            let uri = if first.is_ascii_alphabetic() {
                self.uri_len()
            } else {
                0
            };
            if path > plain.1 && path >= uri {
                self.begin_path(path);
                return Ok(());
            }
            if uri > plain.1 {
                self.push(Token::Uri, uri);
                return Ok(());
            }
            if plain.1 > 0 {
                self.push(plain.0, plain.1);
                return Ok(());
            }
        }
        match first {
            b'~' if self.byte(1) == b'/' => return self.home_path(),
            b'<' => {
                if let Some(len) = self.search_path_len() {
                    self.push(Token::SearchPath, len);
                    return Ok(());
                }
            }
            _ => {}
        }
        self.punctuation(first)
    }

    /// The identifier, keyword or number that starts here.
    fn word_len(&self, first: u8) -> (Token, usize) {
        if first.is_ascii_alphabetic() || first == b'_' {
            let len = self.count(0, is_ident_char);
            return (keyword(&self.rest()[..len]), len);
        }
        let int = self.count(0, |byte| byte.is_ascii_digit());
        let float = self.float_len();
        if float > int {
            (Token::Float, float)
        } else {
            (Token::Int, int)
        }
    }

    fn begin_path(&mut self, len: usize) {
        self.push(Token::PathText, len);
        let after_slash = self.bytes[self.offset - 1] == b'/';
        self.modes.push(Mode::Path { after_slash });
    }

    fn home_path(&mut self) -> Result<(), SyntaxError> {
        self.offset += 1;
        let len = self.path_len().filter(|_| self.byte(0) == b'/');
        self.offset -= 1;
        match len {
            Some(len) => {
                self.begin_path(len + 1);
                Ok(())
            }
            None => self.error("syntax error, unexpected '~'", 1),
        }
    }

    fn search_path_len(&self) -> Option<usize> {
        let mut len = 1 + self.count(1, is_path_char);
        if len == 1 {
            return None;
        }
        while self.byte(len) == b'/' && is_path_char(self.byte(len + 1)) {
            len += 1 + self.count(len + 1, is_path_char);
        }
        (self.byte(len) == b'>').then_some(len + 1)
    }

    fn punctuation(&mut self, first: u8) -> Result<(), SyntaxError> {
        if self.rest().starts_with(b"...") {
            self.push(Token::Ellipsis, 3);
            return Ok(());
        }
        let pair = match (first, self.byte(1)) {
            (b'=', b'=') => Token::Equal,
            (b'!', b'=') => Token::NotEqual,
            (b'<', b'=') => Token::LessEqual,
            (b'>', b'=') => Token::GreaterEqual,
            (b'&', b'&') => Token::And,
            (b'|', b'|') => Token::OrOr,
            (b'-', b'>') => Token::Implies,
            (b'/', b'/') => Token::Update,
            (b'+', b'+') => Token::Concat,
            (b'<', b'|') => Token::PipeLeft,
            (b'|', b'>') => Token::PipeRight,
            (b'$', b'{') => Token::Interpolation,
            (b'\'', b'\'') => return self.open_indented(),
            _ => return self.single(first),
        };
        self.push(pair, 2);
        if pair == Token::Interpolation {
            self.modes.push(Mode::Code);
        }
        Ok(())
    }

    fn open_indented(&mut self) -> Result<(), SyntaxError> {
        // Blanks up to the first line's end belong to the opening quotes.
        let spaces = self.count(2, |byte| byte == b' ');
        let swallowed = if self.byte(2 + spaces) == b'\n' {
            spaces + 1
        } else {
            0
        };
        self.push(Token::IndentedOpen, 2 + swallowed);
        self.modes.push(Mode::Indented);
        Ok(())
    }

    fn single(&mut self, first: u8) -> Result<(), SyntaxError> {
        match first {
            b'"' => {
                self.push(Token::StringOpen, 1);
                self.modes.push(Mode::String);
            }
            b'{' => {
                self.push(Token::Char(first), 1);
                self.modes.push(Mode::Code);
            }
            b'}' => {
                self.push(Token::Char(first), 1);
                if self.modes.len() > 1 {
                    self.modes.pop();
                }
            }
            b'(' | b')' | b'[' | b']' | b':' | b';' | b',' | b'.' | b'@' | b'?' | b'=' | b'<'
            | b'>' | b'!' | b'+' | b'-' | b'*' | b'/' => self.push(Token::Char(first), 1),
            _ => {
                let text = String::from_utf8_lossy(self.rest());
                let bad = text.chars().next().unwrap_or('?');
                return self.error(
                    format!("syntax error, unexpected '{}'", bad.escape_debug()),
                    1,
                );
            }
        }
        Ok(())
    }

    fn string(&mut self) -> Result<(), SyntaxError> {
        let mut len = 0;
        loop {
            match self.byte(len) {
                _ if self.offset + len >= self.bytes.len() => {
                    return Err(self.open_string());
                }
                b'"' => break,
                b'$' if self.byte(len + 1) == b'{' => break,
                // `$` takes the next character with it, so that `$${` interpolates nothing.
                b'$' if !matches!(self.byte(len + 1), b'"' | b'\\') => len += 2,
                b'\\' => len += 2,
                _ => len += 1,
            }
        }
        if len > 0 {
            self.push(Token::StringText, len);
        }
        if self.byte(0) == b'"' {
            self.push(Token::StringClose, 1);
            self.modes.pop();
        } else {
            self.push(Token::Interpolation, 2);
            self.modes.push(Mode::Code);
        }
        Ok(())
    }

    /// The length of text without any special meaning, in an indented string.
    fn indented_text_len(&self) -> usize {
        let mut len = 0;
        while self.offset + len < self.bytes.len() {
            let end = self.offset + len + 1 == self.bytes.len();
            match (self.byte(len), self.byte(len + 1)) {
                (b'$', b'{' | b'\'') | (b'\'', b'\'' | b'$') => break,
                (b'$' | b'\'', _) if end => break,
                (b'$' | b'\'', _) => len += 2,
                _ => len += 1,
            }
        }
        len
    }

    fn indented(&mut self) -> Result<(), SyntaxError> {
        let len = self.indented_text_len();
        if len > 0 {
            self.push(Token::IndentedText, len);
            return Ok(());
        }
        let rest = self.rest();
        match rest {
            [] => return Err(self.open_string()),
            [b'$', b'{', ..] => {
                self.push(Token::Interpolation, 2);
                self.modes.push(Mode::Code);
            }
            [b'\'', b'\'', b'$' | b'\'', ..] => self.push(Token::IndentedEscape, 3),
            [b'\'', b'\'', b'\\', first, ..] => {
                // One character, of as many bytes as its first one says.
                let character = first.leading_ones().max(1) as usize;
                self.push(Token::IndentedEscape, 3 + character);
            }
            [b'\'', b'\'', ..] => {
                self.push(Token::IndentedClose, 2);
                self.modes.pop();
            }
            _ => self.push(Token::IndentedEscape, 1),
        }
        Ok(())
    }

    fn path(&mut self, after_slash: bool) -> Result<(), SyntaxError> {
        if self.rest().starts_with(b"${") {
            self.set_path_mode(false);
            self.push(Token::Interpolation, 2);
            self.modes.push(Mode::Code);
            return Ok(());
        }
        let len = self.count(0, |byte| is_path_char(byte) || byte == b'/');
        if len > 0 {
            self.push(Token::PathText, len);
            self.set_path_mode(self.bytes[self.offset - 1] == b'/');
            return Ok(());
        }
        if after_slash {
            return self.error("path has a trailing slash", 1);
        }
        self.push(Token::PathEnd, 0);
        self.modes.pop();
        Ok(())
    }

    fn set_path_mode(&mut self, after_slash: bool) {
        if let Some(mode) = self.modes.last_mut() {
            *mode = Mode::Path { after_slash };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<(Token, &str)> {
        let lexemes = lex(text).unwrap_or_else(|error| panic!("{}", error.message));
        let shown = |l: &Lexeme| (l.token, &text[l.start as usize..l.end as usize]);
        lexemes[..lexemes.len() - 1].iter().map(shown).collect()
    }

    #[test]
    fn the_longest_match_wins() {
        assert_eq!(
            tokens("a/b"),
            [(Token::PathText, "a/b"), (Token::PathEnd, "")]
        );
        assert_eq!(tokens("10/(2)")[1], (Token::Char(b'/'), "/"));
        assert_eq!(tokens("x:x"), [(Token::Uri, "x:x")]);
        assert_eq!(tokens("x: x").len(), 3);
        assert_eq!(tokens("a//b")[1], (Token::Update, "//"));
        assert_eq!(tokens("<a/b>"), [(Token::SearchPath, "<a/b>")]);
        assert_eq!(tokens("1<2")[1], (Token::Char(b'<'), "<"));
        assert_eq!(
            tokens("a.b"),
            [
                (Token::Ident, "a"),
                (Token::Char(b'.'), "."),
                (Token::Ident, "b")
            ]
        );
        assert_eq!(tokens("-a/b")[0], (Token::PathText, "-a/b"));
        assert_eq!(tokens("a -> b")[1], (Token::Implies, "->"));
    }

    #[test]
    fn numbers_end_where_they_do_in_nix() {
        assert_eq!(tokens("1."), [(Token::Float, "1.")]);
        assert_eq!(tokens(".5e-3"), [(Token::Float, ".5e-3")]);
        assert_eq!(tokens("0.5"), [(Token::Float, "0.5")]);
        assert_eq!(tokens("01.5"), [(Token::Int, "01"), (Token::Float, ".5")]);
        assert_eq!(tokens("1.5e"), [(Token::Float, "1.5"), (Token::Ident, "e")]);
    }

    #[test]
    fn dollars_escape_each_other() {
        assert_eq!(tokens("\"$${a}\"")[1], (Token::StringText, "$${a}"));
        assert_eq!(tokens("\"$a${b}\"")[1], (Token::StringText, "$a"));
        assert_eq!(tokens("''$${a}''")[1], (Token::IndentedText, "$${a}"));
        assert_eq!(tokens("'' \n x''")[0], (Token::IndentedOpen, "'' \n"));
    }

    #[test]
    fn any_character_can_be_escaped() {
        let escape = |text| tokens(text)[1];
        assert_eq!(escape(r"''''\nx''"), (Token::IndentedEscape, r"''\n"));
        assert_eq!(escape(r"''''\ћx''"), (Token::IndentedEscape, r"''\ћ"));
    }

    #[test]
    fn paths_may_be_interpolated() {
        let kinds: Vec<Token> = tokens("./a${b}/c")
            .iter()
            .map(|(token, _)| *token)
            .collect();
        assert_eq!(
            kinds,
            [
                Token::PathText,
                Token::Interpolation,
                Token::Ident,
                Token::Char(b'}'),
                Token::PathText,
                Token::PathEnd
            ]
        );
        assert!(lex("a/b/").is_err());
    }
}
