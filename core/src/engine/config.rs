//! What a run is told, resolved: nothing of it is optional or looked up later.

use nixops4_proto::evaluator::RootSource;

use crate::MemberPath;

/// What a run is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the text of the deployment is.
    pub root: RootSource,
    /// Whether traces of evaluation errors are whole.
    pub show_trace: bool,
    /// How many provider calls run at once.
    pub parallelism: usize,
    /// Whether objects are read before they are planned.
    pub refresh: Refresh,
    /// What is looked at.
    pub selection: Selection,
}

/// How many provider calls run at once unless the user says otherwise.
pub const DEFAULT_PARALLELISM: usize = 10;

impl Config {
    /// All of a deployment, with what holds where the user says nothing.
    pub fn new(root: RootSource) -> Self {
        Self {
            root,
            show_trace: false,
            parallelism: DEFAULT_PARALLELISM,
            refresh: Refresh::default(),
            selection: Selection::default(),
        }
    }
}

/// Which objects are read before they are planned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Refresh {
    /// None: what is remembered is believed.
    None,
    /// All.
    #[default]
    All,
}

/// What is looked at: components with everything below them; what those depend on comes along.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection(Option<Vec<MemberPath>>);

impl Selection {
    /// Everything.
    pub fn all() -> Self {
        Self::default()
    }

    /// These components; everything, if there are none.
    pub fn members(members: impl IntoIterator<Item = MemberPath>) -> Self {
        let members: Vec<_> = members.into_iter().collect();
        Self((!members.is_empty()).then_some(members))
    }

    /// Nothing but what is asked for on the way.
    pub fn nothing() -> Self {
        Self(Some(Vec::new()))
    }

    /// Whether it is everything.
    pub fn is_all(&self) -> bool {
        match &self.0 {
            None => true,
            Some(members) => members.iter().any(MemberPath::is_root),
        }
    }

    /// Whether a component is one of those, or below one.
    pub fn covers(&self, path: &MemberPath) -> bool {
        self.is_all() || self.chosen().iter().any(|member| path.is_within(member))
    }

    /// Whether a component is one of those itself.
    pub fn names(&self, path: &MemberPath) -> bool {
        self.chosen().contains(path)
    }

    fn chosen(&self) -> &[MemberPath] {
        self.0.as_deref().unwrap_or_default()
    }

    /// The components to start from.
    pub fn targets(&self) -> Vec<MemberPath> {
        match self.is_all() {
            true => vec![MemberPath::root()],
            false => self.chosen().to_vec(),
        }
    }
}
