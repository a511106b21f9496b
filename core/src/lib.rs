//! The orchestrator: graph, planner, scheduler, state.
