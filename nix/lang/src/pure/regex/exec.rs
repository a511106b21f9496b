//! Runs a compiled pattern over a text: depth first with an explicit stack, remembering what each
//! branching instruction came to at each position.

use std::collections::HashMap;

use super::program::{Address, Instruction, Program};
use super::{Match, Stop, Stopped};

const UNSET: usize = usize::MAX;

/// How many frames are dealt with, and bytes looked at, between two looks at whether to go on.
const STEPS_BETWEEN_LOOKS: usize = 1 << 14;

/// Matches the whole text.
pub(super) fn match_whole(
    program: &Program,
    text: &[u8],
    stop: Stop<'_>,
) -> Result<Option<Match>, Stopped> {
    let mut machine = Machine::new(program, text, stop);
    machine.whole = true;
    Ok(machine.attempt(0)?.then(|| machine.take_match(0)))
}

/// All matches, each search going on where the last match ended.
pub(super) fn find_all(
    program: &Program,
    text: &[u8],
    stop: Stop<'_>,
) -> Result<Vec<Match>, Stopped> {
    let mut machine = Machine::new(program, text, stop);
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(hit) = machine.search(from)? {
        from = hit.range.end;
        let empty = hit.range.is_empty();
        found.push(hit);
        if !empty {
            continue;
        }
        // After an empty match one at the same place must not be empty; else move on.
        if from == text.len() {
            break;
        }
        let mut anchored = Machine::new(program, text, stop);
        anchored.not_empty_at = Some(from);
        if anchored.attempt(from)? {
            let hit = anchored.take_match(from);
            from = hit.range.end;
            found.push(hit);
        } else {
            from += 1;
        }
    }
    Ok(found)
}

/// A branching instruction at a position, with the passes of counted loops there.
#[derive(Debug, Clone, Copy)]
struct Point {
    memo: u32,
    position: usize,
    counts: u64,
}

/// What to do when everything above on the stack has been tried.
enum Frame {
    Restore {
        slot: usize,
        old: usize,
    },
    Less {
        less: Address,
        point: Point,
    },
    Second {
        second: Address,
        point: Point,
    },
    /// Both sides of an alternation are done; `found` tells what the first came to.
    Join {
        point: Point,
        found: bool,
    },
    Settle {
        point: Point,
    },
    /// A run from `from` of which the exit at `position` was tried last.
    Shorter {
        next: Address,
        memo: u32,
        from: usize,
        position: usize,
        counts: u64,
    },
}

struct Machine<'a> {
    program: &'a Program,
    text: &'a [u8],
    whole: bool,
    not_empty_at: Option<usize>,
    memo: Memo,
    stack: Vec<Frame>,
    slots: Vec<usize>,
    best: Vec<usize>,
    best_end: Option<usize>,
    stop: Stop<'a>,
    /// Until the next look at whether to go on.
    steps: usize,
}

impl<'a> Machine<'a> {
    fn new(program: &'a Program, text: &'a [u8], stop: Stop<'a>) -> Self {
        Self {
            program,
            text,
            whole: false,
            not_empty_at: None,
            memo: Memo::new(program, text.len()),
            stack: Vec::new(),
            slots: vec![UNSET; 2 * program.groups],
            best: Vec::new(),
            best_end: None,
            stop,
            steps: STEPS_BETWEEN_LOOKS,
        }
    }

    /// Counts what was done, and now and then looks whether to go on.
    fn step(&mut self, count: usize) -> Result<(), Stopped> {
        self.steps = self.steps.saturating_sub(count);
        if self.steps > 0 {
            return Ok(());
        }
        self.steps = STEPS_BETWEEN_LOOKS;
        match (self.stop)() {
            true => Err(Stopped),
            false => Ok(()),
        }
    }

    /// The leftmost match from `from` on.
    fn search(&mut self, from: usize) -> Result<Option<Match>, Stopped> {
        let mut start = from;
        loop {
            if let Some(first) = &self.program.first {
                let mut rest = self.text[start..].iter();
                match rest.position(|byte| first.contains(*byte)) {
                    Some(skipped) => start += skipped,
                    None => return Ok(None),
                }
            }
            if self.attempt(start)? {
                return Ok(Some(self.take_match(start)));
            }
            if start == self.text.len() {
                return Ok(None);
            }
            start += 1;
        }
    }

    fn take_match(&mut self, start: usize) -> Match {
        let end = self.best_end.take().unwrap_or(start);
        let groups = self.best.chunks_exact(2).map(|pair| match pair {
            [_, UNSET] => None,
            pair => Some(pair[0]..pair[1]),
        });
        Match {
            range: start..end,
            groups: groups.collect(),
        }
    }

    /// Tries to match at `start`; the outcome is in `best` and `best_end`.
    fn attempt(&mut self, start: usize) -> Result<bool, Stopped> {
        self.memo.forget_successes();
        self.slots.fill(UNSET);
        self.stack.clear();
        self.best_end = None;
        // The first match is the final one where no other can be longer.
        let first_is_final = self.whole || !self.program.alternates;
        let mut found = self.run(self.program.start, start, 0)?;
        loop {
            if found && (first_is_final || self.best_end == Some(self.text.len())) {
                return Ok(true);
            }
            let Some(frame) = self.stack.pop() else {
                return Ok(found);
            };
            self.step(1)?;
            found = self.unwind(frame, found)?;
        }
    }

    /// Goes on with a frame after what stood above it `found` a match or not.
    fn unwind(&mut self, frame: Frame, found: bool) -> Result<bool, Stopped> {
        Ok(match frame {
            Frame::Restore { slot, old } => {
                self.slots[slot] = old;
                found
            }
            Frame::Less { less, point } => {
                if found {
                    self.memo.set(point, true);
                    return Ok(true);
                }
                self.stack.push(Frame::Settle { point });
                self.run(less, point.position, point.counts)?
            }
            Frame::Second { second, point } => {
                self.stack.push(Frame::Join { point, found });
                self.run(second, point.position, point.counts)?
            }
            Frame::Join {
                point,
                found: first,
            } => {
                self.memo.set(point, found || first);
                found || first
            }
            Frame::Settle { point } => {
                self.memo.set(point, found);
                found
            }
            Frame::Shorter {
                next,
                memo,
                from,
                position,
                counts,
            } => {
                let at = |p| Point {
                    memo,
                    position: p,
                    counts: if p == from { counts } else { 0 },
                };
                self.memo.set(at(position), found);
                if found || position == from {
                    return Ok(found);
                }
                let position = position - 1;
                self.stack.push(Frame::Shorter {
                    next,
                    memo,
                    from,
                    position,
                    counts,
                });
                self.run(next, position, at(position).counts)?
            }
        })
    }

    /// Runs from an instruction until it fails, accepts or meets what is already known.
    fn run(
        &mut self,
        mut address: Address,
        mut position: usize,
        mut counts: u64,
    ) -> Result<bool, Stopped> {
        loop {
            match self.program.instructions[address as usize] {
                Instruction::Byte { set, next } => {
                    let Some(byte) = self.text.get(position) else {
                        return Ok(false);
                    };
                    if !self.program.sets[set as usize].contains(*byte) {
                        return Ok(false);
                    }
                    (address, position, counts) = (next, position + 1, 0);
                }
                Instruction::Save { slot, next } => {
                    let slot = slot as usize;
                    self.stack.push(Frame::Restore {
                        slot,
                        old: self.slots[slot],
                    });
                    self.slots[slot] = position;
                    address = next;
                }
                Instruction::Begin { next } if position == 0 => address = next,
                Instruction::End { next } if position == self.text.len() => address = next,
                Instruction::Begin { .. } | Instruction::End { .. } => return Ok(false),
                Instruction::Accept => return Ok(self.accept(position)),
                Instruction::Alt {
                    first,
                    second,
                    memo,
                } => {
                    let point = Point {
                        memo,
                        position,
                        counts,
                    };
                    if let Some(known) = self.memo.get(point) {
                        return Ok(known);
                    }
                    self.stack.push(Frame::Second { second, point });
                    address = first;
                }
                Instruction::Repeat {
                    more,
                    less,
                    memo,
                    counted,
                } => {
                    let point = Point {
                        memo,
                        position,
                        counts,
                    };
                    if let Some(known) = self.memo.get(point) {
                        return Ok(known);
                    }
                    match counted.map(|number| 2 * number) {
                        Some(shift) if counts >> shift & 3 == 2 => address = less,
                        counter => {
                            self.stack.push(Frame::Less { less, point });
                            address = more;
                            counts += counter.map_or(0, |shift| 1 << shift);
                        }
                    }
                }
                Instruction::Run { set, next, memo } => {
                    let from = position;
                    match self.longest_run(set, memo, from, counts) {
                        Ok(end) => {
                            position = end;
                            self.step(end - from)?;
                        }
                        Err(known) => return Ok(known),
                    }
                    self.stack.push(Frame::Shorter {
                        next,
                        memo,
                        from,
                        position,
                        counts,
                    });
                    counts = if position == from { counts } else { 0 };
                    address = next;
                }
            }
        }
    }

    /// Where a run over `set` first leaves, skipping exits known to fail; `Err` where all is
    /// known already.
    fn longest_run(&self, set: u32, memo: u32, from: usize, counts: u64) -> Result<usize, bool> {
        if let Some(known) = self.memo.get(Point {
            memo,
            position: from,
            counts,
        }) {
            return Err(known);
        }
        let set = &self.program.sets[set as usize];
        let mut end = from;
        while self.text.get(end).is_some_and(|byte| set.contains(*byte)) {
            match self.memo.get(Point {
                memo,
                position: end + 1,
                counts: 0,
            }) {
                Some(true) => return Err(true),
                // From there on all has been tried in vain.
                Some(false) => break,
                None => end += 1,
            }
        }
        Ok(end)
    }

    fn accept(&mut self, position: usize) -> bool {
        if self.whole && position != self.text.len() || self.not_empty_at == Some(position) {
            return false;
        }
        if self.best_end.is_none_or(|end| end < position) {
            self.best_end = Some(position);
            self.best.clone_from(&self.slots);
        }
        true
    }
}

/// What has been tried, and whether it led to a match.
enum Memo {
    /// Two bits for each branching instruction at each position: tried, and found.
    Bits {
        per_position: usize,
        words: Vec<u64>,
        successes: Vec<usize>,
    },
    /// Counted loops make more cases, few of which occur.
    Map(HashMap<(u32, usize, u64), bool>),
}

impl Memo {
    fn new(program: &Program, length: usize) -> Self {
        if program.counted {
            return Self::Map(HashMap::new());
        }
        let per_position = program.memos as usize;
        let words = (per_position * (length + 1)).div_ceil(32);
        Self::Bits {
            per_position,
            words: vec![0; words],
            successes: Vec::new(),
        }
    }

    fn get(&self, point: Point) -> Option<bool> {
        match self {
            Self::Bits {
                per_position,
                words,
                ..
            } => {
                let index = point.position * per_position + point.memo as usize;
                match words[index / 32] >> (index % 32 * 2) & 3 {
                    0 => None,
                    bits => Some(bits == 3),
                }
            }
            Self::Map(map) => map
                .get(&(point.memo, point.position, point.counts))
                .copied(),
        }
    }

    fn set(&mut self, point: Point, found: bool) {
        match self {
            Self::Bits {
                per_position,
                words,
                successes,
            } => {
                let index = point.position * *per_position + point.memo as usize;
                words[index / 32] |= (1 | u64::from(found) << 1) << (index % 32 * 2);
                if found {
                    successes.push(index);
                }
            }
            Self::Map(map) => {
                map.insert((point.memo, point.position, point.counts), found);
            }
        }
    }

    /// A failure stays one wherever a match starts; a success belongs to one attempt.
    fn forget_successes(&mut self) {
        match self {
            Self::Bits {
                words, successes, ..
            } => {
                for index in successes.drain(..) {
                    words[index / 32] &= !(3 << (index % 32 * 2));
                }
            }
            Self::Map(map) => map.retain(|_, found| !*found),
        }
    }
}
