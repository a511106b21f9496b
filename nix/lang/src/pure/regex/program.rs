//! From the parsed pattern to instructions that [`super::exec`] runs.

use super::bracket::ByteSet;
use super::parse::{Node, Parsed};

/// The pattern unfolds to more instructions than libstdc++ would hold.
#[derive(Debug)]
pub(super) struct TooLarge;

/// libstdc++ gives up at 100,000 states, six of which it always has beside these.
const MAX_STATES: usize = 99_994;

/// Loops whose passes without progress are counted, two bits each in a `u64`.
const MAX_COUNTED_LOOPS: u32 = 32;

pub(super) type Address = u32;

/// One instruction; `next` is the address to go on at.
#[derive(Debug, Clone, Copy)]
pub(super) enum Instruction {
    /// One byte out of set number `set`.
    Byte { set: u32, next: Address },
    /// As many bytes as possible out of a set, then fewer.
    Run { set: u32, next: Address, memo: u32 },
    /// Remember the position.
    Save { slot: u32, next: Address },
    /// Only at the beginning of the text.
    Begin { next: Address },
    /// Only at its end.
    End { next: Address },
    /// Both, keeping the longer match.
    Alt {
        first: Address,
        second: Address,
        memo: u32,
    },
    /// `more` and, if that leads nowhere, `less`. A `counted` one may be passed only twice at one
    /// position, since its body can be empty.
    Repeat {
        more: Address,
        less: Address,
        memo: u32,
        counted: Option<u32>,
    },
    /// The pattern has matched.
    Accept,
}

/// A compiled pattern.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) instructions: Vec<Instruction>,
    pub(super) sets: Vec<ByteSet>,
    pub(super) start: Address,
    pub(super) groups: usize,
    /// How many instructions have a memo number.
    pub(super) memos: u32,
    /// Whether some loop is counted.
    pub(super) counted: bool,
    /// Whether it has an alternation, so that the first match need not be the longest.
    pub(super) alternates: bool,
    /// The bytes a match can start with; `None` where it can be empty.
    pub(super) first: Option<ByteSet>,
}

/// Compiles a parsed pattern.
pub(super) fn compile(parsed: &Parsed) -> Result<Program, TooLarge> {
    let mut compiler = Compiler::default();
    let accept = compiler.emit(Instruction::Accept)?;
    let start = compiler.node(&parsed.node, accept, false)?;
    let mut first = ByteSet::default();
    let first = (!first_bytes(&parsed.node, &mut first)).then_some(first);
    Ok(Program {
        instructions: compiler.instructions,
        sets: compiler.sets,
        start,
        groups: parsed.groups,
        memos: compiler.memos,
        counted: compiler.loops > 0,
        alternates: compiler.alternates,
        first,
    })
}

/// Adds the bytes a match of `node` can start with; says whether it can match without any.
fn first_bytes(node: &Node, into: &mut ByteSet) -> bool {
    match node {
        Node::Empty | Node::Begin | Node::End => true,
        Node::Set(set) => {
            into.union(set);
            false
        }
        Node::Group(_, body) => first_bytes(body, into),
        Node::Concat(parts) => parts.iter().all(|part| first_bytes(part, into)),
        Node::Alt(left, right) => {
            let left = first_bytes(left, into);
            first_bytes(right, into) || left
        }
        Node::Repeat { max: Some(0), .. } => true,
        Node::Repeat { body, min, .. } => first_bytes(body, into) || *min == 0,
    }
}

#[derive(Default)]
struct Compiler {
    instructions: Vec<Instruction>,
    sets: Vec<ByteSet>,
    memos: u32,
    loops: u32,
    alternates: bool,
    /// libstdc++ spends one state more on a group than its two ends.
    group_states: usize,
}

impl Compiler {
    fn emit(&mut self, instruction: Instruction) -> Result<Address, TooLarge> {
        if self.instructions.len() + self.group_states >= MAX_STATES {
            return Err(TooLarge);
        }
        self.instructions.push(instruction);
        Ok((self.instructions.len() - 1) as Address)
    }

    fn memo(&mut self) -> u32 {
        self.memos += 1;
        self.memos - 1
    }

    fn set(&mut self, set: &ByteSet) -> u32 {
        let known = self.sets.iter().position(|other| other == set);
        known.unwrap_or_else(|| {
            self.sets.push(*set);
            self.sets.len() - 1
        }) as u32
    }

    /// Emits `node` followed by `next`; `again` says that it stands in a loop that can come back
    /// to it without having consumed anything.
    fn node(&mut self, node: &Node, next: Address, again: bool) -> Result<Address, TooLarge> {
        match node {
            Node::Empty => Ok(next),
            Node::Set(set) => {
                let set = self.set(set);
                self.emit(Instruction::Byte { set, next })
            }
            Node::Begin => self.emit(Instruction::Begin { next }),
            Node::End => self.emit(Instruction::End { next }),
            Node::Group(number, body) => {
                self.group_states += 1;
                let slot = 2 * (*number as u32 - 1);
                let close = self.emit(Instruction::Save {
                    slot: slot + 1,
                    next,
                })?;
                let body = self.node(body, close, again)?;
                self.emit(Instruction::Save { slot, next: body })
            }
            Node::Concat(parts) => parts
                .iter()
                .rev()
                .try_fold(next, |next, part| self.node(part, next, again)),
            Node::Alt(left, right) => {
                self.alternates = true;
                let first = self.node(left, next, again)?;
                let second = self.node(right, next, again)?;
                let memo = self.memo();
                self.emit(Instruction::Alt {
                    first,
                    second,
                    memo,
                })
            }
            Node::Repeat { body, min, max } => self.repeat(body, *min, *max, next, again),
        }
    }

    fn repeat(
        &mut self,
        body: &Node,
        min: u32,
        max: Option<u32>,
        next: Address,
        again: bool,
    ) -> Result<Address, TooLarge> {
        let (mut address, mandatory) = match (min, max) {
            (0, None) => (self.endless(body, next, again)?.0, 0),
            // The last mandatory pass shares its instructions with the loop behind it.
            (_, None) => {
                let (head, entry) = self.endless(body, next, again)?;
                match entry {
                    Some(entry) => (entry, min - 1),
                    None => (head, min),
                }
            }
            (_, Some(max)) => {
                let mut address = next;
                for _ in min..max {
                    address = self.optional(body, address, next, again)?;
                }
                (address, min)
            }
        };
        for _ in 0..mandatory {
            address = self.node(body, address, again)?;
        }
        Ok(address)
    }

    /// A loop: its head, and the address of its body where one may enter there.
    fn endless(
        &mut self,
        body: &Node,
        next: Address,
        again: bool,
    ) -> Result<(Address, Option<Address>), TooLarge> {
        let memo = self.memo();
        if let Node::Set(set) = body {
            let set = self.set(set);
            return Ok((self.emit(Instruction::Run { set, next, memo })?, None));
        }
        let nullable = body.nullable();
        let counted = self.counter(nullable)?;
        let head = self.emit(Instruction::Accept)?;
        let more = self.node(body, head, again || nullable)?;
        let instruction = Instruction::Repeat {
            more,
            less: next,
            memo,
            counted,
        };
        self.instructions[head as usize] = instruction;
        Ok((head, Some(more)))
    }

    /// One pass that may be left out, going on at `after` or, without it, at `next`.
    fn optional(
        &mut self,
        body: &Node,
        after: Address,
        next: Address,
        again: bool,
    ) -> Result<Address, TooLarge> {
        let counted = self.counter(again && body.nullable())?;
        let more = self.node(body, after, again)?;
        let memo = self.memo();
        self.emit(Instruction::Repeat {
            more,
            less: next,
            memo,
            counted,
        })
    }

    fn counter(&mut self, wanted: bool) -> Result<Option<u32>, TooLarge> {
        if !wanted {
            return Ok(None);
        }
        if self.loops == MAX_COUNTED_LOOPS {
            return Err(TooLarge);
        }
        self.loops += 1;
        Ok(Some(self.loops - 1))
    }
}
