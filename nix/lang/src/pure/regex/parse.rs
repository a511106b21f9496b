//! The grammar of POSIX extended regular expressions, as libstdc++ reads it.

use super::bracket::{self, ByteSet};

/// The pattern breaks the grammar.
#[derive(Debug)]
pub(super) struct Invalid;

/// Nesting beyond this is refused: parsing and compiling recurse once a level.
const MAX_DEPTH: usize = 500;

/// A parsed pattern.
#[derive(Debug, Clone)]
pub(super) enum Node {
    /// Matches the empty string.
    Empty,
    /// One byte out of a set.
    Set(ByteSet),
    /// `^`
    Begin,
    /// `$`
    End,
    /// `( )` with its number, from 1.
    Group(usize, Box<Node>),
    /// One after the other.
    Concat(Vec<Node>),
    /// `a|b`, nested to the left.
    Alt(Box<Node>, Box<Node>),
    /// At least `min` times, at most `max` times, `None` for any number.
    Repeat {
        body: Box<Node>,
        min: u32,
        max: Option<u32>,
    },
}

impl Node {
    /// Whether it can match without consuming anything.
    pub(super) fn nullable(&self) -> bool {
        match self {
            Node::Empty | Node::Begin | Node::End => true,
            Node::Set(_) => false,
            Node::Group(_, body) => body.nullable(),
            Node::Concat(parts) => parts.iter().all(Node::nullable),
            Node::Alt(left, right) => left.nullable() || right.nullable(),
            Node::Repeat { body, min, .. } => *min == 0 || body.nullable(),
        }
    }
}

/// A pattern and how many groups it has.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) node: Node,
    pub(super) groups: usize,
}

/// Parses a whole pattern.
pub(super) fn parse(pattern: &[u8]) -> Result<Parsed, Invalid> {
    let mut parser = Parser {
        rest: pattern,
        groups: 0,
        depth: 0,
    };
    let node = parser.disjunction()?;
    // What remains can only be a `)` without its `(`, or a repetition of nothing.
    if parser.rest.is_empty() {
        Ok(Parsed {
            node,
            groups: parser.groups,
        })
    } else {
        Err(Invalid)
    }
}

struct Parser<'a> {
    rest: &'a [u8],
    groups: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    fn disjunction(&mut self) -> Result<Node, Invalid> {
        let mut node = self.sequence()?;
        while self.eat(b'|') {
            let right = self.sequence()?;
            node = Node::Alt(Box::new(node), Box::new(right));
        }
        Ok(node)
    }

    fn sequence(&mut self) -> Result<Node, Invalid> {
        let mut parts = Vec::new();
        while let Some(part) = self.term()? {
            parts.push(part);
        }
        Ok(match parts.len() {
            0 => Node::Empty,
            1 => parts.remove(0),
            _ => Node::Concat(parts),
        })
    }

    /// One atom with its repetitions, or `None` where no atom can start.
    fn term(&mut self) -> Result<Option<Node>, Invalid> {
        let Some(byte) = self.peek() else {
            return Ok(None);
        };
        if matches!(byte, b'|' | b')' | b'*' | b'+' | b'?' | b'{') {
            return Ok(None);
        }
        self.rest = &self.rest[1..];
        let atom = match byte {
            // An anchor takes no repetition: in `^*` the star has nothing to repeat.
            b'^' => return Ok(Some(Node::Begin)),
            b'$' => return Ok(Some(Node::End)),
            b'(' => self.group()?,
            b'[' => {
                let (set, rest) = bracket::parse(self.rest)?;
                self.rest = rest;
                Node::Set(set)
            }
            b'.' => Node::Set(ByteSet::single(0).negated()),
            b'\\' => Node::Set(ByteSet::single(self.escape()?)),
            0 => return Err(Invalid),
            _ => Node::Set(ByteSet::single(byte)),
        };
        self.repetitions(atom).map(Some)
    }

    fn group(&mut self) -> Result<Node, Invalid> {
        self.groups += 1;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Invalid);
        }
        let number = self.groups;
        let body = self.disjunction()?;
        self.depth -= 1;
        if self.eat(b')') {
            Ok(Node::Group(number, Box::new(body)))
        } else {
            Err(Invalid)
        }
    }

    /// Only characters with a meaning may be escaped; `]` and `}` have none outside their
    /// brackets.
    fn escape(&mut self) -> Result<u8, Invalid> {
        let byte = self.peek().ok_or(Invalid)?;
        self.rest = &self.rest[1..];
        if b".[\\()*+?{|^$".contains(&byte) {
            Ok(byte)
        } else {
            Err(Invalid)
        }
    }

    fn repetitions(&mut self, atom: Node) -> Result<Node, Invalid> {
        let mut node = atom;
        for _ in 0..MAX_DEPTH {
            let (min, max) = match self.peek() {
                Some(b'*') => (0, None),
                Some(b'+') => (1, None),
                Some(b'?') => (0, Some(1)),
                Some(b'{') => {
                    self.rest = &self.rest[1..];
                    let (min, max) = self.bounds()?;
                    node = Node::Repeat {
                        body: Box::new(node),
                        min,
                        max,
                    };
                    continue;
                }
                _ => return Ok(node),
            };
            self.rest = &self.rest[1..];
            node = Node::Repeat {
                body: Box::new(node),
                min,
                max,
            };
        }
        Err(Invalid)
    }

    /// The inside of `{m}`, `{m,}` or `{m,n}`, after the opening brace.
    fn bounds(&mut self) -> Result<(u32, Option<u32>), Invalid> {
        let min = self.number()?.ok_or(Invalid)?;
        let max = if self.eat(b',') {
            self.number()?
        } else {
            Some(min)
        };
        if !self.eat(b'}') || max.is_some_and(|max| max < min) {
            return Err(Invalid);
        }
        Ok((min, max))
    }

    fn number(&mut self) -> Result<Option<u32>, Invalid> {
        let digits = self
            .rest
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let (number, rest) = self.rest.split_at(digits);
        self.rest = rest;
        if number.is_empty() {
            return Ok(None);
        }
        let text = std::str::from_utf8(number).map_err(|_| Invalid)?;
        text.parse().map(Some).map_err(|_| Invalid)
    }
}
