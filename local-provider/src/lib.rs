//! The local provider and the provider SDK it is written on.
