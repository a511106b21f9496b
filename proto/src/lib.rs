//! Wire formats: messages only, no behaviour.
